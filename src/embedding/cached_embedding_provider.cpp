#include "core/failure.hpp"
#include "core/hash.hpp"
#include "core/job.hpp"
#include "embedding/cache_file.hpp"

#include <whisperstore/embedding/cached_embedding_provider.hpp>

#include <algorithm>
#include <list>
#include <unordered_map>

namespace whisperstore {

namespace {

using Vector = std::shared_ptr<const std::vector<float>>;

/// The memory level.
class RecentVectors
{
public:
    explicit RecentVectors(std::size_t most) : most_(most) {}

    Vector find(const std::string& hash)
    {
        const auto found = by_hash_.find(hash);
        if (found == by_hash_.end())
            return nullptr;
        order_.splice(order_.begin(), order_, found->second);
        return found->second->second;
    }
    void add(const std::string& hash, Vector vector)
    {
        if (most_ == 0 || find(hash))
            return;
        order_.emplace_front(hash, std::move(vector));
        by_hash_.emplace(order_.front().first, order_.begin());
        if (order_.size() > most_) {
            by_hash_.erase(order_.back().first);
            order_.pop_back();
        }
    }
    std::size_t size() const noexcept { return order_.size(); }

private:
    using Order = std::list<std::pair<std::string, Vector>>; // most recently used first
    const std::size_t most_;
    Order order_;
    std::unordered_map<std::string_view, Order::iterator> by_hash_;
};

/// A text that is being embedded for one caller, and for whom else it is.
struct Flight
{
    bool done = false;
    Vector vector;            ///< null when it failed
    std::exception_ptr error; ///< null when the caller gave up: somebody else has to embed it then
    std::vector<std::shared_ptr<Job>> waiting;
};

[[noreturn]] void rethrow(const std::exception_ptr& error)
{
    try {
        std::rethrow_exception(error);
    } catch (...) {
        rethrow_as_storage_error("embedding_cache", "embed");
    }
}

/// Whether an error is the caller's own affair.
bool gave_up(const std::exception_ptr& error)
{
    try {
        std::rethrow_exception(error);
    } catch (const StorageError& failure) {
        return failure.errc() == StorageErrc::cancelled || failure.errc() == StorageErrc::timeout;
    } catch (...) {
        return true; // Asio's own way of telling a cancellation between two steps
    }
}

} // namespace

double EmbeddingCacheStats::hit_rate() const noexcept
{
    const std::uint64_t all = hits + misses;
    return all == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(all);
}

json::object EmbeddingCacheStats::to_json() const
{
    json::object out;
    out["hit_rate"] = hit_rate();
    out["hits"] = json_integer(static_cast<std::int64_t>(hits));
    out["misses"] = json_integer(static_cast<std::int64_t>(misses));
    out["file_hits"] = json_integer(static_cast<std::int64_t>(file_hits));
    out["entries"] = json_integer(static_cast<std::int64_t>(entries));
    if (!file_failure.empty())
        out["file_failure"] = file_failure;
    return out;
}

class CachedEmbeddingProvider::Impl : public std::enable_shared_from_this<Impl>
{
public:
    using Keys = std::vector<std::string>;
    using Found = std::unordered_map<std::string, Vector>;
    using Followed = std::vector<std::pair<std::string, std::shared_ptr<Flight>>>;

    Impl(std::shared_ptr<EmbeddingProvider> inner, EmbeddingCacheOptions options)
        : provider(std::move(inner)), options_(std::move(options)), recent_(options_.entries)
    {
    }

    /// What is to do for each text that is not at hand: embed it, or wait for whoever does.
    struct Plan
    {
        Keys mine;
        Followed others;
    };
    Plan plan(const Keys& keys, Found& found)
    {
        Plan plan;
        const std::lock_guard lock(mutex_);
        for (const std::string& key : keys) {
            if (found.contains(key))
                continue;
            if (Vector vector = recent_.find(key)) {
                found.emplace(key, std::move(vector));
                ++hits_;
            } else if (const auto flight = flights_.find(key); flight != flights_.end()) {
                plan.others.emplace_back(key, flight->second);
            } else {
                flights_.emplace(key, std::make_shared<Flight>());
                plan.mine.push_back(key);
            }
        }
        return plan;
    }

    /// Ends the caller's own flights: each with its vector, or all with what went wrong.
    void land(const Keys& mine, const Found& found, const std::exception_ptr& error)
    {
        std::vector<std::shared_ptr<Job>> waiting;
        {
            const std::lock_guard lock(mutex_);
            for (const std::string& key : mine) {
                const std::shared_ptr<Flight> flight = flights_.at(key);
                flights_.erase(key);
                flight->done = true;
                if (const auto vector = found.find(key); vector != found.end()) {
                    flight->vector = vector->second;
                    recent_.add(key, vector->second);
                } else if (error && !gave_up(error)) {
                    flight->error = error;
                }
                std::ranges::move(flight->waiting, std::back_inserter(waiting));
            }
        }
        for (const std::shared_ptr<Job>& job : waiting)
            if (job->begin())
                job->complete();
    }

    /// Waits for another caller's flight; nothing when that caller gave up.
    awaitable<Vector> follow(std::shared_ptr<Flight> flight, OperationContext context)
    {
        std::function<void(std::shared_ptr<Job>)> submit = [this, flight](const std::shared_ptr<Job>& job) {
            {
                const std::lock_guard lock(mutex_);
                if (!flight->done) {
                    flight->waiting.push_back(job);
                    return;
                }
            }
            if (job->begin())
                job->complete();
        };
        co_await Job::wait(std::make_shared<Job>(), std::move(submit), std::move(context));
        const std::lock_guard lock(mutex_);
        if (flight->error)
            std::rethrow_exception(flight->error);
        if (flight->vector)
            ++hits_;
        co_return flight->vector;
    }

    /// The vectors of texts that are in nobody's flight but the caller's.
    awaitable<void> fetch(Keys mine, const std::unordered_map<std::string, std::string>& texts, Found& found,
                          OperationContext context)
    {
        const std::shared_ptr<EmbeddingCacheFile> file = co_await open_file(context);
        std::vector<std::string> missing;
        std::vector<std::string> missing_keys;
        EmbeddingCacheFile::Vectors stored;
        if (file)
            stored = co_await find_in_file(*file, mine, context);
        for (const std::string& key : mine) {
            if (const auto one = stored.find(key); one != stored.end()) {
                found[key] = std::make_shared<const std::vector<float>>(std::move(one->second));
            } else {
                missing.push_back(texts.at(key));
                missing_keys.push_back(key);
            }
        }
        {
            const std::lock_guard lock(mutex_);
            hits_ += stored.size();
            file_hits_ += stored.size();
            misses_ += missing.size();
        }
        if (missing.empty())
            co_return;
        std::vector<std::vector<float>> vectors = co_await provider->embed(std::move(missing), std::move(context));
        EmbeddingCacheFile::Vectors fresh;
        for (std::size_t i = 0; i < missing_keys.size(); ++i) {
            if (file)
                fresh.emplace(missing_keys[i], vectors[i]);
            found[missing_keys[i]] = std::make_shared<const std::vector<float>>(std::move(vectors[i]));
        }
        if (file)
            keep_failure([&] { file->add(std::move(fresh)); });
    }

    awaitable<void> close()
    {
        std::shared_ptr<EmbeddingCacheFile> file;
        {
            const std::lock_guard lock(mutex_);
            file = std::move(file_);
            file_tried_ = false;
        }
        if (!file)
            co_return;
        std::function<void()> work = [file] { file->close(); };
        co_await sqlite::run_on_thread(std::move(work), OperationContext());
    }

    EmbeddingCacheStats stats() const
    {
        const std::lock_guard lock(mutex_);
        EmbeddingCacheStats stats;
        stats.hits = hits_;
        stats.misses = misses_;
        stats.file_hits = file_hits_;
        stats.entries = recent_.size();
        stats.file_failure = file_failure_;
        if (file_ && stats.file_failure.empty())
            stats.file_failure = file_->failure();
        return stats;
    }

    const std::shared_ptr<EmbeddingProvider> provider;

private:
    template <typename Work>
    void keep_failure(Work work)
    {
        try {
            work();
        } catch (const StorageError& error) {
            const std::lock_guard lock(mutex_);
            file_failure_ = error.what();
        }
    }

    awaitable<EmbeddingCacheFile::Vectors> find_in_file(EmbeddingCacheFile& file, Keys keys, OperationContext context)
    {
        try {
            co_return co_await file.find(std::move(keys), std::move(context));
        } catch (const StorageError& error) {
            if (error.errc() == StorageErrc::cancelled || error.errc() == StorageErrc::timeout)
                throw;
            const std::lock_guard lock(mutex_);
            file_failure_ = error.what();
        }
        co_return EmbeddingCacheFile::Vectors();
    }

    /// The file, opened by the first call that needs it; null when it cannot be used.
    awaitable<std::shared_ptr<EmbeddingCacheFile>> open_file(OperationContext context)
    {
        if (options_.file.empty() || options_.file_entries == 0)
            co_return nullptr;
        {
            const std::lock_guard lock(mutex_);
            if (file_tried_)
                co_return file_;
        }
        auto opened = std::make_shared<std::shared_ptr<EmbeddingCacheFile>>();
        // Runs to its end also for a caller that gives up.
        std::function<void()> work = [this, self = shared_from_this(), opened] {
            const std::lock_guard opening(opening_);
            {
                const std::lock_guard lock(mutex_);
                if (file_tried_) {
                    *opened = file_;
                    return;
                }
            }
            EmbeddingCacheFile::Options file;
            file.path = options_.file;
            file.model = provider->model_name();
            file.dimension = provider->dimension();
            file.most = options_.file_entries;
            file.read_only = options_.read_only;
            std::string failure;
            try {
                *opened = std::make_shared<EmbeddingCacheFile>(std::move(file));
            } catch (const StorageError& error) {
                if (error.errc() == StorageErrc::invalid_argument || error.errc() == StorageErrc::version_mismatch)
                    throw; // a mistake that somebody has to know of
                failure = options_.read_only && error.errc() == StorageErrc::not_found ? std::string() : error.what();
            }
            const std::lock_guard lock(mutex_);
            file_ = *opened;
            file_tried_ = true;
            file_failure_ = std::move(failure);
        };
        co_await sqlite::run_on_thread(std::move(work), std::move(context));
        co_return *opened;
    }

    const EmbeddingCacheOptions options_;
    std::mutex opening_;
    mutable std::mutex mutex_; // of what follows
    RecentVectors recent_;
    std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
    std::shared_ptr<EmbeddingCacheFile> file_;
    bool file_tried_ = false;
    std::string file_failure_;
    std::uint64_t hits_ = 0;
    std::uint64_t misses_ = 0;
    std::uint64_t file_hits_ = 0;
};

CachedEmbeddingProvider::CachedEmbeddingProvider(std::shared_ptr<EmbeddingProvider> provider,
                                                 EmbeddingCacheOptions options)
{
    if (!provider)
        throw StorageError(StorageErrc::invalid_argument, "a cache of embeddings needs a provider behind it");
    impl_ = std::make_shared<Impl>(std::move(provider), std::move(options));
}
CachedEmbeddingProvider::~CachedEmbeddingProvider() = default;

awaitable<std::vector<std::vector<float>>> CachedEmbeddingProvider::embed(std::vector<std::string> texts,
                                                                          OperationContext context)
{
    const auto impl = impl_;
    check_texts(texts);
    Impl::Keys keys;
    std::unordered_map<std::string, std::string> by_key;
    for (const std::string& text : texts) {
        keys.push_back(sha256_hex(text));
        by_key.try_emplace(keys.back(), text);
    }
    Impl::Found found;
    while (true) {
        Impl::Plan plan = impl->plan(keys, found);
        if (!plan.mine.empty()) {
            std::exception_ptr error;
            try {
                co_await impl->fetch(plan.mine, by_key, found, context);
            } catch (...) {
                error = std::current_exception();
            }
            impl->land(plan.mine, found, error);
            if (error)
                rethrow(error);
        }
        bool all = true;
        for (auto& [key, flight] : plan.others) {
            Vector vector = co_await impl->follow(flight, context);
            all = all && vector != nullptr;
            if (vector)
                found.emplace(key, std::move(vector));
        }
        if (all)
            break;
    }
    std::vector<std::vector<float>> vectors;
    vectors.reserve(keys.size());
    for (const std::string& key : keys)
        vectors.push_back(*found.at(key));
    co_return vectors;
}

std::size_t CachedEmbeddingProvider::dimension() const noexcept { return impl_->provider->dimension(); }
std::string_view CachedEmbeddingProvider::model_name() const noexcept { return impl_->provider->model_name(); }
std::string_view CachedEmbeddingProvider::provider_type() const noexcept { return impl_->provider->provider_type(); }
double CachedEmbeddingProvider::cache_hit_rate() const noexcept { return impl_->stats().hit_rate(); }
EmbeddingCacheStats CachedEmbeddingProvider::stats() const { return impl_->stats(); }
const std::shared_ptr<EmbeddingProvider>& CachedEmbeddingProvider::provider() const noexcept { return impl_->provider; }

awaitable<void> CachedEmbeddingProvider::close()
{
    const auto impl = impl_;
    co_await impl->close();
}

} // namespace whisperstore

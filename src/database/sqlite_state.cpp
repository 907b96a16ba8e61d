#include "database/sqlite_state.hpp"

#include "database/sqlite_archive.hpp"

#include <whisperstore/core/connection_url.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace whisperstore {

namespace {

constexpr std::string_view backend = "sqlite";
constexpr std::size_t readers_allowed = 64;
constexpr std::size_t streams_allowed = 8;
// An inline read never suspends, so the executor gets its turn after so many.
constexpr std::uint64_t inline_run = 32;

StorageError invalid(const std::string& message)
{
    return StorageError(StorageErrc::invalid_argument, message, ErrorDetails{std::string(backend)});
}

/// Adds a member, and forgets those that are gone.
template <typename T>
void enter(std::vector<std::weak_ptr<T>>& members, const std::shared_ptr<T>& member)
{
    std::erase_if(members, [](const auto& one) { return one.expired(); });
    members.push_back(member);
}

template <typename T>
std::vector<std::shared_ptr<T>> living(const std::vector<std::weak_ptr<T>>& members)
{
    std::vector<std::shared_ptr<T>> out;
    for (const auto& member : members)
        if (auto alive = member.lock())
            out.push_back(std::move(alive));
    return out;
}

} // namespace

/// The private folder of an in-memory database. The writer and the readers are connections of their
/// own, and SQLite's memory databases cannot be shared by such; so it is a file that is never synced.
class SqliteState::MemoryDirectory
{
public:
    MemoryDirectory()
    {
        std::string name = (std::filesystem::temp_directory_path() / "whisperstore-XXXXXX").string();
        if (!::mkdtemp(name.data()))
            sqlite::throw_errno(errno, "cannot create a temporary folder for an in-memory database", backend);
        path_ = name;
    }
    ~MemoryDirectory()
    {
        std::error_code ignored; // a left-over temporary folder harms nobody
        std::filesystem::remove_all(path_, ignored);
    }
    MemoryDirectory(const MemoryDirectory&) = delete;
    MemoryDirectory& operator=(const MemoryDirectory&) = delete;
    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

SqliteState::SqliteState(DatabaseConfig config) : config_(std::move(config))
{
    const SqlitePath parsed = sqlite_path(config_.connection_string);
    memory_ = parsed.memory;
    path_ = parsed.path;
    config_.read_only = config_.read_only || parsed.read_only;
    if (memory_ && config_.read_only)
        throw invalid("an in-memory database cannot be read-only");
    if (config_.synchronous != "FULL" && config_.synchronous != "NORMAL")
        throw invalid("synchronous is '" + config_.synchronous + "'; allowed are FULL and NORMAL");
    if (config_.pool_size == 0 || config_.pool_size > readers_allowed)
        throw invalid("pool_size is " + std::to_string(config_.pool_size) + "; allowed are 1 to 64");
    constexpr std::chrono::hours longest(24);
    if (config_.busy_timeout.count() < 0 || config_.busy_timeout > longest)
        throw invalid("busy_timeout is " + std::to_string(config_.busy_timeout.count()) +
                      " ms; allowed are 0 ms to 24 h");
    if (config_.transaction_idle_limit.count() <= 0 || config_.transaction_idle_limit > longest)
        throw invalid("transaction_idle_limit is " + std::to_string(config_.transaction_idle_limit.count()) +
                      " ms; allowed are 1 ms to 24 h");
}

SqliteState::~SqliteState() { close(); }

std::shared_ptr<sqlite::Store> SqliteState::store_if_open() const
{
    const std::lock_guard lock(mutex_);
    return store_;
}

std::shared_ptr<sqlite::Store> SqliteState::store(std::string_view operation) const
{
    auto open = store_if_open();
    if (!open)
        throw StorageError(StorageErrc::closed, "not connected: call connect() first").within(backend, operation);
    return open;
}

void SqliteState::open()
{
    const std::lock_guard opening(opening_mutex_);
    if (store_if_open())
        return;
    auto directory = memory_ ? std::make_unique<MemoryDirectory>() : nullptr;
    sqlite::StoreOptions options;
    options.open.path = memory_ ? directory->path() / "database.db" : path_;
    options.open.read_only = config_.read_only;
    options.open.synchronous = memory_ ? "OFF" : config_.synchronous;
    options.open.busy_timeout_ms = static_cast<int>(config_.busy_timeout.count());
    options.readers = config_.pool_size;
    auto opened = std::make_shared<sqlite::Store>(options, mark_database);
    counters_->reset();
    const std::lock_guard lock(mutex_);
    memory_directory_ = std::move(directory);
    store_ = std::move(opened);
}

void SqliteState::close()
{
    const std::lock_guard opening(opening_mutex_);
    std::shared_ptr<sqlite::Store> store;
    std::vector<std::shared_ptr<SqliteTransaction>> transactions;
    std::vector<std::shared_ptr<SqliteStream>> streams;
    {
        const std::lock_guard lock(mutex_);
        store = std::move(store_);
        transactions = living(transactions_);
        streams = living(streams_);
        transactions_.clear();
        streams_.clear();
        has_transactions_ = false;
    }
    for (const auto& transaction : transactions)
        transaction->close();
    for (const auto& stream : streams)
        stream->disconnect();
    if (store)
        store->close();
    memory_directory_.reset();
}

std::shared_ptr<SqliteTransaction> SqliteState::new_transaction(const std::shared_ptr<sqlite::Store>& store)
{
    auto transaction = std::make_shared<SqliteTransaction>(store, queries_, counters_, config_.transaction_idle_limit);
    const std::lock_guard lock(mutex_);
    if (store_ != store)
        throw StorageError(StorageErrc::closed, "the adapter was disconnected");
    enter(transactions_, transaction);
    has_transactions_ = true;
    return transaction;
}

std::shared_ptr<void> SqliteState::try_lock_migrations()
{
    const std::lock_guard lock(mutex_);
    if (!migrating_.expired())
        return nullptr;
    const std::shared_ptr<void> token = std::make_shared<char>();
    migrating_ = token;
    return token;
}

std::shared_ptr<SqliteStream> SqliteState::new_stream(const std::shared_ptr<sqlite::Store>& store, BoundQuery query,
                                                      OperationContext context)
{
    if (open_streams_->fetch_add(1) >= streams_allowed) {
        open_streams_->fetch_sub(1);
        throw StorageError(StorageErrc::resource_exhausted,
                           std::to_string(streams_allowed) +
                               " streams are open already: read them to the end or drop them");
    }
    std::shared_ptr<void> permit(nullptr, [count = open_streams_](void*) { count->fetch_sub(1); });
    auto stream = std::make_shared<SqliteStream>(store, std::move(query), std::move(permit), std::move(context));
    const std::lock_guard lock(mutex_);
    if (store_ != store)
        throw StorageError(StorageErrc::closed, "the adapter was disconnected");
    enter(streams_, stream);
    return stream;
}

awaitable<void> SqliteState::refuse_owner()
{
    if (!has_transactions_)
        co_return;
    std::vector<std::shared_ptr<SqliteTransaction>> open;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(transactions_, [](const auto& one) { return one.expired(); });
        open = living(transactions_);
        has_transactions_ = !open.empty();
    }
    std::erase_if(open, [](const auto& transaction) { return !transaction->open(); });
    if (open.empty())
        co_return;
    const void* coroutine = co_await current_coroutine();
    for (const auto& transaction : open)
        if (transaction->open() && transaction->owned_by(coroutine))
            throw StorageError(StorageErrc::invalid_argument,
                               "the caller has an open transaction: use the Transaction object until it is committed "
                               "or rolled back");
}

bool SqliteState::inline_turn_over() noexcept
{
    return inline_reads_.fetch_add(1, std::memory_order_relaxed) % inline_run == inline_run - 1;
}

} // namespace whisperstore

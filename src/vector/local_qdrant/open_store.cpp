#include "vector/local_qdrant/open_store.hpp"

#include "sqlite/files.hpp"
#include "vector/local_qdrant/archive.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore::local_qdrant {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(StorageErrc code, std::string message, bool retryable = false)
{
    ErrorDetails details;
    details.backend = backend;
    details.retryable = retryable;
    throw StorageError(code, std::move(message), std::move(details));
}

StorageError unfinished(const StorageError& error)
{
    return error.prefixed("the restore is decided but not finished; clean up and initialize again to finish it: ")
        .with_outcome(Outcome::unknown);
}

/// A full disk, say, while a collection was opened: the next use may find it mended.
bool is_passing(const std::optional<StorageError>& damage)
{
    return damage && damage->errc() != StorageErrc::corrupt && damage->errc() != StorageErrc::version_mismatch;
}

} // namespace

OpenStore::OpenStore(const VectorDatabaseConfig& config, sqlite::Stopper& stopper)
    : config_(config), directory_(config.persist_directory)
{
    if (config_.read_only) {
        if (!fs::is_directory(directory_.path()))
            fail(StorageErrc::not_found, "the folder " + directory_.path().string() + " does not exist");
    } else {
        sqlite::make_private_directory(directory_.path(), backend);
        lock_ = std::make_unique<sqlite::FileLock>(directory_.path() / ".lock", "vector store", backend);
        directory_.recover();
    }
    pool_ = std::make_shared<SearchPool>(std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 4));
    if (!config_.read_only) {
        build_thread_ = std::make_shared<BuildThread>();
        open_all([&] { check_stop(stopper); });
    }
}

OpenStore::~OpenStore() { close(); }

void OpenStore::open_all(const CheckPoint& check)
{
    for (const std::string& name : directory_.names()) {
        Entry entry = open(name, check);
        const std::lock_guard lock(mutex_);
        entries_[name] = std::move(entry);
    }
}

OpenStore::Entry OpenStore::open(const std::string& name, const CheckPoint& check) const
{
    Entry entry;
    // A read-only opener may meet a file that is being replaced: it is the right one, with the log
    // beside it that belongs to it, if it had the name before and after.
    for (int attempt = 0; attempt < 10; ++attempt) {
        const std::optional<FileIdentity> identity = directory_.identity_of(name);
        if (!identity)
            throw_not_found(name);
        Collection::Options options;
        options.file = directory_.file_of(name);
        options.identity = *identity;
        options.read_only = config_.read_only;
        options.synchronous = config_.synchronous;
        options.pool = pool_;
        options.build_thread = build_thread_;
        options.breadth = config_.hnsw_ef;
        options.graph_threshold = config_.hnsw_threshold;
        options.graph_codes = config_.hnsw_quantization == "int8";
        try {
            entry.damage.reset();
            entry.collection = std::make_shared<Collection>(name, std::move(options), check);
        } catch (const StorageError& error) {
            if (sqlite::is_interrupt(error))
                throw;
            entry.damage = error;
        }
        if (directory_.identity_of(name) == identity)
            return entry;
        entry.collection.reset();
    }
    fail(StorageErrc::unavailable, "collection '" + name + "' is being replaced all the time; try again", true);
}

OpenStore::Entry OpenStore::opened(const std::string& name, const CheckPoint& check)
{
    Entry entry = open(name, check);
    const std::lock_guard lock(mutex_);
    entries_[name] = entry;
    return entry;
}

OpenStore::Entry OpenStore::retried(const std::string& name, Entry entry, const CheckPoint& check)
{
    return is_passing(entry.damage) ? opened(name, check) : entry;
}

std::shared_ptr<Collection> OpenStore::usable(const Entry& entry) const
{
    if (entry.damage)
        throw *entry.damage;
    return entry.collection;
}

void OpenStore::refuse_half_restored() const
{
    if (directory_.restore_pending())
        fail(StorageErrc::unavailable,
             "a restore of " + directory_.path().string() +
                 " is not finished; if no process is at it, open it for writing once",
             true);
}

void OpenStore::throw_not_found(const std::string& name) const
{
    refuse_half_restored();
    std::string message = "collection '" + name + "' does not exist";
    const std::vector<std::string> existing = names();
    for (std::size_t i = 0; i < std::min<std::size_t>(existing.size(), 8); ++i)
        message.append(i == 0 ? "; there are " : ", ").append(existing[i]);
    if (existing.size() > 8)
        message.append(", …");
    fail(StorageErrc::not_found, std::move(message));
}

std::optional<OpenStore::Entry> OpenStore::known(const std::string& name) const
{
    const std::lock_guard lock(mutex_);
    if (closed_)
        fail(StorageErrc::closed, "the vector store was closed");
    if (replacing_)
        fail(StorageErrc::unavailable, "a restore replaces the collections; try again", true);
    const auto found = entries_.find(name);
    return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> OpenStore::names() const
{
    if (config_.read_only) {
        refuse_half_restored(); // before and behind: a restore that is decided lets collections go and come
        std::vector<std::string> there = directory_.names();
        refuse_half_restored();
        return there;
    }
    static_cast<void>(known({})); // refuses while a restore is unfinished: none is not the answer
    std::vector<std::string> names;
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : entries_)
        names.push_back(name);
    return names;
}

awaitable<std::shared_ptr<Collection>> OpenStore::find(std::string name, OperationContext context)
{
    check_collection_name(name);
    const std::optional<Entry> entry = known(name);
    if (!config_.read_only) {
        if (!entry)
            throw_not_found(name);
        if (!is_passing(entry->damage))
            co_return usable(*entry);
    } else if (entry && entry->collection && directory_.identity_of(name) == entry->collection->identity())
        co_return entry->collection;
    auto found = std::make_shared<std::shared_ptr<Collection>>();
    std::function<void(sqlite::Stopper&)> work = [self = shared_from_this(), name, found](sqlite::Stopper& stopper) {
        *found = self->find_blocking(name, [&] { check_stop(stopper); });
    };
    co_await run_stoppable(std::move(work), std::move(context));
    co_return *found;
}

std::shared_ptr<Collection> OpenStore::find_blocking(const std::string& name, const CheckPoint& check)
{
    if (!config_.read_only) {
        std::optional<Entry> entry = known(name);
        if (entry && is_passing(entry->damage)) {
            const std::lock_guard changing(changing_);
            entry = known(name);
            if (entry)
                entry = retried(name, *entry, check);
        }
        if (!entry)
            throw_not_found(name);
        return usable(*entry);
    }
    const std::lock_guard changing(changing_);
    const std::optional<Entry> entry = known(name);
    const std::optional<FileIdentity> identity = directory_.identity_of(name);
    if (entry && entry->collection && identity == entry->collection->identity())
        return entry->collection;
    Entry fresh;
    if (identity)
        fresh = open(name, check);
    {
        // The old one ends with the last operation that holds it.
        const std::lock_guard lock(mutex_);
        entries_.erase(name);
        if (fresh.collection)
            entries_[name] = fresh;
    }
    if (!identity)
        throw_not_found(name);
    return usable(fresh);
}

void OpenStore::check_writable(std::string_view what) const
{
    if (config_.read_only)
        fail(StorageErrc::permission,
             "cannot " + std::string(what) + ": " + directory_.path().string() + " was opened read-only");
}

void OpenStore::create(const std::string& name, const CollectionConfig& config)
{
    check_writable("create a collection");
    const std::lock_guard changing(changing_);
    if (const std::optional<Entry> entry = known(name)) {
        const std::shared_ptr<Collection> collection = usable(retried(name, *entry, nullptr));
        const CollectionConfig existing = collection->config();
        if (existing.embedding_dimension != config.embedding_dimension ||
            existing.distance_metric != config.distance_metric)
            fail(StorageErrc::already_exists,
                 "collection '" + name + "' exists with " + std::to_string(existing.embedding_dimension) +
                     " dimensions and the metric " + existing.distance_metric + ", not " +
                     std::to_string(config.embedding_dimension) + " and " + config.distance_metric);
        return;
    }
    try {
        directory_.add(name, [&](const fs::path& file) { make_collection_file(file, name, config); });
    } catch (const StorageError& error) {
        if (error.outcome() == Outcome::unknown && directory_.identity_of(name))
            opened(name, nullptr); // it could not be taken back: this store finds it like the next one
        throw;
    }
    const Entry entry = opened(name, nullptr);
    if (entry.damage)
        throw entry.damage->with_outcome(Outcome::applied); // it is made, and opened by the next use
}

bool OpenStore::remove(const std::string& name)
{
    check_writable("delete a collection");
    const std::lock_guard changing(changing_);
    std::optional<Entry> entry = known(name);
    if (!entry)
        return false;
    {
        const std::lock_guard lock(mutex_);
        entries_.erase(name);
    }
    if (entry->collection)
        entry->collection->close();
    try {
        directory_.remove(name);
    } catch (const StorageError& error) {
        if (!directory_.identity_of(name)) // it is gone, but a power loss could bring it back
            throw error.with_outcome(Outcome::unknown);
        opened(name, nullptr);
        throw;
    }
    return true;
}

void OpenStore::check_outside(const fs::path& path) const
{
    std::error_code ignored; // a path that cannot be resolved lies elsewhere, or fails later with its reason
    const fs::path folder = fs::weakly_canonical(fs::absolute(path), ignored).parent_path();
    if (folder == fs::weakly_canonical(fs::absolute(directory_.path()), ignored))
        fail(StorageErrc::invalid_argument,
             path.string() + " lies among the collections themselves; choose a path in another folder");
}

void OpenStore::back_up(const fs::path& path, sqlite::Stopper& stopper)
{
    check_outside(path);
    const std::lock_guard changing(changing_);
    std::vector<std::pair<std::string, fs::path>> files;
    for (const std::string& name : names()) {
        const std::optional<Entry> entry = known(name);
        if (entry)
            static_cast<void>(usable(retried(name, *entry, nullptr))); // a backup that leaves something out is none
        files.emplace_back(name, directory_.file_of(name));
    }
    write_archive(path, files, stopper);
}

std::map<std::string, OpenStore::Entry> OpenStore::take_all()
{
    const std::lock_guard lock(mutex_);
    return std::exchange(entries_, {});
}

void OpenStore::restore(const fs::path& path, sqlite::Stopper& stopper)
{
    check_writable("restore");
    check_outside(path);
    const std::lock_guard changing(changing_);
    static_cast<void>(known({})); // refuses while an earlier restore is unfinished
    const std::vector<StoredCollection> collections = check_archive(path, backend, stopper);
    std::vector<std::string> restored;
    try {
        const fs::path folder = directory_.begin_restore();
        for (const StoredCollection& collection : collections) {
            extract_collection(path, collection, folder / directory_.file_of(collection.name).filename(), stopper);
            restored.push_back(collection.name);
        }
        check_stop(stopper);
        directory_.decide_restore(restored);
    } catch (const StorageError& error) {
        try {
            directory_.abandon_restore();
        } catch (const StorageError&) {
            // The first error is the one to tell; what is left is dropped by the next restore or opening.
        }
        if (!directory_.restore_pending())
            throw;
        // Taking it back has failed as well. Nothing may be written now: the next opening will finish it.
        const std::lock_guard lock(mutex_);
        replacing_ = true;
        throw unfinished(error);
    }

    // Decided: whatever happens from here on, the new collections will be there after the next opening.
    {
        const std::lock_guard lock(mutex_);
        replacing_ = true;
    }
    for (auto& [name, entry] : take_all())
        if (entry.collection)
            entry.collection->close();
    try {
        directory_.finish_restore();
        open_all(nullptr);
    } catch (const StorageError& error) {
        throw unfinished(error);
    }
    const std::lock_guard lock(mutex_);
    replacing_ = false;
}

void OpenStore::close() noexcept
{
    const std::lock_guard changing(changing_);
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    for (auto& [name, entry] : take_all())
        if (entry.collection)
            entry.collection->close();
    if (build_thread_)
        build_thread_->stop();
    if (pool_)
        pool_->stop();
    lock_.reset();
}

} // namespace whisperstore::local_qdrant

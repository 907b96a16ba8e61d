#include "backup/backup_folder.hpp"
#include "core/failure.hpp"
#include "core/shield.hpp"
#include "sqlite/store.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/core/version.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <set>

namespace whisperstore {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view backend = "backup";

/// Work on another thread that gives a result. The thread shares what it works on, so that it may
/// outlive a coroutine that is dropped.
template <typename T>
awaitable<T> on_thread(std::function<T()> work, OperationContext context)
{
    auto result = std::make_shared<std::optional<T>>();
    std::function<void()> job = [work = std::move(work), result] { result->emplace(work()); };
    co_await sqlite::run_on_thread(std::move(job), std::move(context));
    co_return std::move(**result);
}

/// Channels with messages; none where there is no such table yet.
awaitable<std::set<std::string>> channels_of(AbstractDatabaseAdapter& database, OperationContext context)
{
    std::set<std::string> channels;
    try {
        const QueryResult result = co_await database.execute_query("SELECT DISTINCT channel_id FROM messages",
                                                                   Parameters(), std::move(context));
        for (const Row& row : result)
            channels.emplace(row["channel_id"].as_text());
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found)
            throw;
    }
    co_return channels;
}

/// A cache that outlives this process is emptied channel by channel: those of `before` and those there
/// are now. One in this process is emptied as a whole.
awaitable<void> empty_cache(BackupTarget stores, std::set<std::string> before)
{
    before.merge(co_await channels_of(stores.database, OperationContext()));
    for (const std::string& channel : before)
        co_await stores.cache.clear_channel_cache(channel);
    co_await stores.cache.cleanup();
    co_await stores.cache.initialize();
}

/// The database as it was before a restore, to put it back. It is kept beside the database, where there
/// is room for it and where the same people may read it, and replaced by the next restore when a killed
/// one left it; of a database on a server it is in the folder for temporary files.
class UndoCopy
{
public:
    explicit UndoCopy(const AbstractDatabaseAdapter& database)
    {
        const fs::path place = database.endpoints().empty() ? fs::path() : fs::path(database.endpoints().front());
        std::error_code ignored; // then it is no file of this machine
        if (place.is_absolute() && fs::is_regular_file(place, ignored)) {
            path_ = place.string() + ".before-restore";
            fs::remove(path_);
            return;
        }
        std::string name = (fs::temp_directory_path() / "whisperstore-restore-XXXXXX").string();
        if (!::mkdtemp(name.data()))
            sqlite::throw_errno(errno, "cannot create a temporary folder", backend);
        folder_ = name;
        path_ = folder_ / "database";
    }
    ~UndoCopy()
    {
        std::error_code ignored; // a left-over is removed by the next restore
        if (!kept_)
            fs::remove_all(folder_.empty() ? path_ : folder_, ignored);
    }
    UndoCopy(const UndoCopy&) = delete;
    UndoCopy& operator=(const UndoCopy&) = delete;

    const fs::path& path() const noexcept { return path_; }
    void keep() noexcept { kept_ = true; }

private:
    fs::path folder_;
    fs::path path_;
    bool kept_ = false;
};

StorageError as_storage_error(const std::exception_ptr& failed)
{
    try {
        try {
            std::rethrow_exception(failed);
        } catch (...) {
            rethrow_as_storage_error(backend, "restore_from_backup");
        }
    } catch (const StorageError& error) {
        return error;
    } catch (const std::exception& error) {
        return StorageError(StorageErrc::unavailable, error.what());
    }
}

/// The vectors are as they were, so the database goes back too.
awaitable<void> put_back(AbstractDatabaseAdapter& database, UndoCopy& before, StorageError why)
{
    std::exception_ptr failed;
    try {
        co_await database.restore_database(before.path());
    } catch (...) {
        failed = std::current_exception();
    }
    if (!failed)
        co_return;
    before.keep();
    const StorageError failure = as_storage_error(failed);
    ErrorDetails details;
    details.native_code = failure.native_code();
    details.outcome = Outcome::unknown;
    throw StorageError(failure.errc(),
                       std::string("the vectors could not be restored (") + why.what() +
                           "), and then the database not be put back (" + failure.what() +
                           "): it holds the backup's content, its old content is in " + before.path().string(),
                       std::move(details));
}

awaitable<BackupManifest> create(BackupTarget stores, fs::path path, OperationContext context)
{
    std::function<std::shared_ptr<PartialBackup>()> begin = [path] { return std::make_shared<PartialBackup>(path); };
    const std::shared_ptr<PartialBackup> partial = co_await on_thread(std::move(begin), context);

    BackupManifest manifest;
    manifest.timestamp = now();
    manifest.backup_path = path;
    manifest.library_version = library_version();
    co_await stores.database.backup_database(partial->file("database"), context);
    co_await stores.vector_db.backup_collections(partial->file("vector_db"), context);

    std::function<BackupManifest()> finish = [partial, manifest,
                                              database_type = std::string(stores.database.database_type()),
                                              vector_type = std::string(stores.vector_db.vector_database_type())] {
        BackupManifest whole = manifest;
        whole.components.push_back(partial->describe("database", database_type));
        whole.components.push_back(partial->describe("vector_db", vector_type));
        partial->publish(whole);
        return whole;
    };
    co_return co_await on_thread(std::move(finish), context);
}

awaitable<void> restore(BackupManifest manifest, BackupTarget stores, OperationContext context)
{
    std::set<std::string> channels = co_await channels_of(stores.database, context);
    UndoCopy before(stores.database);
    co_await stores.database.backup_database(before.path(), context);
    co_await stores.database.restore_database(component_of(manifest, "database").path, context);
    std::exception_ptr failed;
    try {
        co_await stores.vector_db.restore_collections(component_of(manifest, "vector_db").path, context);
    } catch (...) {
        failed = std::current_exception();
    }
    const std::optional<StorageError> failure = failed ? std::optional(as_storage_error(failed)) : std::nullopt;
    // Vectors that may be the backup's, or become so when they are opened again, need its database.
    const bool refused = failure && failure->outcome() == Outcome::not_applied;
    // Also for a caller that gave up: the database goes back, or, as it has happened, the cache must not
    // be left with what was.
    awaitable<void> rest =
        refused ? put_back(stores.database, before, *failure) : empty_cache(stores, std::move(channels));
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    const std::exception_ptr rest_failure = co_await shielded(std::move(rest));
    co_await asio::this_coro::throw_if_cancelled(throws);
    if (failure && !refused) {
        std::string told = "the database has the backup's content, the vectors may not have it yet";
        if (rest_failure)
            told.append(" (and emptying the cache failed: ").append(as_storage_error(rest_failure).what()).append(")");
        throw failure->prefixed(told.append("; restore again when they work: ")).with_outcome(Outcome::unknown);
    }
    if (rest_failure)
        std::rethrow_exception(rest_failure);
    if (failed)
        std::rethrow_exception(failed);
}

} // namespace

awaitable<BackupManifest> UnifiedBackupManager::create_full_backup(BackupTarget storage_layer, fs::path backup_path,
                                                                   OperationContext context)
{
    constexpr std::string_view operation = "create_full_backup";
    context.check_deadline(backend, operation);
    try {
        co_return co_await create(storage_layer, absolute_folder(backup_path), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

awaitable<BackupManifest> UnifiedBackupManager::verify_backup(fs::path backup_path, OperationContext context)
{
    constexpr std::string_view operation = "verify_backup";
    context.check_deadline(backend, operation);
    try {
        std::function<BackupManifest()> check = [path = absolute_folder(backup_path)] {
            return read_and_check_backup(path);
        };
        co_return co_await on_thread(std::move(check), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

awaitable<void> UnifiedBackupManager::restore_from_backup(fs::path backup_path, BackupTarget target_storage_layer,
                                                          OperationContext context)
{
    BackupManifest manifest = co_await verify_backup(std::move(backup_path), context);
    try {
        co_await restore(std::move(manifest), target_storage_layer, std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "restore_from_backup");
    }
}

} // namespace whisperstore

#include "core/hash.hpp"
#include "core/shield.hpp"
#include "sqlite/connection.hpp"
#include "sqlite/store.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/core/version.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <set>
#include <unistd.h>

namespace whisperstore {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view backend = "backup";
constexpr std::string_view manifest_name = "backup_manifest.json";

[[noreturn]] void fail(int error, const std::string& what)
{
    ErrorDetails details;
    details.backend = backend;
    details.native_code = "errno " + std::to_string(error);
    const StorageErrc code = error == ENOSPC || error == EDQUOT                    ? StorageErrc::resource_exhausted
                             : error == EEXIST || error == ENOTEMPTY               ? StorageErrc::already_exists
                             : error == EACCES || error == EROFS || error == EPERM ? StorageErrc::permission
                                                                                   : StorageErrc::unavailable;
    throw StorageError(code, what + ": " + std::generic_category().message(error), std::move(details));
}

[[noreturn]] void refuse_existing(const fs::path& path)
{
    throw StorageError(StorageErrc::already_exists, path.string() + " exists already; choose another folder",
                       ErrorDetails{std::string(backend)});
}

/// Removes a folder when it goes, unless it was kept.
class ScratchFolder
{
public:
    explicit ScratchFolder(fs::path path) : path_(std::move(path)) {}
    ~ScratchFolder()
    {
        std::error_code ignored; // what led here is the error to tell; a left-over folder harms nobody
        if (!path_.empty())
            fs::remove_all(path_, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const fs::path& path() const noexcept { return path_; }
    void keep() noexcept { path_.clear(); }

private:
    fs::path path_;
};

void write_durably(const fs::path& path, const std::string& text)
{
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        fail(errno, "cannot create " + path.string());
    std::size_t written = 0;
    while (written < text.size()) {
        const ssize_t count = ::write(file, text.data() + written, text.size() - written);
        if (count < 0 && errno != EINTR) {
            const int error = errno;
            ::close(file);
            fail(error, "cannot write " + path.string());
        }
        written += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    const int error = ::fsync(file) == 0 ? 0 : errno;
    ::close(file);
    if (error != 0)
        fail(error, "cannot write " + path.string());
}

/// Gives the finished folder its name; never over something that is there.
void publish_folder(const fs::path& partial, const fs::path& path)
{
    sqlite::sync_path(partial, backend);
    if (::renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
        if (errno == EEXIST)
            refuse_existing(path);
        fail(errno, "cannot create " + path.string());
    }
    sqlite::sync_path(path.parent_path(), backend);
}

BackupComponent describe(std::string type, const fs::path& file, std::string_view made_from)
{
    BackupComponent component;
    component.type = std::move(type);
    component.path = file;
    component.sha256 = sha256_hex_of_file(file);
    component.size_bytes = fs::file_size(file);
    component.backend = made_from;
    return component;
}

/// Blocks: reads the manifest and every archive of it.
BackupManifest read_and_check(const fs::path& backup_path)
{
    const fs::path file = backup_path / manifest_name;
    std::ifstream stream(file, std::ios::binary);
    if (!fs::is_regular_file(file) || !stream)
        throw StorageError(StorageErrc::not_found,
                           backup_path.string() + " is not a backup: it has no readable " + std::string(manifest_name));
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    json::object data;
    try {
        data = parse_json_object(text, manifest_name);
    } catch (const StorageError& error) {
        throw StorageError(StorageErrc::corrupt, file.string() + " is damaged: " + error.message());
    }
    BackupManifest manifest = BackupManifest::from_dict(data, backup_path);
    for (const BackupComponent& component : manifest.components) {
        if (!fs::is_regular_file(component.path))
            throw StorageError(StorageErrc::corrupt, component.path.string() + " is missing from the backup");
        if (const std::uint64_t size = fs::file_size(component.path); size != component.size_bytes)
            throw StorageError(StorageErrc::corrupt, component.path.string() + " has " + std::to_string(size) +
                                                         " bytes, the manifest says " +
                                                         std::to_string(component.size_bytes));
        if (sha256_hex_of_file(component.path) != component.sha256)
            throw StorageError(StorageErrc::corrupt,
                               component.path.string() +
                                   " does not have the checksum of the manifest: it was changed or damaged");
    }
    return manifest;
}

const BackupComponent& component_of(const BackupManifest& manifest, std::string_view type)
{
    for (const BackupComponent& component : manifest.components)
        if (component.type == type)
            return component;
    throw StorageError(StorageErrc::corrupt,
                       manifest.backup_path.string() + " holds no component '" + std::string(type) + "'");
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

awaitable<void> empty_cache(ConversationCacheManager& cache, std::set<std::string> channels, OperationContext context)
{
    for (const std::string& channel : channels)
        co_await cache.clear_channel_cache(channel, context);
}

fs::path absolute_folder(const fs::path& path)
{
    fs::path absolute = fs::absolute(path).lexically_normal();
    // "backup/" and "backup" are one folder, but their parents differ for the file system.
    return absolute.has_filename() ? absolute : absolute.parent_path();
}

fs::path make_scratch_folder()
{
    std::string name = (fs::temp_directory_path() / "whisperstore-restore-XXXXXX").string();
    if (!::mkdtemp(name.data()))
        fail(errno, "cannot create a temporary folder");
    return name;
}

} // namespace

awaitable<BackupManifest> UnifiedBackupManager::create_full_backup(BackupTarget storage_layer, fs::path backup_path,
                                                                   OperationContext context)
{
    const fs::path path = absolute_folder(backup_path);
    const fs::path partial = path.string() + ".partial";
    if (fs::exists(fs::symlink_status(path)))
        refuse_existing(path);
    fs::remove_all(partial); // of a backup that was cut off
    sqlite::make_private_directory(partial, backend);
    ScratchFolder scratch(partial);

    BackupManifest manifest;
    manifest.timestamp = now();
    manifest.backup_path = path;
    manifest.library_version = library_version();
    co_await storage_layer.database.backup_database(partial / "database", context);
    co_await storage_layer.vector_db.backup_collections(partial / "vector_db", context);

    const std::string database_type(storage_layer.database.database_type());
    const std::string vector_type(storage_layer.vector_db.vector_database_type());
    std::function<void()> finish = [&] {
        manifest.components.push_back(describe("database", partial / "database", database_type));
        manifest.components.push_back(describe("vector_db", partial / "vector_db", vector_type));
        write_durably(partial / manifest_name, json::serialize(manifest.to_dict()) + "\n");
        publish_folder(partial, path);
    };
    co_await sqlite::run_on_thread(std::move(finish), OperationContext());
    scratch.keep();
    for (BackupComponent& component : manifest.components)
        component.path = path / component.path.filename();
    co_return manifest;
}

awaitable<BackupManifest> UnifiedBackupManager::verify_backup(fs::path backup_path, OperationContext context)
{
    auto manifest = std::make_shared<BackupManifest>();
    std::function<void()> check = [manifest, path = absolute_folder(backup_path)] { *manifest = read_and_check(path); };
    try {
        co_await sqlite::run_on_thread(std::move(check), std::move(context));
    } catch (const StorageError& error) {
        throw error.within(backend, "verify_backup");
    }
    co_return std::move(*manifest);
}

awaitable<void> UnifiedBackupManager::restore_from_backup(fs::path backup_path, BackupTarget target_storage_layer,
                                                          OperationContext context)
{
    const BackupManifest manifest = co_await verify_backup(std::move(backup_path), context);
    const fs::path database_archive = component_of(manifest, "database").path;
    const fs::path vector_archive = component_of(manifest, "vector_db").path;
    AbstractDatabaseAdapter& database = target_storage_layer.database;

    std::set<std::string> channels = co_await channels_of(database, context);
    const ScratchFolder scratch(make_scratch_folder());
    const fs::path before = scratch.path() / "database";
    co_await database.backup_database(before, context);
    co_await database.restore_database(database_archive, context);
    std::exception_ptr failure;
    try {
        co_await target_storage_layer.vector_db.restore_collections(vector_archive, context);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        // The vectors are as they were, so the database goes back too, also for a caller that gave up.
        awaitable<void> undo = database.restore_database(before, OperationContext());
        co_await shielded(std::move(undo));
        std::rethrow_exception(failure);
    }
    channels.merge(co_await channels_of(database, OperationContext()));
    co_await empty_cache(target_storage_layer.cache, std::move(channels), OperationContext());
}

} // namespace whisperstore

#include "backup/archive_content.hpp"
#include "backup/background.hpp"
#include "backup/backup_folder.hpp"
#include "backup/backup_list.hpp"
#include "backup/component_file.hpp"
#include "backup/graph_copy.hpp"
#include "backup/manifest_file.hpp"
#include "backup/restore.hpp"
#include "core/failure.hpp"
#include "sqlite/work_folder.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/version.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <future>
#include <utility>

namespace whisperstore {

namespace {

namespace fs = std::filesystem;
using backup::Watched;

constexpr std::string_view backend = "backup";

std::shared_ptr<std::atomic<std::uint64_t>> uncounted() { return std::make_shared<std::atomic<std::uint64_t>>(0); }

/// Of the database's server or engine; the other stores do not tell.
awaitable<std::string> version_of(AbstractDatabaseAdapter& database, OperationContext context)
{
    const std::string sql = database.dialect() == SqlDialect::sqlite
                                ? "SELECT sqlite_version() AS version"
                                : "SELECT current_setting('server_version') AS version";
    const QueryResult result = co_await database.execute_query(sql, Parameters(), std::move(context));
    co_return std::string(result.rows[0]["version"].as_text());
}

/// One backup in the making.
class Creation
{
public:
    Creation(BackupTarget stores, fs::path path, BackupOptions options, OperationContext context)
        : stores_(stores), path_(std::move(path)), options_(std::move(options)), context_(std::move(context))
    {
    }

    awaitable<BackupManifest> run()
    {
        const std::string unfinished = co_await unfinished_restore(stores_.database, context_);
        if (!unfinished.empty())
            throw StorageError(StorageErrc::conflict, "there is nothing whole to back up: " + unfinished);
        manifest_.timestamp = now();
        manifest_.backup_path = path_;
        manifest_.library_version = library_version();
        co_await begin();
        co_await take("database", std::string(stores_.database.database_type()), [](Creation& self, fs::path file) {
            return self.stores_.database.backup_database(std::move(file), self.context_);
        });
        manifest_.components.back().backend_version = co_await version_of(stores_.database, context_);
        co_await take("vector_db", std::string(stores_.vector_db.vector_database_type()),
                      [](Creation& self, fs::path file) {
                          return self.stores_.vector_db.backup_collections(std::move(file), self.context_);
                      });
        if (stores_.graph && !backup::is_in_database(stores_.graph))
            co_await take("graph", std::string(stores_.graph->graph_database_type()),
                          [](Creation& self, fs::path file) {
                              return backup::write_graph(*self.stores_.graph, std::move(file), self.context_);
                          });
        if (backup::outlives_process(stores_.cache))
            co_await take("cache", std::string(stores_.cache.cache_type()),
                          [](Creation& self, fs::path file) { return self.write_cache(std::move(file)); });
        co_await publish();
        co_return std::move(manifest_);
    }

private:
    using Write = awaitable<void> (*)(Creation&, fs::path);

    awaitable<void> write_cache(fs::path file) { co_await stores_.cache.backup_cache(std::move(file), context_); }

    awaitable<void> begin()
    {
        using Begun = std::pair<std::shared_ptr<backup::PartialBackup>, std::shared_ptr<backup::BackupKey>>;
        if (!options_.passphrase.empty())
            manifest_.encryption = backup::new_encryption();
        std::function<Begun(const Watched&)> work = [path = path_, encryption = manifest_.encryption,
                                                     passphrase = options_.passphrase](const Watched&) {
            Begun begun;
            begun.first = std::make_shared<backup::PartialBackup>(path);
            if (encryption)
                begun.second = std::make_shared<backup::BackupKey>(*encryption, passphrase);
            return begun;
        };
        Begun begun = co_await backup::on_thread<Begun>(std::move(work), uncounted(), context_);
        partial_ = std::move(begun.first);
        key_ = std::move(begun.second);
    }

    awaitable<void> take(std::string type, std::string made_from, Write write)
    {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        BackupComponent component;
        component.type = type;
        component.path = partial_->final_file(type);
        component.backend = std::move(made_from);
        component.compressed = options_.compress;
        const fs::path file = partial_->file(type);
        component.started = now();
        {
            backup::ProgressWatch watch(executor, options_.progress, "snapshot", type);
            watch.follow(file);
            co_await write(*this, file);
        }
        component.finished = now();
        backup::ProgressWatch watch(executor, options_.progress, "pack", type, fs::file_size(file));
        std::function<BackupComponent(const Watched&)> work = [component, file, partial = partial_,
                                                               key = key_](const Watched& watched) {
            BackupComponent packed = component;
            // Both read all of it.
            std::future<backup::Counts> counts = std::async(std::launch::async, [&component, &file, &watched] {
                return backup::count_rows(component.type, file, watched.stopper);
            });
            const fs::path made = backup::pack(file, packed, key.get(), watched);
            packed.counts = counts.get();
            fs::rename(made, file);
            return packed;
        };
        manifest_.components.push_back(
            co_await backup::on_thread<BackupComponent>(std::move(work), watch.bytes(), context_));
    }

    awaitable<void> publish()
    {
        std::function<bool(const Watched&)> work = [partial = partial_, key = key_,
                                                    manifest = manifest_](const Watched&) {
            partial->publish(backup::manifest_text(manifest, key.get()));
            return true;
        };
        co_await backup::on_thread<bool>(std::move(work), uncounted(), context_);
    }

    BackupTarget stores_;
    const fs::path path_;
    BackupOptions options_;
    OperationContext context_;
    BackupManifest manifest_;
    std::shared_ptr<backup::PartialBackup> partial_;
    std::shared_ptr<backup::BackupKey> key_;
};

awaitable<BackupManifest> create(BackupTarget stores, fs::path path, BackupOptions options, OperationContext context)
{
    Creation creation(stores, std::move(path), std::move(options), std::move(context));
    co_return co_await creation.run();
}

/// A backup whose manifest was read and is genuine.
struct OpenedBackup
{
    BackupManifest manifest;
    std::optional<backup::BackupKey> key;
};

awaitable<OpenedBackup> open_backup(fs::path path, std::string passphrase, OperationContext context)
{
    std::function<OpenedBackup(const Watched&)> work = [path = backup::absolute_folder(path),
                                                        passphrase = std::move(passphrase)](const Watched&) {
        backup::ManifestFile file = backup::read_manifest(path);
        OpenedBackup opened;
        opened.key = backup::authenticate(file, passphrase);
        opened.manifest = std::move(file.manifest);
        return opened;
    };
    co_return co_await backup::on_thread<OpenedBackup>(std::move(work), uncounted(), std::move(context));
}

/// As a restore would read it.
void read_component(const BackupComponent& component, const backup::BackupKey* key, bool deep, const Watched& watched)
{
    if (!deep || backup::is_plain(component, key)) {
        backup::check_component_file(component, watched);
        if (!deep)
            return;
    }
    std::optional<sqlite::WorkFolder> work;
    fs::path archive = component.path;
    if (!backup::is_plain(component, key)) {
        work.emplace(fs::temp_directory_path(), "check");
        archive = work->file(component.type);
        backup::unpack(component, key, archive, watched);
    }
    backup::check_archive(component.type, archive, watched.stopper);
    if (component.started && backup::count_rows(component.type, archive, watched.stopper) != component.counts)
        throw StorageError(StorageErrc::corrupt, component.path.string() + " has other rows than the manifest says");
}

awaitable<BackupManifest> verify(fs::path path, BackupOptions options, OperationContext context)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto opened = std::make_shared<OpenedBackup>(co_await open_backup(path, options.passphrase, context));
    for (const BackupComponent& component : opened->manifest.components) {
        backup::ProgressWatch watch(executor, options.progress, "check", component.type, component.size_bytes);
        std::function<bool(const Watched&)> work = [component, opened, deep = options.deep](const Watched& watched) {
            read_component(component, opened->key ? &*opened->key : nullptr, deep, watched);
            return true;
        };
        co_await backup::on_thread<bool>(std::move(work), watch.bytes(), context);
    }
    co_return std::move(opened->manifest);
}

} // namespace

awaitable<BackupManifest> UnifiedBackupManager::create_full_backup(BackupTarget storage_layer, fs::path backup_path,
                                                                   BackupOptions options, OperationContext context)
{
    constexpr std::string_view operation = "create_full_backup";
    context.check_deadline(backend, operation);
    try {
        co_return co_await create(storage_layer, backup::absolute_folder(backup_path), std::move(options),
                                  std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

awaitable<BackupManifest> UnifiedBackupManager::verify_backup(fs::path backup_path, BackupOptions options,
                                                              OperationContext context)
{
    constexpr std::string_view operation = "verify_backup";
    context.check_deadline(backend, operation);
    try {
        co_return co_await verify(std::move(backup_path), std::move(options), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

awaitable<RestoreReport> UnifiedBackupManager::restore_from_backup(fs::path backup_path,
                                                                   BackupTarget target_storage_layer,
                                                                   BackupOptions options, OperationContext context)
{
    constexpr std::string_view operation = "restore_from_backup";
    context.check_deadline(backend, operation);
    try {
        OpenedBackup opened = co_await open_backup(std::move(backup_path), options.passphrase, context);
        co_return co_await backup::restore(std::move(opened.manifest), std::move(opened.key), target_storage_layer,
                                           std::move(options), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

awaitable<std::vector<ListedBackup>> UnifiedBackupManager::list(fs::path folder, OperationContext context)
{
    constexpr std::string_view operation = "list";
    context.check_deadline(backend, operation);
    try {
        using Backups = std::vector<ListedBackup>;
        std::function<Backups(const Watched&)> work = [folder = backup::absolute_folder(folder)](const Watched&) {
            return backup::list_backups(folder);
        };
        co_return co_await backup::on_thread<Backups>(std::move(work), uncounted(), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

awaitable<PruneReport> UnifiedBackupManager::prune(fs::path folder, RetentionRules rules, bool dry_run,
                                                   OperationContext context)
{
    constexpr std::string_view operation = "prune";
    context.check_deadline(backend, operation);
    try {
        std::function<PruneReport(const Watched&)> work = [folder = backup::absolute_folder(folder), rules,
                                                           dry_run](const Watched& watched) {
            return backup::prune_backups(folder, rules, dry_run, watched.stopper);
        };
        co_return co_await backup::on_thread<PruneReport>(std::move(work), uncounted(), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

awaitable<std::string> unfinished_restore(AbstractDatabaseAdapter& database, OperationContext context)
{
    std::string told;
    try {
        const QueryResult result =
            co_await database.execute_query("SELECT value FROM system_settings WHERE key = :key",
                                            params(arg("key", backup::mark_key)), std::move(context));
        if (!result.rows.empty())
            told.append("a restore was cut off, and the stores do not fit each other (")
                .append(result.rows[0]["value"].as_text())
                .append("); restore again");
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found) // no such table, no such mark
            throw;
    }
    co_return told;
}

json::object RestoreReport::to_json() const
{
    json::object out = manifest.to_dict();
    out["backup_path"] = manifest.backup_path.string();
    json::array types;
    for (const std::string& type : restored)
        types.emplace_back(type);
    out["restored"] = std::move(types);
    json::array said;
    for (const std::string& note : notes)
        said.emplace_back(note);
    out["notes"] = std::move(said);
    json::array pointing_nowhere;
    for (const OrphanCount& orphan : orphans) {
        json::object item;
        item["store"] = orphan.store;
        item["what"] = orphan.what;
        item["rows"] = orphan.rows;
        pointing_nowhere.push_back(std::move(item));
    }
    out["orphans"] = std::move(pointing_nowhere);
    out["seconds"] = seconds;
    return out;
}

} // namespace whisperstore

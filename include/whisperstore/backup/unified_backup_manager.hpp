#pragma once
/// \file
/// One backup of all stores: a folder with a manifest and one SQLite archive per store.

#include <whisperstore/backup/backup_manifest.hpp>
#include <whisperstore/backup/backup_retention.hpp>
#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

class AbstractDatabaseAdapter;
class VectorDatabaseManager;
class ConversationCacheManager;
class GraphDatabaseManager;

/// The stores a backup covers. A graph in the tables of the database is part of the database, and the cache in the
/// memory of a process holds nothing that lasts: neither is a component of its own.
struct BackupTarget
{
    AbstractDatabaseAdapter& database;
    VectorDatabaseManager& vector_db;
    ConversationCacheManager& cache;
    GraphDatabaseManager* graph = nullptr; ///< null: there is none

    BackupTarget(AbstractDatabaseAdapter& database_, VectorDatabaseManager& vector_db_,
                 ConversationCacheManager& cache_, GraphDatabaseManager* graph_ = nullptr)
        : database(database_), vector_db(vector_db_), cache(cache_), graph(graph_)
    {
    }
    /// Of a StorageLayer. A graph that is configured but could not be reached at the start throws what it failed with.
    template <typename Layer>
        requires requires(const Layer& layer) { layer.database(), layer.vector_db(), layer.cache(), layer.graph(); }
    BackupTarget(const Layer& layer)
        : BackupTarget(layer.database(), layer.vector_db(), layer.cache(),
                       layer.graph_is_configured() ? &layer.graph() : nullptr)
    {
    }
};

/// A sign of life.
struct BackupProgress
{
    std::string_view phase;           ///< "snapshot", "pack", "check", "unpack", "restore"; valid during the call
    std::string_view component;       ///< type of the component; valid during the call
    std::uint64_t bytes = 0;          ///< of the component in this phase
    std::uint64_t bytes_in_total = 0; ///< 0: not known
};

/// How a backup is made, or read.
struct BackupOptions
{
    bool compress = false; ///< zstd; reading knows by itself
    /// Not empty: the new backup is encrypted with a key made of it; the one that is read must be, with this one.
    std::string passphrase = {};
    bool deep = true; ///< verify_backup() only: whether it opens the archives, too
    /// Called some ten times a second, one call at a time, on the executor of the coroutine. Must not throw.
    std::function<void(const BackupProgress&)> progress = {};
};

/// Rows that point at something that the backup does not hold. The stores are snapshots of slightly different times, so
/// some may be found where others wrote meanwhile.
struct OrphanCount
{
    std::string store; ///< "vector_db"
    std::string what;  ///< "documents of user_memories whose user_id is not in users"
    std::uint64_t rows = 0;
    friend bool operator==(const OrphanCount&, const OrphanCount&) = default;
};

/// What a restore did.
struct RestoreReport
{
    BackupManifest manifest;
    std::vector<std::string> restored; ///< types of components, "database" first
    std::vector<std::string> notes;    ///< what was done otherwise than its component says, or left out, and why
    std::vector<OrphanCount> orphans;
    double seconds = 0;
    json::object to_json() const;
};

/// A folder that looks like a backup.
struct ListedBackup
{
    std::filesystem::path path;
    BackupManifest manifest; ///< empty where it is damaged
    std::string damage;      ///< what is wrong with it; empty: manifest and sizes are right
};

/// What prune() did, or in a dry run would do.
struct PruneReport
{
    std::vector<std::filesystem::path> removed;
    std::vector<std::filesystem::path> kept;
    std::vector<ListedBackup> damaged; ///< left for somebody to look at
};

/// Unified backup system across all storage backends (docs/backup.md). Stateless and thread safe. Cancelling the
/// coroutine, or the deadline of the context, ends an operation like any failure.
class UnifiedBackupManager
{
public:
    /// Writes a backup while the stores go on working. Each store is one snapshot (of a server of vectors or graphs:
    /// page by page, as scroll() and export_part() say), the database's is taken first; their times are in the
    /// manifest. The folder appears whole or not at all. An encrypted backup's archives stand in the clear in the
    /// unfinished folder (0700) until they are encrypted; with the folder they go when it fails.
    /// \throws StorageError already_exists when there is something at `backup_path`; conflict when the stores hold a
    /// restore that was cut off.
    awaitable<BackupManifest> create_full_backup(BackupTarget storage_layer, std::filesystem::path backup_path,
                                                 BackupOptions options = BackupOptions(),
                                                 OperationContext context = OperationContext());

    /// Checks manifest, sizes and checksums, and where `options.deep` every archive: it is decrypted, decompressed and
    /// read as a restore would, and its rows are counted.
    /// \throws StorageError not_found, corrupt, version_mismatch; authentication for a passphrase that is wrong,
    /// missing, or given for a backup that is not encrypted.
    awaitable<BackupManifest> verify_backup(std::filesystem::path backup_path, BackupOptions options = BackupOptions(),
                                            OperationContext context = OperationContext());

    /// Replaces the content of all stores by the backup's; the cache is emptied, or filled where the backup has one.
    /// The whole backup is unpacked beside the database (or in the folder for temporary files) and checked first. When
    /// a store refuses its part, those before it get their old content back; when its outcome is unknown they keep the
    /// backup's, and so has the error: restore again. Until all stores have theirs the database says so in
    /// `system_settings`, so a restore that was killed is noticed (unfinished_restore()) and the same call completes
    /// it.
    awaitable<RestoreReport> restore_from_backup(std::filesystem::path backup_path, BackupTarget target_storage_layer,
                                                 BackupOptions options = BackupOptions(),
                                                 OperationContext context = OperationContext());

    /// The backups in a folder, the newest first, damaged ones at the end. Reads manifests and looks at sizes; it needs
    /// no passphrase and no component. Unfinished backups are not among them.
    awaitable<std::vector<ListedBackup>> list(std::filesystem::path folder,
                                              OperationContext context = OperationContext());

    /// Removes the backups of a folder that no rule keeps, each at once by renaming it first, and what killed processes
    /// left. Never the newest whose checksums are right. Damaged ones stay and are told.
    /// \throws StorageError invalid_argument when no rule keeps anything.
    awaitable<PruneReport> prune(std::filesystem::path folder, RetentionRules rules, bool dry_run = false,
                                 OperationContext context = OperationContext());
};

/// Says in words which restore into the stores was cut off and is to be done again; empty: none.
awaitable<std::string> unfinished_restore(AbstractDatabaseAdapter& database,
                                          OperationContext context = OperationContext());

} // namespace whisperstore

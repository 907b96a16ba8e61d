#pragma once
/// \file
/// One backup of all stores: a folder with a manifest and one SQLite archive per store.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/core/time.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace whisperstore {

class AbstractDatabaseAdapter;
class VectorDatabaseManager;
class ConversationCacheManager;

/// One archive of a backup.
struct BackupComponent
{
    std::string type;           ///< "database", "vector_db"
    std::filesystem::path path; ///< in memory absolute or as given; in the manifest relative to it
    std::string sha256;         ///< of the file, lower-case hex
    std::uint64_t size_bytes = 0;
    std::string backend; ///< the type it was made from, "sqlite"; it restores into any
};

/// What a backup holds: `backup_manifest.json`.
struct BackupManifest
{
    Timestamp timestamp{};             ///< when it was begun
    std::filesystem::path backup_path; ///< the folder
    std::vector<BackupComponent> components;
    int format = 1;              ///< of the manifest and the archives
    std::string library_version; ///< that wrote it

    json::object to_dict() const;
    /// \param backup_path the folder the manifest was read from.
    /// \throws StorageError corrupt naming the field; version_mismatch for a newer format.
    static BackupManifest from_dict(const json::object& data, const std::filesystem::path& backup_path);
};

/// The stores a backup covers. The graph of the fallback is part of the database; the memory cache
/// holds nothing that is not in the database.
struct BackupTarget
{
    AbstractDatabaseAdapter& database;
    VectorDatabaseManager& vector_db;
    ConversationCacheManager& cache;

    BackupTarget(AbstractDatabaseAdapter& database_, VectorDatabaseManager& vector_db_,
                 ConversationCacheManager& cache_)
        : database(database_), vector_db(vector_db_), cache(cache_)
    {
    }
    /// Of a StorageLayer.
    template <typename Layer>
        requires requires(const Layer& layer) { layer.database(), layer.vector_db(), layer.cache(); }
    BackupTarget(const Layer& layer) : BackupTarget(layer.database(), layer.vector_db(), layer.cache())
    {
    }
};

/// Unified backup system across all storage backends. The layout of the archives is documented in
/// docs/archive-format.md.
class UnifiedBackupManager
{
public:
    /// Writes a backup while the stores go on working. Each store is one consistent snapshot; the
    /// database's is taken first. The folder appears whole or not at all.
    /// \throws StorageError already_exists when there is something at `backup_path`.
    awaitable<BackupManifest> create_full_backup(BackupTarget storage_layer, std::filesystem::path backup_path,
                                                 OperationContext context = OperationContext());

    /// Checks manifest, sizes and checksums. \throws StorageError not_found, corrupt, version_mismatch.
    awaitable<BackupManifest> verify_backup(std::filesystem::path backup_path,
                                            OperationContext context = OperationContext());

    /// Replaces the content of all stores by the backup's and empties the cache. The whole backup is
    /// verified first. When a store refuses its part, those before it get their old content back; when
    /// its outcome is unknown they keep the backup's, and so has the error: restore again.
    awaitable<void> restore_from_backup(std::filesystem::path backup_path, BackupTarget target_storage_layer,
                                        OperationContext context = OperationContext());
};

} // namespace whisperstore

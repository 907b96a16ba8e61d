#pragma once
// Putting a backup in the place of what the stores hold.

#include "backup/backup_key.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>

#include <optional>

namespace whisperstore::backup {

awaitable<RestoreReport> restore(BackupManifest manifest, std::optional<BackupKey> key, BackupTarget stores,
                                 BackupOptions options, OperationContext context);

/// Whether the graph is in the tables of the database.
bool is_in_database(const GraphDatabaseManager* graph);
/// Whether the cache outlives the process.
bool outlives_process(const ConversationCacheManager& cache);

} // namespace whisperstore::backup

#pragma once
// The backups in a folder. All of it blocks.

#include "sqlite/stopper.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>

#include <filesystem>
#include <vector>

namespace whisperstore::backup {

/// As UnifiedBackupManager::list(). Throws StorageError not_found when there is no such folder.
std::vector<ListedBackup> list_backups(const std::filesystem::path& folder);

/// As UnifiedBackupManager::prune().
PruneReport prune_backups(const std::filesystem::path& folder, const RetentionRules& rules, bool dry_run,
                          sqlite::Stopper& stopper);

} // namespace whisperstore::backup

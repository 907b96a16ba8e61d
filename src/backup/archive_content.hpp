#pragma once
// What is in the archive of a component, read from its SQLite file. All of it blocks.

#include "sqlite/stopper.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore::backup {

using Counts = std::vector<std::pair<std::string, std::uint64_t>>;

/// As BackupComponent::counts.
Counts count_rows(std::string_view type, const std::filesystem::path& archive, sqlite::Stopper& stopper);

/// Everything that a restore checks before it changes anything.
/// Throws StorageError corrupt or version_mismatch.
void check_archive(std::string_view type, const std::filesystem::path& archive, sqlite::Stopper& stopper);

/// The channels of a cache's archive.
std::vector<std::string> archived_channels(const std::filesystem::path& archive);

/// The archives of a backup.
struct ArchiveFiles
{
    std::filesystem::path database;
    std::filesystem::path vector_db;
    std::filesystem::path graph; ///< empty: none
    std::filesystem::path cache; ///< empty: none
};
/// Those that are not 0.
std::vector<OrphanCount> count_orphans(const ArchiveFiles& files, sqlite::Stopper& stopper);

/// Writes, or with an empty text removes, what tells that a restore is under way, where the database has a table
/// `system_settings`.
void mark_archive(const std::filesystem::path& database, const std::string& text);
inline constexpr std::string_view mark_key = "whisperstore.restore_under_way";

} // namespace whisperstore::backup

#pragma once
/// \file
/// How and where scheduled backups are made (docs/backup.md).

#include <whisperstore/backup/backup_retention.hpp>

#include <filesystem>
#include <string>

namespace whisperstore {

/// Part of a StorageConfiguration. When they are made say `database.backup_enabled` and `backup_interval_hours`.
struct BackupConfig
{
    std::filesystem::path folder = {}; ///< empty: none are made
    bool compress = true;
    std::string passphrase = {};                ///< empty: that of the file
    std::filesystem::path passphrase_file = {}; ///< its first line; empty: backups are not encrypted
    RetentionRules keep = {};
};

/// The passphrase of the configuration; empty: backups are not encrypted.
/// \throws StorageError not_found, invalid_argument for a file that cannot be read or has none.
std::string read_passphrase(const BackupConfig& config);

} // namespace whisperstore

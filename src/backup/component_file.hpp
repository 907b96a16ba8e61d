#pragma once
// The file of a component: an archive as it is, or compressed, or encrypted, or both. All of it blocks.

#include "backup/backup_key.hpp"
#include "backup/byte_stream.hpp"

#include <whisperstore/backup/backup_manifest.hpp>

#include <filesystem>

namespace whisperstore::backup {

/// Makes the file of a component out of the archive at `archive`, beside it, and notes hash and sizes. Returns its path:
/// without compression and encryption it is the archive. \param key null: not encrypted.
std::filesystem::path pack(const std::filesystem::path& archive, BackupComponent& component, const BackupKey* key,
                           const Watched& watched);

/// Throws StorageError corrupt unless the file has the size and the hash of the manifest.
void check_component_file(const BackupComponent& component, const Watched& watched);

/// Writes the archive of a component to a new file. Everything that was read is checked, before it is of any use.
/// Throws StorageError corrupt; resource_exhausted when it would not fit on the disk.
void unpack(const BackupComponent& component, const BackupKey* key, const std::filesystem::path& archive,
            const Watched& watched);

/// Whether the file is the archive itself.
bool is_plain(const BackupComponent& component, const BackupKey* key);

} // namespace whisperstore::backup

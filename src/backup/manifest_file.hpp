#pragma once
// backup_manifest.json as a file: one line in exactly the form in which it is written, with a checksum of itself, and
// of an encrypted backup a code that only who has the passphrase can make.

#include "backup/backup_key.hpp"

#include <whisperstore/backup/backup_manifest.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace whisperstore::backup {

inline constexpr const char* manifest_name = "backup_manifest.json";

/// The text of the file. \param key null: of a backup that is not encrypted.
std::string manifest_text(const BackupManifest& manifest, const BackupKey* key);

/// A manifest that is not damaged; whether it is genuine authenticate() tells.
struct ManifestFile
{
    BackupManifest manifest;
    std::string authenticated; ///< what the code is made of; empty where it is not encrypted
    std::string code;
};
/// Throws StorageError not_found, corrupt, version_mismatch.
ManifestFile read_manifest(const std::filesystem::path& backup_path);

/// The key of a backup; none for one that is not encrypted.
/// Throws StorageError authentication when passphrase and manifest do not fit each other, in whatever way.
std::optional<BackupKey> authenticate(const ManifestFile& file, const std::string& passphrase);

} // namespace whisperstore::backup

#pragma once
/// \file
/// What a backup holds: its `backup_manifest.json`. docs/archive-format.md describes the file.

#include <whisperstore/core/json.hpp>
#include <whisperstore/core/time.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace whisperstore {

/// One archive of a backup.
struct BackupComponent
{
    std::string type;           ///< "database", "vector_db", "graph", "cache"
    std::filesystem::path path; ///< in memory absolute or as given; in the manifest the name of a file beside it
    std::string sha256;         ///< of the file, lower-case hex
    std::uint64_t size_bytes = 0;
    std::string backend;              ///< the type it was made from, "sqlite"; it restores into any
    std::string backend_version;      ///< of the server or engine; empty: not known
    std::optional<Timestamp> started; ///< what it holds is what its store held between the two; none in format 1
    std::optional<Timestamp> finished;
    std::uint64_t content_bytes = 0; ///< of the SQLite archive inside; size_bytes unless compressed or encrypted
    /// Rows of each table, documents of each collection, `nodes` and `edges`, `channels` and `messages`; sorted by
    /// name.
    std::vector<std::pair<std::string, std::uint64_t>> counts;
    bool compressed = false; ///< zstd
};

/// How the components and the manifest are protected by a passphrase.
struct BackupEncryption
{
    std::string salt; ///< 64 hex digits
    std::uint64_t scrypt_n = 0;
    std::uint64_t scrypt_r = 0;
    std::uint64_t scrypt_p = 0;
};

/// What a backup holds.
struct BackupManifest
{
    Timestamp timestamp{};             ///< when it was begun
    std::filesystem::path backup_path; ///< the folder
    std::vector<BackupComponent> components;
    int format = 2;              ///< of the manifest and the archives
    std::string library_version; ///< that wrote it
    std::optional<BackupEncryption> encryption;

    /// Null where the backup has no such component.
    const BackupComponent* find(std::string_view type) const noexcept;
    std::uint64_t size_bytes() const noexcept; ///< of all components

    json::object to_dict() const;
    /// \param backup_path the folder the manifest was read from.
    /// \throws StorageError corrupt naming the field; version_mismatch for a newer format.
    static BackupManifest from_dict(const json::object& data, const std::filesystem::path& backup_path);
};

} // namespace whisperstore

#include "backup/manifest_file.hpp"

#include "core/hash.hpp"

#include <whisperstore/core/error.hpp>

#include <fstream>

namespace whisperstore::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t largest_manifest = std::uintmax_t{16} << 20;
constexpr std::string_view checksum_field = "checksum";
constexpr std::string_view code_field = "authentication";

[[noreturn]] void damaged(const fs::path& backup_path, const std::string& why)
{
    throw StorageError(StorageErrc::corrupt, (backup_path / manifest_name).string() + " is damaged: " + why);
}

std::string read_text(const fs::path& backup_path)
{
    const fs::path path = backup_path / manifest_name;
    std::error_code unknown; // told as not readable
    std::ifstream stream(path, std::ios::binary);
    if (!fs::is_regular_file(fs::symlink_status(path, unknown)) || !stream)
        throw StorageError(StorageErrc::not_found,
                           backup_path.string() + " is not a backup: it has no readable " + std::string(manifest_name));
    if (fs::file_size(path) > largest_manifest)
        damaged(backup_path, "it is larger than any manifest");
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::string line_of(const json::object& data) { return json::serialize(data) + "\n"; }

std::string take_text(json::object& data, std::string_view field, const fs::path& backup_path)
{
    json::value* value = data.if_contains(field);
    if (!value || !value->is_string())
        damaged(backup_path, "it has no field '" + std::string(field) + "'");
    std::string text(value->get_string());
    *value = json::string();
    return text;
}

} // namespace

std::string manifest_text(const BackupManifest& manifest, const BackupKey* key)
{
    json::object data = manifest.to_dict();
    if (key)
        data[code_field] = "";
    data[checksum_field] = "";
    if (key)
        data[code_field] = key->authenticate(line_of(data));
    data[checksum_field] = sha256_hex(line_of(data));
    return line_of(data);
}

ManifestFile read_manifest(const fs::path& backup_path)
{
    const std::string text = read_text(backup_path);
    json::object data;
    try {
        data = parse_json_object(text, manifest_name);
    } catch (const StorageError& error) {
        damaged(backup_path, error.message());
    }
    ManifestFile file;
    file.manifest = BackupManifest::from_dict(data, backup_path);
    if (file.manifest.format == 1)
        return file; // had neither
    if (line_of(data) != text)
        damaged(backup_path, "it is not written as this program writes it");
    if (const std::string checksum = take_text(data, checksum_field, backup_path);
        checksum != sha256_hex(line_of(data)))
        damaged(backup_path, "it does not have its own checksum");
    if (file.manifest.encryption) {
        file.code = take_text(data, code_field, backup_path);
        file.authenticated = line_of(data);
    }
    return file;
}

std::optional<BackupKey> authenticate(const ManifestFile& file, const std::string& passphrase)
{
    const std::string name = file.manifest.backup_path.string();
    if (!file.manifest.encryption) {
        if (passphrase.empty())
            return std::nullopt;
        throw StorageError(StorageErrc::authentication,
                           name + " is not encrypted, although a passphrase is given: somebody may have put it in the "
                                  "place of an encrypted one; if not, use it without a passphrase");
    }
    if (passphrase.empty())
        throw StorageError(StorageErrc::authentication, name + " is encrypted: it takes its passphrase");
    BackupKey key(*file.manifest.encryption, passphrase);
    if (!same_secret(key.authenticate(file.authenticated), file.code))
        throw StorageError(StorageErrc::authentication,
                           "the passphrase is not that of " + name + ", or its manifest was changed");
    return key;
}

} // namespace whisperstore::backup

#include "backup/component_file.hpp"

#include "backup/component_cipher.hpp"
#include "backup/component_compression.hpp"

#include <whisperstore/core/error.hpp>

#include <optional>

namespace whisperstore::backup {

namespace {

namespace fs = std::filesystem;

void check_size(const BackupComponent& component)
{
    // A link could lead out of the folder, where the manifest may not point.
    if (!fs::is_regular_file(fs::symlink_status(component.path)))
        throw StorageError(StorageErrc::corrupt, component.path.string() + " is missing from the backup");
    if (const std::uint64_t size = fs::file_size(component.path); size != component.size_bytes)
        throw StorageError(StorageErrc::corrupt, component.path.string() + " has " + std::to_string(size) +
                                                     " bytes, the manifest says " +
                                                     std::to_string(component.size_bytes));
}

void check_hash(const BackupComponent& component, const std::string& hash)
{
    if (hash != component.sha256)
        throw StorageError(StorageErrc::corrupt,
                           component.path.string() +
                               " does not have the checksum of the manifest: it was changed or damaged");
}

} // namespace

bool is_plain(const BackupComponent& component, const BackupKey* key) { return !component.compressed && !key; }

fs::path pack(const fs::path& archive, BackupComponent& component, const BackupKey* key, const Watched& watched)
{
    component.content_bytes = fs::file_size(archive);
    if (is_plain(component, key)) {
        HashSink hash(nullptr);
        send_file(archive, hash, watched);
        component.sha256 = hash.hex();
        component.size_bytes = component.content_bytes;
        return archive;
    }
    const fs::path packed = archive.string() + ".packed";
    FileSink file(packed);
    HashSink hash(&file);
    ByteSink* first = &hash;
    std::optional<EncryptSink> encrypt;
    if (key)
        first = &encrypt.emplace(*first, key->for_component(component.type));
    std::optional<CompressSink> compress;
    if (component.compressed)
        first = &compress.emplace(*first);
    send_file(archive, *first, watched);
    component.sha256 = hash.hex();
    component.size_bytes = file.size();
    return packed;
}

void check_component_file(const BackupComponent& component, const Watched& watched)
{
    check_size(component);
    HashSink hash(nullptr);
    send_file(component.path, hash, watched);
    check_hash(component, hash.hex());
}

void unpack(const BackupComponent& component, const BackupKey* key, const fs::path& archive, const Watched& watched)
{
    check_size(component);
    if (const fs::space_info space = fs::space(archive.parent_path()); space.available < component.content_bytes)
        throw StorageError(StorageErrc::resource_exhausted, "unpacking " + component.path.string() + " takes " +
                                                                std::to_string(component.content_bytes) + " bytes in " +
                                                                archive.parent_path().string() + ", which has " +
                                                                std::to_string(space.available));
    FileSink file(archive);
    LimitSink limit(file, component.content_bytes, component.path.string());
    ByteSink* first = &limit;
    std::optional<DecompressSink> decompress;
    if (component.compressed)
        first = &decompress.emplace(*first, component.path.string());
    std::optional<DecryptSink> decrypt;
    if (key)
        first = &decrypt.emplace(*first, key->for_component(component.type), component.path.string());
    HashSink hash(first);
    send_file(component.path, hash, watched);
    check_hash(component, hash.hex());
}

} // namespace whisperstore::backup

#include <whisperstore/backup/backup_manifest.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>

namespace whisperstore {

namespace {

constexpr int newest_format = 2;
constexpr std::array<std::string_view, 4> component_types{"database", "vector_db", "graph", "cache"};
constexpr std::string_view cipher = "aes-256-gcm";
constexpr std::string_view key_derivation = "scrypt";
constexpr std::string_view compression = "zstd";

[[noreturn]] void damaged(const std::filesystem::path& backup_path, const std::string& why)
{
    throw StorageError(StorageErrc::corrupt, (backup_path / "backup_manifest.json").string() + ": " + why);
}

/// The fields of one object of a manifest.
class Fields
{
public:
    Fields(const json::object& object, const std::filesystem::path& backup_path)
        : object_(object), backup_path_(backup_path)
    {
    }

    const json::value& member(std::string_view name, json::kind kind) const
    {
        const json::value* found = object_.if_contains(name);
        if (!found || found->kind() != kind)
            damaged(backup_path_,
                    "the field '" + std::string(name) + "' is missing or not a " + std::string(json::to_string(kind)));
        return *found;
    }
    std::string text(std::string_view name) const { return std::string(member(name, json::kind::string).get_string()); }
    std::uint64_t number(std::string_view name) const
    {
        const std::int64_t value = member(name, json::kind::int64).get_int64();
        if (value < 0)
            damaged(backup_path_, "the field '" + std::string(name) + "' is negative");
        return static_cast<std::uint64_t>(value);
    }
    Timestamp time(std::string_view name) const
    {
        const std::string written = text(name);
        const auto parsed = try_parse_timestamp(written);
        if (!parsed)
            damaged(backup_path_, "the field '" + std::string(name) + "' is not a time: " + written);
        return *parsed;
    }
    std::string hex(std::string_view name) const
    {
        std::string value = text(name);
        const bool is_hash = value.size() == 64 && std::all_of(value.begin(), value.end(), [](char c) {
                                 return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                             });
        if (!is_hash)
            damaged(backup_path_, "the field '" + std::string(name) + "' is not 64 lower-case hex digits");
        return value;
    }
    /// Where there may be a text, one word is allowed.
    bool has_word(std::string_view name, std::string_view allowed) const
    {
        if (!object_.contains(name))
            return false;
        if (const std::string word = text(name); word != allowed)
            throw StorageError(StorageErrc::version_mismatch,
                               backup_path_.string() + ": the field '" + std::string(name) + "' is '" + word +
                                   "', this program knows '" + std::string(allowed) + "': use a newer whisperstore");
        return true;
    }
    const json::object& object() const noexcept { return object_; }
    const std::filesystem::path& backup_path() const noexcept { return backup_path_; }

private:
    const json::object& object_;
    const std::filesystem::path& backup_path_;
};

json::object to_json(const BackupComponent& component, int format, bool encrypted)
{
    json::object item;
    item["type"] = component.type;
    item["path"] = component.path.filename().string();
    item["sha256"] = component.sha256;
    item["size_bytes"] = static_cast<std::int64_t>(component.size_bytes);
    item["backend"] = component.backend;
    if (format == 1)
        return item;
    item["backend_version"] = component.backend_version;
    if (component.started)
        item["started"] = format_timestamp(*component.started);
    if (component.finished)
        item["finished"] = format_timestamp(*component.finished);
    item["content_bytes"] = static_cast<std::int64_t>(component.content_bytes);
    json::object counts;
    for (const auto& [name, count] : component.counts)
        counts[name] = static_cast<std::int64_t>(count);
    item["counts"] = std::move(counts);
    if (component.compressed)
        item["compression"] = compression;
    if (encrypted)
        item["encryption"] = cipher;
    return item;
}

/// What format 2 adds.
void read_details(BackupComponent& component, const Fields& fields, bool encrypted)
{
    component.backend_version = fields.text("backend_version");
    component.started = fields.time("started");
    component.finished = fields.time("finished");
    component.content_bytes = fields.number("content_bytes");
    const json::object& counts = fields.member("counts", json::kind::object).get_object();
    const Fields counted(counts, fields.backup_path());
    for (const auto& entry : counts)
        component.counts.emplace_back(entry.key(), counted.number(entry.key()));
    component.compressed = fields.has_word("compression", compression);
    if (fields.has_word("encryption", cipher) != encrypted)
        damaged(fields.backup_path(), "one part of it is encrypted and another is not");
    if (!component.compressed && !encrypted && component.content_bytes != component.size_bytes)
        damaged(fields.backup_path(), "the fields 'size_bytes' and 'content_bytes' do not fit each other");
}

BackupComponent component_from(const Fields& fields, int format, bool encrypted)
{
    BackupComponent component;
    component.type = fields.text("type");
    if (std::find(component_types.begin(), component_types.end(), component.type) == component_types.end())
        damaged(fields.backup_path(), "there is no component of the type '" + component.type +
                                          "'; known are database, vector_db, graph and cache");
    const std::filesystem::path file = fields.text("path");
    // A manifest must not point at files outside its folder.
    if (file.empty() || file != file.filename() || file == "." || file == "..")
        damaged(fields.backup_path(), "the path '" + file.string() + "' is not the name of a file in its folder");
    component.path = fields.backup_path() / file;
    component.sha256 = fields.hex("sha256");
    component.size_bytes = fields.number("size_bytes");
    component.backend = fields.text("backend");
    if (format == 1)
        component.content_bytes = component.size_bytes;
    else
        read_details(component, fields, encrypted);
    return component;
}

json::object to_json(const BackupEncryption& encryption)
{
    json::object out;
    out["cipher"] = cipher;
    out["key_derivation"] = key_derivation;
    out["salt"] = encryption.salt;
    out["n"] = static_cast<std::int64_t>(encryption.scrypt_n);
    out["r"] = static_cast<std::int64_t>(encryption.scrypt_r);
    out["p"] = static_cast<std::int64_t>(encryption.scrypt_p);
    return out;
}

BackupEncryption encryption_from(const Fields& fields)
{
    if (!fields.has_word("cipher", cipher) || !fields.has_word("key_derivation", key_derivation))
        damaged(fields.backup_path(), "'encryption' does not say how");
    return BackupEncryption{fields.hex("salt"), fields.number("n"), fields.number("r"), fields.number("p")};
}

} // namespace

const BackupComponent* BackupManifest::find(std::string_view type) const noexcept
{
    for (const BackupComponent& component : components)
        if (component.type == type)
            return &component;
    return nullptr;
}

std::uint64_t BackupManifest::size_bytes() const noexcept
{
    std::uint64_t sum = 0;
    for (const BackupComponent& component : components)
        sum += component.size_bytes;
    return sum;
}

json::object BackupManifest::to_dict() const
{
    json::object out;
    out["format"] = format;
    out["library_version"] = library_version;
    out["timestamp"] = format_timestamp(timestamp);
    if (format >= 2)
        out["backup_path"] = backup_path.filename().string();
    json::array list;
    for (const BackupComponent& component : components)
        list.push_back(to_json(component, format, encryption.has_value()));
    out["components"] = std::move(list);
    if (encryption)
        out["encryption"] = to_json(*encryption);
    return out;
}

BackupManifest BackupManifest::from_dict(const json::object& data, const std::filesystem::path& backup_path)
{
    const Fields fields(data, backup_path);
    BackupManifest manifest;
    const std::uint64_t format = fields.number("format");
    if (format > newest_format)
        throw StorageError(StorageErrc::version_mismatch,
                           backup_path.string() + " is a backup of format " + std::to_string(format) +
                               ", this program knows " + std::to_string(newest_format) + ": use a newer whisperstore");
    if (format < 1)
        damaged(backup_path, "there is no format " + std::to_string(format));
    manifest.format = static_cast<int>(format);
    manifest.library_version = fields.text("library_version");
    manifest.timestamp = fields.time("timestamp");
    manifest.backup_path = backup_path;
    if (manifest.format >= 2 && data.contains("encryption"))
        manifest.encryption =
            encryption_from(Fields(fields.member("encryption", json::kind::object).get_object(), backup_path));
    for (const json::value& item : fields.member("components", json::kind::array).get_array()) {
        if (!item.is_object())
            damaged(backup_path, "a component is not an object");
        BackupComponent component =
            component_from(Fields(item.get_object(), backup_path), manifest.format, manifest.encryption.has_value());
        for (const BackupComponent& other : manifest.components)
            if (other.type == component.type || other.path == component.path)
                damaged(backup_path, "the component '" + component.type + "' is there twice");
        manifest.components.push_back(std::move(component));
    }
    for (const std::string_view type : {component_types[0], component_types[1]})
        if (!manifest.find(type))
            throw StorageError(StorageErrc::corrupt,
                               backup_path.string() + " holds no component '" + std::string(type) + "'");
    return manifest;
}

} // namespace whisperstore

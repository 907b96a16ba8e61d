#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

constexpr int newest_format = 1;

[[noreturn]] void damaged(const std::filesystem::path& backup_path, const std::string& why)
{
    throw StorageError(StorageErrc::corrupt, (backup_path / "backup_manifest.json").string() + ": " + why);
}

const json::value& member(const json::object& object, std::string_view name, json::kind kind,
                          const std::filesystem::path& backup_path)
{
    const json::value* found = object.if_contains(name);
    if (!found || found->kind() != kind)
        damaged(backup_path,
                "the field '" + std::string(name) + "' is missing or not a " + std::string(json::to_string(kind)));
    return *found;
}

std::string text(const json::object& object, std::string_view name, const std::filesystem::path& backup_path)
{
    return std::string(member(object, name, json::kind::string, backup_path).get_string());
}

std::int64_t number(const json::object& object, std::string_view name, const std::filesystem::path& backup_path)
{
    const std::int64_t value = member(object, name, json::kind::int64, backup_path).get_int64();
    if (value < 0)
        damaged(backup_path, "the field '" + std::string(name) + "' is negative");
    return value;
}

BackupComponent component_from(const json::object& data, const std::filesystem::path& backup_path)
{
    BackupComponent component;
    component.type = text(data, "type", backup_path);
    const std::filesystem::path file = text(data, "path", backup_path);
    // A manifest must not point at files outside its folder.
    if (file.empty() || file != file.filename() || file == "." || file == "..")
        damaged(backup_path, "the path '" + file.string() + "' is not the name of a file in its folder");
    component.path = backup_path / file;
    component.sha256 = text(data, "sha256", backup_path);
    const bool is_hash = component.sha256.size() == 64 &&
                         std::all_of(component.sha256.begin(), component.sha256.end(),
                                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (!is_hash)
        damaged(backup_path, "the field 'sha256' is not 64 lower-case hex digits");
    component.size_bytes = static_cast<std::uint64_t>(number(data, "size_bytes", backup_path));
    component.backend = text(data, "backend", backup_path);
    return component;
}

} // namespace

json::object BackupManifest::to_dict() const
{
    json::object out;
    out["format"] = format;
    out["library_version"] = library_version;
    out["timestamp"] = format_timestamp(timestamp);
    json::array list;
    for (const BackupComponent& component : components) {
        json::object item;
        item["type"] = component.type;
        item["path"] = component.path.filename().string();
        item["sha256"] = component.sha256;
        item["size_bytes"] = static_cast<std::int64_t>(component.size_bytes);
        item["backend"] = component.backend;
        list.push_back(std::move(item));
    }
    out["components"] = std::move(list);
    return out;
}

BackupManifest BackupManifest::from_dict(const json::object& data, const std::filesystem::path& backup_path)
{
    BackupManifest manifest;
    const std::int64_t format = number(data, "format", backup_path);
    if (format > newest_format)
        throw StorageError(StorageErrc::version_mismatch,
                           backup_path.string() + " is a backup of format " + std::to_string(format) +
                               ", this program knows " + std::to_string(newest_format) + ": use a newer whisperstore");
    if (format < 1)
        damaged(backup_path, "there is no format " + std::to_string(format));
    manifest.format = static_cast<int>(format);
    manifest.library_version = text(data, "library_version", backup_path);
    const std::string time = text(data, "timestamp", backup_path);
    const auto parsed = try_parse_timestamp(time);
    if (!parsed)
        damaged(backup_path, "the field 'timestamp' is not a time: " + time);
    manifest.timestamp = *parsed;
    manifest.backup_path = backup_path;
    for (const json::value& item : member(data, "components", json::kind::array, backup_path).get_array()) {
        if (!item.is_object())
            damaged(backup_path, "a component is not an object");
        BackupComponent component = component_from(item.get_object(), backup_path);
        for (const BackupComponent& other : manifest.components)
            if (other.type == component.type || other.path == component.path)
                damaged(backup_path, "the component '" + component.type + "' is there twice");
        manifest.components.push_back(std::move(component));
    }
    return manifest;
}

} // namespace whisperstore

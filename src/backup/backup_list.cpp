#include "backup/backup_list.hpp"

#include "backup/backup_folder.hpp"
#include "backup/component_file.hpp"
#include "backup/manifest_file.hpp"
#include "sqlite/files.hpp"
#include "sqlite/work_folder.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace whisperstore::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view removed_suffix = ".removed";

/// Sizes only: what can be seen without reading gigabytes.
void check_sizes(const BackupManifest& manifest)
{
    for (const BackupComponent& component : manifest.components) {
        std::error_code unknown;
        if (!fs::is_regular_file(fs::symlink_status(component.path, unknown)))
            throw StorageError(StorageErrc::corrupt, component.path.string() + " is missing from the backup");
        if (fs::file_size(component.path, unknown) != component.size_bytes || unknown)
            throw StorageError(StorageErrc::corrupt, component.path.string() + " does not have its size");
    }
}

bool ends_with_mark(const fs::path& path)
{
    const std::string name = path.filename().string();
    return name.ends_with(partial_suffix) || name.ends_with(removed_suffix);
}

std::vector<fs::path> folders_in(const fs::path& folder)
{
    std::error_code failed;
    std::vector<fs::path> folders;
    fs::directory_iterator entries(folder, failed);
    if (failed == std::errc::no_such_file_or_directory)
        throw StorageError(StorageErrc::not_found, "there is no folder " + folder.string());
    if (failed)
        sqlite::throw_errno(failed.value(), "cannot read the folder " + folder.string(), "backup");
    for (const fs::directory_entry& entry : entries)
        if (entry.is_directory(failed) && !entry.is_symlink(failed))
            folders.push_back(entry.path());
    return folders;
}

ListedBackup look_at(const fs::path& path)
{
    ListedBackup backup;
    backup.path = path;
    try {
        backup.manifest = read_manifest(path).manifest;
        check_sizes(backup.manifest);
    } catch (const StorageError& error) {
        backup.damage = error.message();
    }
    return backup;
}

bool has_right_checksums(const BackupManifest& manifest, const Watched& watched)
{
    try {
        for (const BackupComponent& component : manifest.components)
            check_component_file(component, watched);
        return true;
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::corrupt)
            throw;
        return false;
    }
}

/// Gone at once, whatever interrupts the rest.
void remove_backup(const fs::path& path)
{
    const fs::path removed = path.string() + std::string(removed_suffix);
    if (::rename(path.c_str(), removed.c_str()) != 0)
        sqlite::throw_errno(errno, "cannot remove " + path.string(), "backup");
    sqlite::sync_path(path.parent_path(), "backup");
    fs::remove_all(removed);
}

void remove_left_overs(const fs::path& folder)
{
    for (const fs::path& path : folders_in(folder))
        if (ends_with_mark(path))
            sqlite::remove_left_over_folder(path);
}

} // namespace

std::vector<ListedBackup> list_backups(const fs::path& folder)
{
    std::vector<ListedBackup> backups;
    for (const fs::path& path : folders_in(folder)) {
        std::error_code unknown;
        // Another folder is none of ours; one with a manifest of whatever kind is, or was, a backup.
        if (!ends_with_mark(path) && fs::exists(fs::symlink_status(path / manifest_name, unknown)))
            backups.push_back(look_at(path));
    }
    std::sort(backups.begin(), backups.end(), [](const ListedBackup& left, const ListedBackup& right) {
        if (left.damage.empty() != right.damage.empty())
            return left.damage.empty();
        if (left.damage.empty() && left.manifest.timestamp != right.manifest.timestamp)
            return left.manifest.timestamp > right.manifest.timestamp;
        return left.path < right.path;
    });
    return backups;
}

PruneReport prune_backups(const fs::path& folder, const RetentionRules& rules, bool dry_run, sqlite::Stopper& stopper)
{
    if (rules.keeps_nothing())
        throw StorageError(StorageErrc::invalid_argument,
                           "no rule keeps a backup: say how many of the last, of days, weeks or months are kept");
    std::atomic<std::uint64_t> bytes{0};
    PruneReport report;
    std::vector<ListedBackup> good;
    for (ListedBackup& backup : list_backups(folder)) {
        // The newest must be good, or else the older ones are all there is.
        if (backup.damage.empty() && good.empty() && !has_right_checksums(backup.manifest, Watched{stopper, bytes}))
            backup.damage = "its files do not have the checksums of its manifest";
        if (backup.damage.empty())
            good.push_back(std::move(backup));
        else
            report.damaged.push_back(std::move(backup));
    }
    std::vector<Timestamp> times;
    for (const ListedBackup& backup : good)
        times.push_back(backup.manifest.timestamp);
    std::vector<bool> kept = kept_by(rules, times);
    for (std::size_t i = 0; i < good.size(); ++i)
        (kept[i] || i == 0 ? report.kept : report.removed).push_back(good[i].path);
    if (dry_run)
        return report;
    for (const fs::path& path : report.removed)
        remove_backup(path);
    remove_left_overs(folder);
    return report;
}

} // namespace whisperstore::backup

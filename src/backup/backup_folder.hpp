#pragma once
// The folder of a backup: made under another name, then given its own; and checked.

#include <whisperstore/backup/unified_backup_manager.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace whisperstore {

/// The absolute path without a separator at its end.
std::filesystem::path absolute_folder(const std::filesystem::path& path);

/// A backup in the making, `<path>.partial`: one process at a time makes it, what is left of one that
/// was cut off is removed first, and it goes again unless it was published. Blocks.
class PartialBackup
{
public:
    /// Throws StorageError already_exists when there is something at `path`, unavailable when another
    /// backup to it is under way.
    explicit PartialBackup(std::filesystem::path path);
    ~PartialBackup();
    PartialBackup(const PartialBackup&) = delete;
    PartialBackup& operator=(const PartialBackup&) = delete;

    /// Where its files are made.
    std::filesystem::path file(std::string_view name) const { return partial_ / name; }
    /// Describes the file `type` of the backup for the manifest.
    BackupComponent describe(std::string type, std::string_view made_from) const;
    /// Adds the manifest and gives the folder its name, durably and never over something that is there.
    void publish(const BackupManifest& manifest);

private:
    std::filesystem::path path_;
    std::filesystem::path partial_;
    int descriptor_ = -1; // of the folder; holds the lock
    bool published_ = false;
};

/// Throws StorageError corrupt when the backup does not hold it.
const BackupComponent& component_of(const BackupManifest& manifest, std::string_view type);

/// Reads the manifest and every file of a backup. Blocks. Throws StorageError not_found, corrupt,
/// version_mismatch.
BackupManifest read_and_check_backup(const std::filesystem::path& backup_path);

} // namespace whisperstore

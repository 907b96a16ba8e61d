#pragma once
// The folder of a backup in the making: it has another name, until it is complete.

#include <filesystem>
#include <string>
#include <string_view>

namespace whisperstore::backup {

/// The absolute path without a separator at its end. Throws StorageError invalid_argument for an empty one.
std::filesystem::path absolute_folder(const std::filesystem::path& path);

/// What the name of an unfinished backup ends with.
inline constexpr std::string_view partial_suffix = ".partial";

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

    const std::filesystem::path& folder() const noexcept { return partial_; }
    /// Where its files are made.
    std::filesystem::path file(std::string_view name) const { return partial_ / name; }
    /// Where they will be.
    std::filesystem::path final_file(std::string_view name) const { return path_ / name; }
    /// Adds the manifest and gives the folder its name, durably and never over something that is there.
    void publish(const std::string& manifest);

private:
    std::filesystem::path path_;
    std::filesystem::path partial_;
    int descriptor_ = -1; // of the folder; holds the lock
    bool published_ = false;
};

} // namespace whisperstore::backup

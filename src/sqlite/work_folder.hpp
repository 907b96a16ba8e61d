#pragma once
// Folders for what is needed on the disk while something is under way.

#include <filesystem>
#include <string>
#include <string_view>

namespace whisperstore::sqlite {

/// Whether an open file or folder is (still) the one of that name.
bool is_same_file(int descriptor, const std::filesystem::path& path);
/// Removes a folder that nobody has locked: its maker was killed. False where that is not so, or it fails.
bool remove_left_over_folder(const std::filesystem::path& folder);

/// A folder (0700) that goes with its object, or with the next one for the same place when the process was killed.
class WorkFolder
{
public:
    /// In the folder `place`. \param purpose "restore", part of its name. Blocks; throws StorageError of file systems.
    WorkFolder(const std::filesystem::path& place, std::string_view purpose);
    ~WorkFolder();
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;

    std::filesystem::path file(std::string_view name) const { return path_ / name; }
    /// Leaves it to people, under a name that says what it is: `before-<purpose>-…`. Returns that.
    std::filesystem::path keep() noexcept;

private:
    std::string purpose_;
    std::filesystem::path path_;
    int descriptor_ = -1; // holds the lock
    bool kept_ = false;
};

} // namespace whisperstore::sqlite

#pragma once
// Where the archives of a backup are unpacked, and the old content of stores is kept meanwhile.

#include <filesystem>
#include <string_view>

namespace whisperstore::backup {

/// A folder (0700) that goes with its object, or with the next one for the same place when the process was killed.
class WorkFolder
{
public:
    /// In the folder `place`. Blocks; throws StorageError of file systems.
    explicit WorkFolder(const std::filesystem::path& place);
    ~WorkFolder();
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;

    std::filesystem::path file(std::string_view name) const { return path_ / name; }
    /// Leaves it to people, under a name that says what it is. Returns that.
    std::filesystem::path keep() noexcept;

private:
    std::filesystem::path path_;
    int descriptor_ = -1; // holds the lock
    bool kept_ = false;
};

} // namespace whisperstore::backup

#pragma once
// A folder for the time of one command.

#include <filesystem>

namespace whisperstore::cli {

/// New and empty, in the folder for temporary files; goes with everything in it.
class ScratchFolder
{
public:
    /// Throws StorageError of what the system says.
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

} // namespace whisperstore::cli

#pragma once
// A folder for what a migration needs on the disk meanwhile.

#include <filesystem>

namespace whisperstore::migration {

/// Made where temporary files are (TMPDIR), for this user alone; removed with everything in it.
class TemporaryFolder
{
public:
    /// Throws StorageError permission, resource_exhausted, …
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }
    const std::filesystem::path& path() const noexcept { return path_; }
    /// It stays: what is in it is still needed.
    void keep() noexcept { kept_ = true; }

private:
    std::filesystem::path path_;
    bool kept_ = false;
};

} // namespace whisperstore::migration

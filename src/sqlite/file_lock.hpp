#pragma once
// The lock that makes one process the writer of a store.

#include <filesystem>
#include <string>
#include <string_view>

namespace whisperstore::sqlite {

/// Holds `<path>` (a lock file, created 0600) exclusively until it goes or the process ends, even
/// when killed. The file names the holder for others.
class FileLock
{
public:
    /// Throws StorageError unavailable naming process and start time of the holder.
    FileLock(std::filesystem::path path, std::string_view what, std::string_view backend);
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

private:
    int descriptor_ = -1;
};

} // namespace whisperstore::sqlite

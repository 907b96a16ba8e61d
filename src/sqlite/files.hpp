#pragma once
// Folders and files of the local stores.

#include <filesystem>
#include <string>
#include <string_view>

namespace whisperstore::sqlite {

/// Throws the StorageError of a failed system call.
[[noreturn]] void throw_errno(int error, const std::string& what, std::string_view backend);

/// Makes a directory and its parents (0700 for those created), durably. Throws StorageError permission/….
void make_private_directory(const std::filesystem::path& path, std::string_view backend);

/// fsyncs a file or directory.
void sync_path(const std::filesystem::path& path, std::string_view backend);

/// Gives a finished file its name, durably; both are in one folder. Throws StorageError already_exists
/// when there is such a file already (then the finished file is left for its maker to remove).
void publish_file(const std::filesystem::path& partial, const std::filesystem::path& path, std::string_view backend);

/// A file that is being written beside its future place, and appears there whole or not at all. Removed
/// when it goes unpublished; what a killed process left is removed by the next one for the same place.
/// Not for concurrent use. Close connections to it before publish() and the destructor.
class PartialFile
{
public:
    /// Creates it, empty and 0600, and missing folders (0700).
    /// Throws StorageError already_exists when `path` is there, and those of file systems.
    PartialFile(std::filesystem::path path, std::string_view backend);
    ~PartialFile();
    PartialFile(const PartialFile&) = delete;
    PartialFile& operator=(const PartialFile&) = delete;

    /// Where to write.
    const std::filesystem::path& path() const noexcept { return partial_; }
    /// As publish_file().
    void publish();

private:
    std::filesystem::path target_;
    std::filesystem::path partial_;
    std::string backend_;
};

} // namespace whisperstore::sqlite

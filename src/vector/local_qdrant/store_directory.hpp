#pragma once
// The folder of collections: which files there are, and changes to several of them that a crash
// cannot leave half done.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace whisperstore::local_qdrant {

/// Tells a file from another one that has or had the same name.
struct FileIdentity
{
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

class StoreDirectory
{
public:
    explicit StoreDirectory(std::filesystem::path path);

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path file_of(std::string_view collection) const;
    std::optional<FileIdentity> identity_of(std::string_view collection) const;
    /// The names of collections that have a file, sorted.
    std::vector<std::string> names() const;
    std::uint64_t bytes_of(std::string_view collection) const;
    /// A restore was decided, but not carried out to its end.
    bool restore_pending() const;

    /// \name The writing process, with no collection open whose files change
    ///@{
    /// Finishes a restore that was decided, drops one that was not, and removes left-overs.
    void recover();
    /// Gives a collection its file: `fill` makes it at the path it gets; it appears whole or not at all.
    void add(std::string_view collection, const std::function<void(const std::filesystem::path&)>& fill);
    void remove(std::string_view collection);

    /// Where the files of a restore are made (a new, empty folder).
    std::filesystem::path begin_restore();
    /// From here on the restore happens, whatever comes between: by finish_restore() or the next recover().
    void decide_restore(const std::vector<std::string>& collections);
    /// Replaces all collections by the restored ones.
    void finish_restore();
    /// Drops a restore that is not to happen.
    void abandon_restore();
    ///@}

private:
    std::filesystem::path restore_folder() const;
    std::filesystem::path decision() const;
    std::vector<std::string> decided() const;
    void sync() const;

    std::filesystem::path path_;
};

} // namespace whisperstore::local_qdrant

#pragma once
// A disk that forgets what was not synced: the model behind the power-loss and disk-full tests.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore::test {

using FileId = std::uint64_t;

/// A write or a change of size that no sync has made durable yet.
struct FileChange
{
    std::uint64_t sequence;
    bool resize;
    std::uint64_t position; ///< the offset of a write, the new size of a resize
    std::string data;
};

/// A change of one name or several, that happens whole or not at all.
struct NameChange
{
    /// A name is a directory and an entry of it; no id removes the entry.
    using Entry = std::pair<std::pair<FileId, std::string>, std::optional<FileId>>;
    std::uint64_t sequence;
    std::vector<Entry> entries;
};

using Names = std::map<std::pair<FileId, std::string>, FileId>;

/// A file's content as of its last sync, and what came after.
struct FileContent
{
    std::shared_ptr<const std::string> durable = std::make_shared<const std::string>();
    std::vector<std::shared_ptr<const FileChange>> pending;
};

/// How much of the unsynced survives a power loss.
struct Survival
{
    double writes = 0;           ///< the chance of each write and change of size
    double torn = 0;             ///< the chance that a surviving write is torn: each of its sectors decides for itself
    double names = 0;            ///< the chance of each change of a name
    bool names_in_order = false; ///< a random number of the oldest survive, as on journalling file systems
    static Survival random(std::mt19937_64& random);
};

/// What a power loss did.
struct Loss
{
    std::size_t dropped_writes = 0; ///< lost whole, with their file or alone
    std::size_t torn_writes = 0;
    std::size_t dropped_names = 0;
    /// An unsynced write was lost whole that had been made after something was acknowledged.
    bool counts = false;
    std::string to_string() const;
};

/// The disk at one moment: what is durable, what is not, and the moment's number.
class Snapshot
{
public:
    /// Snapshots of a disk are numbered 0, 1, 2 …; see Disk::moment().
    std::size_t moment = 0;
    std::uint64_t sequence = 0;

    /// Writes into the empty directory `target` what the disk would hold after losing power now.
    Loss lose_power(const std::filesystem::path& target, const Survival& survival, std::mt19937_64& random) const;

private:
    friend class Disk;
    void count_dropped(Loss& loss, const FileChange& change) const;

    std::map<FileId, FileContent> files_;
    Names durable_names_;
    std::vector<NameChange> pending_names_;
    std::optional<std::uint64_t> acknowledged_; // sequence of the first acknowledgement
};

enum class DiskOperation : std::uint8_t
{
    create,
    write,
    resize,
    sync,
    link,
    rename,
    remove,
    make_directory,
    sync_directory
};
std::string_view to_string(DiskOperation operation) noexcept;

/// Which operation fails, and how.
struct DiskFault
{
    std::uint64_t at = 0; ///< the n-th operation of those that can fail this way, from 1; 0 = none
    bool lasting = false; ///< all after it fail as well, until the fault is lifted
    int error = 0;        ///< ENOSPC or EIO
};

/// Watches all files below one directory, through the SQLite VFS and the recorder of this folder. The
/// files are real, so that the watched program sees what it wrote; beside them the disk keeps what
/// would be left of them without power.
///
/// The model: a write, or a change of size, is durable once its file was synced; before that each may
/// survive or not, in any combination, and torn at sectors of 512 bytes. New file space holds zeros.
/// The creation, renaming, linking and removal of a name is durable once the directory that holds it
/// was synced; syncing a file does not make its name durable, nor does syncing a directory make its
/// own name durable. A rename is never half done. This promises less than ext4, XFS or APFS do, and
/// what SQLite asks for (sqlite.org/atomiccommit.html); sectors outside a write are never harmed
/// (SQLite's "powersafe overwrite"). The wal-index (`-shm`) is no data: SQLite builds it anew.
///
/// One disk is watched at a time. Thread safe.
class Disk
{
public:
    static constexpr FileId root_id = 1;

    /// Begins to watch. What is in `root` is durable.
    static std::shared_ptr<Disk> watch(const std::filesystem::path& root);
    /// The watched disk, or null.
    static std::shared_ptr<Disk> watched();
    /// Ends watching, if this disk is the one that is watched.
    void release();

    /// \name For the test
    ///@{
    /// Takes a snapshot before an operation with this chance, and keeps `limit` of them at most.
    void take_snapshots(std::uint64_t seed, double chance, std::size_t limit);
    std::vector<Snapshot> take_snapshots_away();
    Snapshot snapshot_now();
    /// The number the next snapshot will have. What ended before this was asked is in that snapshot,
    /// what begins after it was asked is in none before.
    std::size_t moment() const;
    /// As moment(), and counts as the acknowledgement of a write.
    std::size_t acknowledge();
    void set_fault(DiskFault fault);
    /// Nothing fails any more, and nothing is counted.
    void lift_fault();
    /// Whether the fault struck.
    bool struck() const;
    /// The operations that have failed since this was asked.
    std::set<DiskOperation> take_failed_operations();
    /// Names each file whose real content is not what the watched operations make of it: an empty
    /// text means that nothing escaped the watch. Nothing may be running.
    std::string escaped() const;
    const std::filesystem::path& root() const noexcept { return root_; }
    ///@}

    /// \name For the VFS and the recorder
    ///@{
    bool contains(const std::filesystem::path& path) const;
    /// The error an operation must end with, or 0. Counts the operation.
    int fault(DiskOperation operation);
    std::optional<FileId> find(const std::filesystem::path& path) const;
    void write(FileId file, std::uint64_t offset, std::string_view data);
    void resize(FileId file, std::uint64_t size);
    void sync(FileId file);
    void create(const std::filesystem::path& path);
    void make_directory(const std::filesystem::path& path);
    void link(const std::filesystem::path& from, const std::filesystem::path& to);
    void rename(const std::filesystem::path& from, const std::filesystem::path& to);
    void remove(const std::filesystem::path& path);
    void sync_directory(FileId directory);
    ///@}

private:
    explicit Disk(std::filesystem::path root);
    void load(const std::filesystem::path& directory, FileId id);
    std::optional<FileId> find_locked(const std::filesystem::path& path) const;
    std::pair<FileId, std::string> name_locked(const std::filesystem::path& path) const;
    void change_names_locked(std::vector<NameChange::Entry> entries);
    Snapshot snapshot_locked();
    /// Every recorded operation passes here first.
    void before_operation_locked();

    const std::filesystem::path root_;
    mutable std::mutex mutex_;
    FileId next_id_ = root_id + 1;
    std::uint64_t sequence_ = 0;
    std::map<FileId, FileContent> files_; // regular files; other ids are directories
    Names live_names_;
    Names durable_names_;
    std::vector<NameChange> pending_names_;
    std::optional<std::uint64_t> acknowledged_;

    std::mt19937_64 random_;
    double chance_ = 0;
    std::size_t limit_ = 0;
    std::size_t taken_ = 0;
    std::size_t moment_ = 0;
    std::vector<Snapshot> snapshots_;

    DiskFault fault_;
    std::uint64_t points_ = 0;
    bool struck_ = false;
    std::set<DiskOperation> failed_operations_;
};

} // namespace whisperstore::test

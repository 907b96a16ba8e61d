#pragma once
// A backup of collections as one SQLite file (docs/archive-format.md): made document by document, and read back.

#include "sqlite/files.hpp"
#include "sqlite/stopper.hpp"
#include "vector/archive/collection_file.hpp"

#include <functional>
#include <memory>

namespace whisperstore::vector_archive {

/// Throws when a stop was asked for: for the parts of the work without statements.
void check_stop(const sqlite::Stopper& stopper, std::string_view backend);

/// Runs blocking work on a thread of its own; the caller's cancellation or deadline stops it.
awaitable<void> run_stoppable(std::function<void(sqlite::Stopper&)> work, OperationContext context);

/// How the file of an archive is opened to be read.
sqlite::OpenOptions reading(const std::filesystem::path& path, std::string_view backend);
/// How one is made, in one file, here and nowhere else open. It is synced as a whole when it is finished.
sqlite::OpenOptions making(const std::filesystem::path& path, std::string_view backend);

/// Errors that come from tables or columns that are not there, as what they are: a damaged file.
StorageError as_damage(const StorageError& error, const std::filesystem::path& path, std::string_view backend);

/// Reads and checks everything in an archive. Throws StorageError not_found, corrupt or version_mismatch.
std::vector<StoredCollection> check_archive(const std::filesystem::path& path, std::string_view backend,
                                            sqlite::Stopper& stopper);

/// Makes an archive, which appears whole or not at all. For one thread at a time; blocks.
class ArchiveWriter
{
public:
    /// Throws StorageError already_exists when `path` is there, and those of file systems.
    ArchiveWriter(const std::filesystem::path& path, std::string_view backend);

    /// The documents added from here on are its.
    void begin_collection(std::string_view name, const CollectionConfig& config);
    /// Their vectors have unit length. Throws StorageError constraint_violation for an id that was added before.
    void add(const std::vector<VectorDocument>& documents);
    /// Checks the file and gives it its name.
    void finish(sqlite::Stopper& stopper);

private:
    std::string backend_;
    sqlite::PartialFile partial_; // outlives the connection
    std::unique_ptr<sqlite::Connection> connection_;
    std::int64_t collection_ = 0;
};

/// Reads an archive that was checked, some documents at a time. For one thread at a time; blocks.
class ArchiveReader
{
public:
    ArchiveReader(const std::filesystem::path& path, std::string_view backend);

    /// The next documents, at most so many. \param after the place the last call left; 0 at the beginning.
    std::vector<VectorDocument> read(const StoredCollection& collection, std::size_t most, std::int64_t& after);
    /// Those of the ids that it holds, in their order.
    std::vector<VectorDocument> find(const StoredCollection& collection, const std::vector<std::string>& ids);

private:
    sqlite::Connection connection_;
};

} // namespace whisperstore::vector_archive

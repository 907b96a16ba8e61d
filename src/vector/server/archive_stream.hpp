#pragma once
// Backups of vector servers: documents between a server and an archive, in bounded memory.

#include "vector/archive/archive_file.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <functional>

namespace whisperstore::vector_server {

/// Where the documents of a backup come from.
struct BackupSource
{
    std::function<awaitable<std::vector<std::string>>()> names;
    std::function<awaitable<CollectionConfig>(std::string name)> config;
    std::function<awaitable<Page<VectorDocument>>(std::string name, std::optional<PageCursor> cursor)> page;
};

/// Writes everything into one archive, which appears whole or not at all.
awaitable<void> back_up(std::filesystem::path path, std::string backend, BackupSource source, OperationContext context);

/// An archive that is being restored.
class RestoreSource
{
public:
    /// Reads and checks all of it. Throws StorageError not_found, corrupt or version_mismatch.
    static awaitable<std::shared_ptr<RestoreSource>> open(std::filesystem::path path, std::string backend,
                                                          OperationContext context);

    const std::vector<vector_archive::StoredCollection>& collections() const noexcept { return collections_; }
    /// The next documents of a collection; empty at its end, after which it begins again. One call at a time.
    static awaitable<std::vector<VectorDocument>> next(std::shared_ptr<RestoreSource> self,
                                                       const vector_archive::StoredCollection& collection,
                                                       OperationContext context);
    /// Those of the ids that a collection holds, in their order. One call at a time.
    static awaitable<std::vector<VectorDocument>> find(std::shared_ptr<RestoreSource> self,
                                                       const vector_archive::StoredCollection& collection,
                                                       std::vector<std::string> ids, OperationContext context);

private:
    std::vector<vector_archive::StoredCollection> collections_;
    std::unique_ptr<vector_archive::ArchiveReader> reader_;
    std::int64_t collection_ = 0;
    std::int64_t after_ = 0;
};

} // namespace whisperstore::vector_server

#pragma once
// Writing what a snapshot holds as an archive.

#include "database/archive/archive_writer.hpp"
#include "database/archive/database_snapshot.hpp"

#include <whisperstore/core/operation_context.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace whisperstore::archive {

/// A writer that is discarded unless it has been finished: whoever hears of a failure finds nothing of the file. (The
/// thread that worked on it may let go of it later.)
class Writing
{
public:
    explicit Writing(std::shared_ptr<ArchiveWriter> writer) noexcept : writer_(std::move(writer)) {}
    ~Writing() { writer_->discard(); }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    const std::shared_ptr<ArchiveWriter>& writer() const noexcept { return writer_; }

private:
    const std::shared_ptr<ArchiveWriter> writer_;
};

/// Throws StorageError already_exists.
awaitable<std::shared_ptr<ArchiveWriter>> open_writer(std::filesystem::path file, std::string backend, int page_size,
                                                      OperationContext context);

/// Blocking work on the file, on a thread.
awaitable<void> on_thread(std::shared_ptr<ArchiveWriter> writer, std::function<void()> work, OperationContext context);

/// Makes the tables and writes all their rows: the next ones are read while those before are written.
awaitable<void> write_tables(std::shared_ptr<ArchiveWriter> writer, std::shared_ptr<DatabaseSnapshot> from,
                             OperationContext context);

} // namespace whisperstore::archive

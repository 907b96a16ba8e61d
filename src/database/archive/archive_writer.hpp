#pragma once
// Writing a relational archive row by row. All of it blocks.

#include "database/archive/contents.hpp"
#include "sqlite/connection.hpp"
#include "sqlite/early_write_back.hpp"
#include "sqlite/files.hpp"
#include "sqlite/stopper.hpp"

#include <whisperstore/database/query_result.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace whisperstore::archive {

/// One archive in the making, which appears whole or not at all. One thread at a time.
class ArchiveWriter
{
public:
    /// Throws StorageError already_exists.
    ArchiveWriter(const std::filesystem::path& file, std::string_view backend, int page_size = 4096);
    ArchiveWriter(const ArchiveWriter&) = delete;
    ArchiveWriter& operator=(const ArchiveWriter&) = delete;

    void create_tables(const std::vector<PortableTable>& tables);
    /// Adds rows with the columns of the table, in their order.
    /// Throws StorageError constraint_violation naming the table for what its keys do not allow.
    void insert(const PortableTable& table, const Rows& rows);
    /// Everything else, then checks values, references and structure: path() can be read, by SQLite as its database.
    /// Throws StorageError constraint_violation naming the table whose CHECKs do not hold.
    void complete(const Contents& contents);
    /// Where it is until it has its name.
    const std::filesystem::path& path() const noexcept { return partial_->path(); }
    /// As complete(), but indexes that only a restore into SQLite needs are listed, and the structure, which who reads it
    /// checks, is left to them; makes it durable and gives it its name.
    void finish(const Contents& contents);

    /// Removes the file, where it has no name yet. Nothing can be done with it afterwards.
    void discard() noexcept;

    /// Ends what is running, from any thread.
    void stop() noexcept { stopper_.stop(); }

private:
    void end(const Contents& contents);
    void close() noexcept;
    void check_values();
    void check_references();

    std::optional<sqlite::PartialFile> partial_;
    std::optional<sqlite::EarlyWriteBack> write_back_;
    sqlite::Stopper stopper_;
    std::unique_ptr<sqlite::Connection> connection_;
    bool types_hold_ = true; // of all rows so far
    std::optional<sqlite::Stopper::Scope> scope_;
};

} // namespace whisperstore::archive

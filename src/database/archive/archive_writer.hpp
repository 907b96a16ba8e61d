#pragma once
// Writing a relational archive row by row. All of it blocks.

#include "database/archive/definitions.hpp"
#include "database/archive/portable_table.hpp"
#include "sqlite/connection.hpp"
#include "sqlite/files.hpp"
#include "sqlite/stopper.hpp"

#include <whisperstore/database/query_result.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore::archive {

/// What an archive holds besides rows.
struct Contents
{
    std::vector<PortableTable> tables;
    /// The largest id a table with automatic ids ever gave.
    std::vector<std::pair<std::string, std::int64_t>> last_ids;
    std::vector<Definition> definitions;
};

/// One archive in the making, which appears whole or not at all. One thread at a time.
class ArchiveWriter
{
public:
    /// Throws StorageError already_exists.
    ArchiveWriter(const std::filesystem::path& file, std::string_view backend);
    ArchiveWriter(const ArchiveWriter&) = delete;
    ArchiveWriter& operator=(const ArchiveWriter&) = delete;

    void create_tables(const std::vector<PortableTable>& tables);
    /// Adds rows with the columns of the table, in their order.
    /// Throws StorageError constraint_violation naming the table for what its keys do not allow.
    void insert(const PortableTable& table, const Rows& rows);
    /// Everything else, then checks it, makes it durable and gives it its name.
    /// Throws StorageError constraint_violation naming the table whose CHECKs do not hold.
    void finish(const Contents& contents);

    /// Removes the file, where it has no name yet. Nothing can be done with it afterwards.
    void discard() noexcept;

    /// Ends what is running, from any thread.
    void stop() noexcept { stopper_.stop(); }

private:
    void check();

    std::optional<sqlite::PartialFile> partial_;
    sqlite::Stopper stopper_;
    std::unique_ptr<sqlite::Connection> connection_;
    std::optional<sqlite::Stopper::Scope> scope_;
};

} // namespace whisperstore::archive

#pragma once
// Reading a relational archive, or a live database of SQLite, for another database. All of it blocks.

#include "database/archive/contents.hpp"
#include "sqlite/connection.hpp"
#include "sqlite/stopper.hpp"

#include <whisperstore/database/query_result.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::archive {

/// Adds the row a statement is at, with values of SQLite's kinds.
void add_row(RowsBuilder& rows, const sqlite::Statement& row);

/// A checked archive or a live database, held open and unchanging. One thread at a time.
class ArchiveReader
{
public:
    /// Opens and checks the whole of it; stop() ends that too, so it is no part of the constructor.
    /// Throws StorageError not_found, corrupt or version_mismatch; unsupported for what only SQLite can hold.
    void open(const std::filesystem::path& file, std::string_view backend);
    /// Opens a database that others may use meanwhile. What only SQLite can hold is left out.
    void open_live(sqlite::OpenOptions live);

    const Contents& contents() const noexcept { return contents_; }
    const std::vector<PortableTable>& tables() const noexcept { return contents_.tables; }
    const std::vector<Definition>& definitions() const noexcept { return contents_.definitions; }
    /// The largest id each table with automatic ids ever gave.
    const std::vector<std::pair<std::string, std::int64_t>>& last_ids() const noexcept { return contents_.last_ids; }

    std::uint64_t count(const PortableTable& table);
    /// Begins to read rows. \param columns in the order wanted
    void select(const PortableTable& table, const std::vector<std::string>& columns);
    /// The next rows, about 1 MiB of them; none at the end. Their values are of SQLite's kinds: booleans are integers.
    Rows read();
    /// Writes all of it into an empty file, with pages of that size.
    void write_file(const std::filesystem::path& file, int page_size);

    /// Lets go of the file; nothing can be read any more.
    void close() noexcept;

    /// Ends what is running, from any thread.
    void stop() noexcept
    {
        stopper_.stop();
        copying_.stop();
    }

private:
    void read_last_ids();

    sqlite::Stopper stopper_;
    sqlite::Stopper copying_; // of the connection that writes a file
    std::unique_ptr<sqlite::Connection> connection_;
    std::optional<sqlite::Stopper::Scope> scope_;
    Contents contents_;
    std::shared_ptr<const std::vector<std::string>> columns_; // of what is read
    std::optional<sqlite::Statement> rows_;
};

} // namespace whisperstore::archive

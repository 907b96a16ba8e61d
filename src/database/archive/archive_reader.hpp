#pragma once
// Reading a relational archive for another database than SQLite. All of it blocks.

#include "database/archive/definitions.hpp"
#include "database/archive/portable_table.hpp"
#include "sqlite/connection.hpp"
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

/// A checked archive, held open and unchanging. One thread at a time.
class ArchiveReader
{
public:
    /// Opens and checks the whole of it; stop() ends that too, so it is no part of the constructor.
    /// Throws StorageError not_found, corrupt or version_mismatch; unsupported for what only SQLite can hold.
    void open(const std::filesystem::path& file, std::string_view backend);

    const std::vector<PortableTable>& tables() const noexcept { return tables_; }
    const std::vector<Definition>& definitions() const noexcept { return definitions_; }
    /// The largest id each table with automatic ids ever gave.
    const std::vector<std::pair<std::string, std::int64_t>>& last_ids() const noexcept { return last_ids_; }

    /// Begins to read rows. \param columns in the order wanted
    void select(const PortableTable& table, const std::vector<std::string>& columns);
    /// The next rows, about 1 MiB of them; none at the end. Their values are of SQLite's kinds: booleans are integers.
    Rows read();

    /// Ends what is running, from any thread.
    void stop() noexcept { stopper_.stop(); }

private:
    sqlite::Stopper stopper_;
    std::unique_ptr<sqlite::Connection> connection_;
    std::optional<sqlite::Stopper::Scope> scope_;
    std::vector<PortableTable> tables_;
    std::vector<Definition> definitions_;
    std::vector<std::pair<std::string, std::int64_t>> last_ids_;
    std::shared_ptr<const std::vector<std::string>> columns_; // of what is read
    std::optional<sqlite::Statement> rows_;
};

} // namespace whisperstore::archive

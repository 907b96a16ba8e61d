#pragma once
// The tables of the current schema, read from PostgreSQL's catalog as archives hold them.

#include "database/archive/contents.hpp"
#include "database/postgresql/lease.hpp"
#include "database/postgresql/types.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::postgresql {

/// A table and how its rows are asked for.
struct SourceTable
{
    PortableTable table;
    std::vector<Oid> types;               ///< of the columns as they are asked for, each with a binary form
    std::vector<std::string> expressions; ///< what is asked for, by column

    /// COPY … TO STDOUT in binary format, of some columns. \param condition behind the table: "WHERE …"
    std::string copy(const std::vector<std::size_t>& columns, std::string_view condition = {}) const;
    /// Places of columns by their names. Throws StorageError not_found.
    std::vector<std::size_t> places(const std::vector<std::string>& columns) const;
};

struct SourceTables
{
    std::vector<SourceTable> tables; ///< the ordinary ones, as they were made; extensions' are not among them
    std::vector<archive::LeftOut> left_out;
};
awaitable<SourceTables> read_source_tables(Lease& lease, OperationContext context);

/// Names of the ordinary tables, in the order in which they were made.
awaitable<std::vector<std::string>> table_names(Lease& lease, OperationContext context);

/// The columns of a table that COPY … FROM fills: generated ones are not among them.
awaitable<std::vector<std::string>> columns_to_fill(Lease& lease, std::string table, OperationContext context);

/// A sequence that fills a column.
struct OwnedSequence
{
    std::string sequence;
    std::string table;
    std::string column;
};
awaitable<std::vector<OwnedSequence>> owned_sequences(Lease& lease, OperationContext context);

} // namespace whisperstore::postgresql

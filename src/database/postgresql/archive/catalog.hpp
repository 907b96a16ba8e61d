#pragma once
// The tables of the current schema, read from PostgreSQL's catalog as archives hold them.

#include "database/archive/portable_table.hpp"
#include "database/postgresql/lease.hpp"
#include "database/postgresql/types.hpp"

#include <string>
#include <vector>

namespace whisperstore::postgresql {

/// A table and how its rows are asked for.
struct SourceTable
{
    PortableTable table;
    std::vector<Oid> types; ///< of the columns as they are asked for, each with a binary form
    std::string copy;       ///< COPY … TO STDOUT in binary format
};

/// The ordinary tables, by name; extensions' are not among them.
/// Throws StorageError unsupported naming a table that an archive cannot hold.
awaitable<std::vector<SourceTable>> read_source_tables(Lease& lease, OperationContext context);

/// Names of the ordinary tables, sorted.
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

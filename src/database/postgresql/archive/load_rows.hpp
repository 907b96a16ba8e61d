#pragma once
// What replacing and merging content do the same way.

#include "database/archive/database_snapshot.hpp"
#include "database/postgresql/lease.hpp"

#include <memory>
#include <string>
#include <vector>

namespace whisperstore::postgresql {

/// Throws StorageError permission where the server or the user only reads.
awaitable<void> refuse_read_only(Lease& lease, OperationContext context);

/// Runs one statement; an error names what it makes.
awaitable<void> make(Lease& lease, std::string what, std::string sql, OperationContext context);

/// Fills columns of a table with the rows that a table of the snapshot has in them.
/// \param into the table, quoted
/// \param options of the COPY: "(FREEZE)", or nothing
/// Throws what the database answers, naming the table.
awaitable<void> copy_rows(Lease& lease, std::shared_ptr<DatabaseSnapshot> from, PortableTable table, std::string into,
                          std::vector<std::string> columns, std::string options, OperationContext context);

/// Moves the sequences that fill ids past the largest id of the rows, and past those that were given and are gone.
awaitable<void> advance_sequences(Lease& lease, const archive::Contents& contents, OperationContext context);

} // namespace whisperstore::postgresql

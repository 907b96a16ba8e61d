#pragma once
// Backups of PostgreSQL as relational archives (docs/archive-format.md), and loading archives and other snapshots.

#include "database/archive/database_snapshot.hpp"
#include "database/postgresql/lease.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace whisperstore::postgresql {

/// Writes the current schema, as one snapshot sees it, into a file that appears whole or not at all. The lease must be
/// outside a transaction. Also on a standby.
/// \param backend named by errors of the file
/// Throws StorageError already_exists; unsupported naming a table that an archive cannot hold.
awaitable<void> write_archive(Lease lease, std::filesystem::path file, std::string backend, OperationContext context);

/// Replaces the current schema's content by that of a snapshot, of any database or archive, in one transaction. Others
/// wait for it at their next use of a table.
/// \param only_if_empty it throws StorageError already_exists where a table has rows; LoadMode::into_empty
/// Throws StorageError constraint_violation when something outside the schema needs what would be removed.
/// \return what run_commands() gives for its COMMIT
awaitable<std::string> replace_content(Lease& lease, std::shared_ptr<DatabaseSnapshot> from, bool only_if_empty,
                                       OperationContext context);

/// Adds what a snapshot holds, in one transaction: rows with the same primary key are replaced. Tables without a
/// primary key must not be in it.
/// Throws StorageError not_found for a column that a table has not, constraint_violation.
/// \return what run_commands() gives for its COMMIT
awaitable<std::string> merge_content(Lease& lease, std::shared_ptr<DatabaseSnapshot> from, LoadOptions options,
                                     OperationContext context);

} // namespace whisperstore::postgresql

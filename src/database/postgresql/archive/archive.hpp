#pragma once
// Backups of PostgreSQL as relational archives (docs/archive-format.md), and restoring them.

#include "database/postgresql/lease.hpp"

#include <filesystem>
#include <string>

namespace whisperstore::postgresql {

/// Writes the current schema, as one snapshot sees it, into a file that appears whole or not at all. The lease must be
/// outside a transaction. Also on a standby.
/// \param backend named by errors of the file
/// Throws StorageError already_exists; unsupported naming a table that an archive cannot hold.
awaitable<void> write_archive(Lease& lease, std::filesystem::path file, std::string backend, OperationContext context);

/// Replaces the current schema's content by an archive's, of any database, in one transaction. Others wait for it at
/// their next use of a table.
/// Throws StorageError not_found, corrupt or version_mismatch before anything is changed; constraint_violation when
/// something outside the schema needs what would be removed.
/// \return what run_commands() gives for its COMMIT
awaitable<std::string> restore_archive(Lease& lease, std::filesystem::path file, std::string backend,
                                       OperationContext context);

} // namespace whisperstore::postgresql

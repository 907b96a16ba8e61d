#pragma once
// Snapshots of SQLite: an archive, or a live database.

#include "database/archive/database_snapshot.hpp"
#include "sqlite/connection.hpp"

#include <whisperstore/core/operation_context.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace whisperstore::archive {

/// Checks the whole of it first.
/// Throws StorageError not_found, corrupt or version_mismatch; unsupported for what only SQLite can hold.
awaitable<std::shared_ptr<DatabaseSnapshot>> open_archive(std::filesystem::path file, std::string backend,
                                                          OperationContext context);

/// The database that `live` opens, which others may write to meanwhile.
awaitable<std::shared_ptr<DatabaseSnapshot>> open_live_file(sqlite::OpenOptions live, OperationContext context);

} // namespace whisperstore::archive

#pragma once
// What makes a SQLite file a relational archive (docs/archive-format.md).

#include "sqlite/connection.hpp"

#include <cstdint>
#include <string_view>

namespace whisperstore::archive {

// Marks our relational files, so that a restore can tell them from other SQLite files: "WSdb".
inline constexpr std::int64_t application_id = 0x57536462;
inline constexpr std::int64_t format = 1;
/// The table in which an archive of PostgreSQL keeps definitions that only PostgreSQL understands.
inline constexpr std::string_view definitions_table = "whisperstore_postgresql";

/// Writes mark and format into a file that is being made.
void mark(sqlite::Connection& connection);
/// Throws StorageError version_mismatch for a newer format.
void check_format(sqlite::Connection& connection);
/// Begins a read transaction and makes it take its snapshot.
void hold_snapshot(sqlite::Connection& connection);
/// Mark, format, integrity, foreign keys and the versions of the portable schema.
/// Throws StorageError corrupt or version_mismatch.
void check_content(sqlite::Connection& connection);
/// Whether it holds the definitions of PostgreSQL.
bool has_definitions(sqlite::Connection& connection);

} // namespace whisperstore::archive

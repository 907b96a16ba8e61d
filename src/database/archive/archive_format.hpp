#pragma once
// What makes a SQLite file a relational archive (docs/archive-format.md).

#include "sqlite/connection.hpp"

#include <cstdint>
#include <string_view>

namespace whisperstore::archive {

// Marks our relational files, so that a restore can tell them from other SQLite files: "WSdb".
inline constexpr std::int64_t application_id = 0x57536462;
inline constexpr std::int64_t format = 1;
/// Of an archive that lists indexes which are to be made by a restore into SQLite.
inline constexpr std::int64_t format_with_index_list = 2;
/// The table in which an archive of PostgreSQL keeps definitions that only PostgreSQL understands.
inline constexpr std::string_view definitions_table = "whisperstore_postgresql";
/// The table that lists indexes.
inline constexpr std::string_view index_list = "whisperstore_indexes";

/// Whether a table with this name, in lower case, is one of those two.
bool is_of_archive(std::string_view name) noexcept;
/// Writes mark and format into a file that is being made.
void mark(sqlite::Connection& connection);
/// Throws StorageError version_mismatch for a newer format.
void check_format(sqlite::Connection& connection);
/// Begins a read transaction and makes it take its snapshot.
void hold_snapshot(sqlite::Connection& connection);
/// Mark, format, integrity, foreign keys, the versions of the portable schema and the list of indexes.
/// Throws StorageError corrupt or version_mismatch.
void check_content(sqlite::Connection& connection);
/// Whether it has a table of this name, by lower or upper case.
bool has_table(sqlite::Connection& connection, std::string_view name);
/// Whether it holds the definitions of PostgreSQL.
bool has_definitions(sqlite::Connection& connection);

} // namespace whisperstore::archive

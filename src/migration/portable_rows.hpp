#pragma once
// The values of rows as every database has them. Pure code without I/O.

#include "core/content_hash.hpp"
#include "database/archive/portable_table.hpp"

#include <whisperstore/database/query_result.hpp>

namespace whisperstore {

/// The rows with values of their columns' types: what SQLite lets stand in a column is turned into it where nothing is
/// lost (a number in a column of texts). The rows have the columns of the table, in their order.
/// Throws StorageError type_mismatch naming table and column for a value that has no place there.
Rows portable_rows(const PortableTable& table, const Rows& rows);

/// Adds rows with the columns of the table to its hash, the same for every database that holds them: besides what
/// ContentHash says, times are canonical texts, reals in columns of reals are so where they are whole too, and there is
/// no negative zero, which SQLite does not keep.
void add_rows(ContentHash& hash, const PortableTable& table, const Rows& rows);

} // namespace whisperstore

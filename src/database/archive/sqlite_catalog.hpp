#pragma once
// The tables of a relational archive, read from its own catalog.

#include "database/archive/portable_table.hpp"
#include "sqlite/connection.hpp"

#include <vector>

namespace whisperstore::archive {

/// All of them, those of the portable schema first and in its order. Types that SQLite leaves open (NUMERIC, none) are
/// chosen by what is in the column.
/// Throws StorageError unsupported naming what has no place in another database (virtual tables).
std::vector<PortableTable> read_tables(sqlite::Connection& connection);

} // namespace whisperstore::archive

#pragma once
// The tables of a relational archive, read from its own catalog.

#include "database/archive/contents.hpp"
#include "sqlite/connection.hpp"

#include <vector>

namespace whisperstore::archive {

/// All of them, those of the portable schema first and in its order, then the others as they were made. Types that
/// SQLite leaves open (NUMERIC, none) are chosen by what is in the column.
/// \param left_out takes the tables that have no place in another database (virtual ones). Null: for such a table it
/// throws StorageError unsupported naming it. Throws StorageError corrupt for a list of indexes that does not fit.
std::vector<PortableTable> read_tables(sqlite::Connection& connection, std::vector<LeftOut>* left_out = nullptr);

/// Adds to `left_out` what `tables` do not say: views, triggers of the application, CHECKs, and indexes of expressions
/// or of a part of the rows.
void read_left_out(sqlite::Connection& connection, Contents& contents);

} // namespace whisperstore::archive

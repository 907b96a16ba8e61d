#pragma once
// The definitions of PostgreSQL in an archive: what tables are there in PostgreSQL's own words.

#include "database/archive/contents.hpp"
#include "sqlite/connection.hpp"

#include <vector>

namespace whisperstore::archive {

/// Writes them in order, with a fingerprint of the tables that the file holds now. Nothing for an empty list.
void store_definitions(sqlite::Connection& connection, const std::vector<Definition>& definitions);

/// Those of the archive, in order; none where the tables are no longer those they were written for, for the file may
/// have been a database of SQLite meanwhile.
std::vector<Definition> read_definitions(sqlite::Connection& connection);

} // namespace whisperstore::archive

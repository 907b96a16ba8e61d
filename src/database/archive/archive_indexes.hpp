#pragma once
// The indexes of a relational archive. Making them takes longer than writing the rows, and only a restore into SQLite
// has use for them: an archive of another database lists them (docs/archive-format.md).

#include "database/archive/portable_table.hpp"
#include "sqlite/connection.hpp"

#include <vector>

namespace whisperstore::archive {

/// For an error while work on one table was done.
StorageError does_not_fit(const PortableTable& table, const StorageError& error);

/// Makes all indexes and the rules of the portable schema, in the order in which they are made where an application
/// adds tables to a new database. Throws StorageError naming the table whose rows do not allow one.
void make_indexes(sqlite::Connection& connection, const std::vector<PortableTable>& tables);

/// Makes the indexes that rows may break, and the rules, and lists the other indexes. Throws as make_indexes().
void list_indexes(sqlite::Connection& connection, const std::vector<PortableTable>& tables);

/// Whether the file has such a list.
bool has_index_list(sqlite::Connection& connection);

/// Adds what is listed to the tables. Throws StorageError corrupt for a list that does not fit them.
void read_index_list(sqlite::Connection& connection, std::vector<PortableTable>& tables);

/// Makes a file with a list one that has all of its indexes, and no list. In a transaction of its own.
void make_listed_indexes(sqlite::Connection& connection);

} // namespace whisperstore::archive

#include "database/archive/archive_indexes.hpp"

#include "database/archive/archive_format.hpp"
#include "database/archive/sqlite_catalog.hpp"

#include <algorithm>
#include <string>

namespace whisperstore::archive {

namespace {

void make(sqlite::Connection& connection, const PortableTable& table, const std::string& sql)
{
    try {
        connection.prepare_once(sql).run();
    } catch (const StorageError& error) {
        throw does_not_fit(table, error);
    }
}

/// Those of tables of the portable schema, or of the others.
void make(sqlite::Connection& connection, const std::vector<PortableTable>& tables, bool of_the_schema)
{
    for (const PortableTable& table : tables)
        if ((core_table(table) != nullptr) == of_the_schema)
            for (const IndexStatement& index : render(table, SqlDialect::sqlite).indexes)
                make(connection, table, index.sql);
}

void make_rules(sqlite::Connection& connection, const std::vector<PortableTable>& tables)
{
    for (const std::string& sql : render_rules(tables, SqlDialect::sqlite))
        connection.prepare_once(sql).run();
}

[[noreturn]] void does_not_fit_tables(sqlite::Connection& connection, std::string_view index)
{
    throw StorageError(StorageErrc::corrupt, connection.options().path.string() + " lists the index " +
                                                 std::string(index) + " on what is not in it");
}

/// Names of the file's objects of a type.
std::vector<std::string> names_of(sqlite::Connection& connection, std::string_view type)
{
    std::vector<std::string> names;
    sqlite::Statement objects =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = ?1 AND sql IS NOT NULL");
    objects.bind_text(1, type);
    while (objects.step())
        names.emplace_back(objects.column_text(0));
    return names;
}

} // namespace

StorageError does_not_fit(const PortableTable& table, const StorageError& error)
{
    return error.prefixed("the table " + table.name + " does not fit into a database of SQLite: ");
}

void make_indexes(sqlite::Connection& connection, const std::vector<PortableTable>& tables)
{
    make(connection, tables, true);
    make_rules(connection, tables);
    make(connection, tables, false);
}

void list_indexes(sqlite::Connection& connection, const std::vector<PortableTable>& tables)
{
    connection.execute("CREATE TABLE " + std::string(index_list) +
                       " (name TEXT NOT NULL, part INTEGER NOT NULL, table_name TEXT NOT NULL, column_name TEXT NOT "
                       "NULL, descending INTEGER NOT NULL CHECK (descending IN (0, 1)), PRIMARY KEY (name, part)) "
                       "STRICT, WITHOUT ROWID");
    sqlite::Statement insert =
        connection.prepare("INSERT INTO " + std::string(index_list) + " VALUES (?1, ?2, ?3, ?4, ?5)");
    for (const PortableTable& table : tables) {
        for (const IndexStatement& index : render(table, SqlDialect::sqlite).indexes)
            if (index.unique)
                make(connection, table, index.sql);
        for (const PortableIndex& index : table.indexes) {
            if (index.unique)
                continue;
            std::int64_t number = 0;
            for (const PortableIndex::Part& part : index.parts) {
                insert.bind_text(1, index.name).bind(2, ++number).bind_text(3, table.name);
                insert.bind_text(4, part.column).bind(5, std::int64_t(part.descending ? 1 : 0)).run();
                insert.reset();
            }
        }
    }
    make_rules(connection, tables);
}

bool has_index_list(sqlite::Connection& connection) { return has_table(connection, index_list); }

void read_index_list(sqlite::Connection& connection, std::vector<PortableTable>& tables)
{
    if (!has_index_list(connection))
        return;
    sqlite::Statement rows = connection.prepare("SELECT name, table_name, column_name, descending FROM " +
                                                std::string(index_list) + " ORDER BY name, part");
    while (rows.step()) {
        const std::string_view name = rows.column_text(0);
        const auto table = std::find_if(tables.begin(), tables.end(), [&](const PortableTable& one) {
            return one.name == rows.column_text(1);
        });
        if (table == tables.end() || !table->find(rows.column_text(2)))
            does_not_fit_tables(connection, name);
        if (table->indexes.empty() || table->indexes.back().name != name)
            table->indexes.push_back(PortableIndex{std::string(name), {}, false});
        table->indexes.back().parts.push_back(
            PortableIndex::Part{std::string(rows.column_text(2)), rows.column_int(3) != 0});
    }
}

void make_listed_indexes(sqlite::Connection& connection)
{
    const std::vector<PortableTable> tables = read_tables(connection);
    connection.execute("BEGIN");
    // What is there already would not be in its place among the others.
    for (const char* type : {"trigger", "index"})
        for (const std::string& name : names_of(connection, type))
            connection.execute(std::string("DROP ").append(type).append(" ") + quote_identifier(name));
    connection.execute("DROP TABLE " + std::string(index_list));
    make_indexes(connection, tables);
    connection.execute("COMMIT");
    mark(connection);
}

} // namespace whisperstore::archive

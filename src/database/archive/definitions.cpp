#include "database/archive/definitions.hpp"

#include "core/hash.hpp"
#include "database/archive/archive_format.hpp"

namespace whisperstore::archive {

namespace {

constexpr std::string_view fingerprint_kind = "fingerprint";

/// Changes with any table, index or trigger of the file.
std::string fingerprint(sqlite::Connection& connection)
{
    std::string all;
    sqlite::Statement objects = connection.prepare("SELECT type || char(10) || name || char(10) || coalesce(sql, '') "
                                                   "FROM sqlite_schema WHERE tbl_name <> ?1 ORDER BY type, name");
    objects.bind_text(1, definitions_table);
    while (objects.step())
        all.append(objects.column_text(0)).push_back('\n');
    return sha256_hex(all);
}

} // namespace

void store_definitions(sqlite::Connection& connection, const std::vector<Definition>& definitions)
{
    if (definitions.empty())
        return;
    const std::string table(definitions_table);
    connection.execute("CREATE TABLE " + table +
                       " (position INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, sql TEXT NOT NULL) "
                       "STRICT");
    sqlite::Statement insert =
        connection.prepare("INSERT INTO " + table + " (position, kind, name, sql) VALUES (?1, ?2, ?3, ?4)");
    const std::string tables = fingerprint(connection);
    insert.bind(1, std::int64_t(0)).bind_text(2, fingerprint_kind).bind_text(3, "sha256").bind_text(4, tables).run();
    std::int64_t position = 0;
    for (const Definition& definition : definitions) {
        insert.reset();
        insert.bind(1, ++position).bind_text(2, definition.kind).bind_text(3, definition.name);
        insert.bind_text(4, definition.sql).run();
    }
}

std::vector<Definition> read_definitions(sqlite::Connection& connection)
{
    if (!has_definitions(connection))
        return {};
    std::vector<Definition> all;
    sqlite::Statement rows =
        connection.prepare("SELECT kind, name, sql FROM " + std::string(definitions_table) + " ORDER BY position");
    while (rows.step())
        all.push_back(Definition{std::string(rows.column_text(0)), std::string(rows.column_text(1)),
                                 std::string(rows.column_text(2))});
    if (all.empty() || all.front().kind != fingerprint_kind || all.front().sql != fingerprint(connection))
        return {};
    all.erase(all.begin());
    return all;
}

} // namespace whisperstore::archive

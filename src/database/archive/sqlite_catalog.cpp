#include "database/archive/sqlite_catalog.hpp"

#include "database/archive/archive_format.hpp"
#include "database/archive/archive_indexes.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace whisperstore::archive {

namespace {

std::string upper(std::string_view text)
{
    std::string out(text);
    for (char& c : out)
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
    return out;
}

/// What is in a column of a type that SQLite leaves open.
PortableType type_by_content(sqlite::Connection& connection, std::string_view table, std::string_view column)
{
    const std::string name = quote_identifier(column);
    sqlite::Statement kinds = connection.prepare_once("SELECT DISTINCT typeof(" + name + ") FROM " +
                                                      quote_identifier(table) + " WHERE " + name + " IS NOT NULL");
    bool integers = false;
    bool reals = false;
    bool texts = false;
    bool blobs = false;
    while (kinds.step()) {
        const std::string_view kind = kinds.column_text(0);
        integers = integers || kind == "integer";
        reals = reals || kind == "real";
        texts = texts || kind == "text";
        blobs = blobs || kind == "blob";
    }
    if (blobs && !texts && !integers && !reals)
        return PortableType::blob;
    if (texts || blobs)
        return PortableType::text;
    if (reals)
        return PortableType::real;
    return integers ? PortableType::integer : PortableType::text;
}

/// By the declared type, mostly as SQLite itself goes by it (datatype3.html, "Determination Of Column Affinity").
PortableType type_of(sqlite::Connection& connection, std::string_view table, std::string_view column,
                     std::string_view declared)
{
    const std::string type = upper(declared);
    const auto holds = [&](std::string_view part) { return type.find(part) != std::string::npos; };
    if (type == "BOOLEAN" || type == "BOOL")
        return PortableType::boolean;
    if (type == "TIMESTAMP" || type == "TIMESTAMPTZ")
        return PortableType::timestamp;
    if (holds("INT"))
        return PortableType::integer;
    if (holds("CHAR") || holds("CLOB") || holds("TEXT"))
        return PortableType::text;
    if (holds("BLOB"))
        return PortableType::blob;
    if (holds("REAL") || holds("FLOA") || holds("DOUB"))
        return PortableType::real;
    return type_by_content(connection, table, column);
}

void read_columns(sqlite::Connection& connection, PortableTable& table)
{
    sqlite::Statement columns = connection.prepare(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid");
    columns.bind_text(1, table.name);
    std::map<std::int64_t, std::string> key;
    std::string key_type;
    while (columns.step()) {
        if (columns.column_int(5) == 1)
            continue; // of a virtual table's own
        PortableColumn column;
        column.name = columns.column_text(0);
        column.type = type_of(connection, table.name, column.name, columns.column_text(1));
        column.not_null = columns.column_int(2) != 0 || columns.column_int(4) != 0;
        if (!columns.column_is_null(3) && columns.column_int(5) == 0)
            column.fallback = read_default(columns.column_text(3), column.type);
        if (columns.column_int(4) != 0) {
            key[columns.column_int(4)] = column.name;
            key_type = upper(columns.column_text(1));
        }
        table.columns.push_back(std::move(column));
    }
    for (const auto& [position, name] : key)
        table.primary_key.push_back(name);
    // Only a key declared so is filled by SQLite (but one of a table WITHOUT ROWID, which has an index for it).
    table.automatic_id = key.size() == 1 && key_type == "INTEGER";
}

void read_indexes(sqlite::Connection& connection, PortableTable& table)
{
    sqlite::Statement indexes =
        connection.prepare("SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1) ORDER BY name");
    indexes.bind_text(1, table.name);
    while (indexes.step()) {
        const std::string origin(indexes.column_text(2));
        if (origin == "pk")
            table.automatic_id = false;
        if (origin == "pk" || indexes.column_int(3) != 0)
            continue;
        PortableIndex index;
        index.name = indexes.column_text(0);
        index.unique = indexes.column_int(1) != 0;
        sqlite::Statement parts =
            connection.prepare("SELECT name, \"desc\" FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno");
        parts.bind_text(1, index.name);
        bool has_expression = false;
        while (parts.step()) {
            has_expression = has_expression || parts.column_is_null(0);
            index.parts.push_back(PortableIndex::Part{std::string(parts.column_text(0)), parts.column_int(1) != 0});
        }
        if (has_expression)
            continue;
        if (origin == "u") {
            std::vector<std::string> names;
            for (PortableIndex::Part& part : index.parts)
                names.push_back(std::move(part.column));
            table.unique.push_back(std::move(names));
        } else {
            table.indexes.push_back(std::move(index));
        }
    }
}

std::string action(std::string_view name) { return name == "NO ACTION" ? std::string() : std::string(name); }

void read_foreign_keys(sqlite::Connection& connection, PortableTable& table)
{
    sqlite::Statement keys = connection.prepare("SELECT id, \"table\", \"from\", \"to\", on_delete, on_update FROM "
                                                "pragma_foreign_key_list(?1) ORDER BY id, seq");
    keys.bind_text(1, table.name);
    std::int64_t last = -1;
    while (keys.step()) {
        if (keys.column_int(0) != last) {
            last = keys.column_int(0);
            PortableForeignKey key;
            key.table = keys.column_text(1);
            key.on_delete = action(keys.column_text(4));
            key.on_update = action(keys.column_text(5));
            table.foreign_keys.push_back(std::move(key));
        }
        PortableForeignKey& key = table.foreign_keys.back();
        key.columns.emplace_back(keys.column_text(2));
        if (!keys.column_is_null(3)) // else the key of the other table
            key.target_columns.emplace_back(keys.column_text(3));
    }
}

/// Names in SQLite's catalog may differ from those they mean by upper and lower case.
void resolve_foreign_keys(std::vector<PortableTable>& tables)
{
    std::map<std::string, const PortableTable*> by_name;
    for (const PortableTable& table : tables)
        by_name[upper(table.name)] = &table;
    const auto column_of = [](const PortableTable& table, const std::string& name) {
        for (const PortableColumn& column : table.columns)
            if (upper(column.name) == upper(name))
                return column.name;
        return name;
    };
    for (PortableTable& table : tables)
        for (PortableForeignKey& key : table.foreign_keys) {
            const auto target = by_name.find(upper(key.table));
            if (target == by_name.end())
                continue; // told when it is made
            key.table = target->second->name;
            if (key.target_columns.empty())
                key.target_columns = target->second->primary_key;
            for (std::string& name : key.target_columns)
                name = column_of(*target->second, name);
            for (std::string& name : key.columns)
                name = column_of(table, name);
        }
}

/// Whether the definition of a table has the word CHECK before a parenthesis. Within a name or a text it may be taken
/// for one: too much is said then, not too little.
bool has_check(std::string_view definition)
{
    const std::string text = upper(definition);
    for (std::size_t at = text.find("CHECK"); at != std::string::npos; at = text.find("CHECK", at + 1)) {
        const std::size_t next = text.find_first_not_of(" \t\r\n", at + 5);
        if (next != std::string::npos && text[next] == '(')
            return true;
    }
    return false;
}

} // namespace

std::vector<PortableTable> read_tables(sqlite::Connection& connection, std::vector<LeftOut>* left_out)
{
    std::vector<PortableTable> tables;
    // Shadow tables are the inside of a virtual one.
    sqlite::Statement names = connection.prepare(
        "SELECT l.name, l.type FROM pragma_table_list l JOIN sqlite_schema s ON s.type = 'table' AND s.name = l.name "
        "WHERE l.schema = 'main' AND l.type IN ('table', 'virtual', 'shadow') AND l.name NOT LIKE 'sqlite\\_%' ESCAPE "
        "'\\' ORDER BY s.rowid");
    while (names.step()) {
        if (is_of_archive(names.column_text(0)))
            continue;
        PortableTable table;
        table.name = names.column_text(0);
        const std::string_view type = names.column_text(1);
        if (type == "virtual" && !left_out)
            throw StorageError(StorageErrc::unsupported, connection.options().path.string() +
                                                             " has the virtual table " + table.name +
                                                             ", which only SQLite can hold");
        if (type == "virtual")
            left_out->push_back(LeftOut{"the virtual table " + table.name, "only SQLite can hold it", true});
        if (type != "table")
            continue;
        read_columns(connection, table);
        read_indexes(connection, table);
        read_foreign_keys(connection, table);
        tables.push_back(std::move(table));
    }
    resolve_foreign_keys(tables);
    read_index_list(connection, tables);
    // Parents before children, for the keys of the portable schema are looked at with each row; and its versions first,
    // as they are in a new database.
    const Schema& schema = WhisperEngineSchema::get_core_schema();
    const auto rank = [&](const PortableTable& table) {
        if (table.name == "schema_migrations")
            return std::ptrdiff_t(-1);
        const Table* core = schema.find(table.name);
        return core ? core - schema.tables.data() : static_cast<std::ptrdiff_t>(schema.tables.size());
    };
    std::stable_sort(tables.begin(), tables.end(),
                     [&](const PortableTable& a, const PortableTable& b) { return rank(a) < rank(b); });
    return tables;
}

void read_left_out(sqlite::Connection& connection, Contents& contents)
{
    std::set<std::string, std::less<>> known; // indexes and the schema's own rules
    for (const auto& [name, sql] : WhisperEngineSchema::get_core_schema().render(SqlDialect::sqlite))
        known.insert(name);
    std::set<std::string, std::less<>> core;
    for (const PortableTable& table : contents.tables) {
        for (const PortableIndex& index : table.indexes)
            known.insert(index.name);
        if (core_table(table))
            core.insert(table.name);
    }
    sqlite::Statement objects =
        connection.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name");
    while (objects.step()) {
        const std::string_view type = objects.column_text(0);
        const std::string name(objects.column_text(1));
        if (type == "view")
            contents.left_out.push_back(LeftOut{"the view " + name, "it is written in SQLite's SQL"});
        else if (type == "trigger" && !known.contains(name))
            contents.left_out.push_back(LeftOut{"the trigger " + name, "it is written in SQLite's SQL"});
        else if (type == "index" && !known.contains(name))
            contents.left_out.push_back(
                LeftOut{"the index " + name, "it is of an expression or of a part of the rows, in SQLite's SQL"});
        else if (type == "table" && !core.contains(name) && has_check(objects.column_text(2)))
            contents.left_out.push_back(LeftOut{"CHECKs of the table " + name, "they are written in SQLite's SQL"});
    }
}

} // namespace whisperstore::archive

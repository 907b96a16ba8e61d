#include "core/hash.hpp"

#include <whisperstore/database/schema.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

std::string join(const std::vector<std::string>& items, std::string_view separator = ", ")
{
    std::string out;
    for (const std::string& item : items)
        out += (out.empty() ? "" : std::string(separator)) + item;
    return out;
}

std::string quote(std::string_view text)
{
    std::string out = "'";
    for (char c : text) {
        out.push_back(c);
        if (c == '\'')
            out.push_back('\'');
    }
    return out + "'";
}

std::string_view type_name(ColumnType type, SqlDialect dialect) noexcept
{
    const bool sqlite = dialect == SqlDialect::sqlite;
    switch (type) {
    case ColumnType::automatic_id:
        return sqlite ? "INTEGER PRIMARY KEY AUTOINCREMENT" : "BIGSERIAL PRIMARY KEY";
    case ColumnType::bigint:
        return "BIGINT";
    case ColumnType::integer:
        return sqlite ? "INTEGER" : "BIGINT";
    case ColumnType::real:
        return sqlite ? "REAL" : "DOUBLE PRECISION";
    case ColumnType::text:
        return sqlite ? "TEXT" : "TEXT COLLATE \"C\"";
    case ColumnType::boolean:
        return "BOOLEAN";
    case ColumnType::timestamp:
        return sqlite ? "TIMESTAMP" : "TIMESTAMPTZ";
    }
    return "TEXT";
}

/// SQLite keeps any value in any column, so the type is a CHECK; its name ends in "_type", by which
/// the adapter knows a type error.
std::string sqlite_type_check(const Table& table, const Column& column)
{
    const std::string& name = column.name;
    std::string rule;
    switch (column.type) {
    case ColumnType::automatic_id:
        return {};
    case ColumnType::bigint:
    case ColumnType::integer:
        rule = "typeof(" + name + ") = 'integer'";
        break;
    case ColumnType::real:
        rule = "typeof(" + name + ") = 'real'";
        break;
    case ColumnType::text:
        rule = "typeof(" + name + ") = 'text'";
        break;
    case ColumnType::boolean:
        rule = "typeof(" + name + ") = 'integer' AND " + name + " IN (0, 1)";
        break;
    case ColumnType::timestamp:
        // Canonical text only, and a real date: datetime() of it gives the same date and second back.
        rule = "typeof(" + name + ") = 'text' AND length(" + name + ") = 27 AND " + name +
               " GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
               ".[0-9][0-9][0-9][0-9][0-9][0-9]Z' AND strftime('%Y-%m-%dT%H:%M:%S', substr(" +
               name + ", 1, 19), '+0 seconds') IS substr(" + name + ", 1, 19)";
        break;
    }
    if (!column.not_null)
        rule = name + " IS NULL OR (" + rule + ")";
    return " CONSTRAINT " + table.name + "_" + name + "_type CHECK (" + rule + ")";
}

std::string default_clause(const Column& column, SqlDialect dialect)
{
    if (!column.has_default)
        return {};
    switch (column.type) {
    case ColumnType::timestamp:
        // Milliseconds are what SQLite's clock gives; the form has six digits all the same.
        return dialect == SqlDialect::sqlite ? " DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')"
                                             : " DEFAULT CURRENT_TIMESTAMP";
    case ColumnType::boolean:
        if (dialect == SqlDialect::sqlite)
            return column.default_value == "true" ? " DEFAULT 1" : " DEFAULT 0";
        return " DEFAULT " + column.default_value;
    case ColumnType::text:
        return " DEFAULT " + quote(column.default_value);
    default:
        return " DEFAULT " + column.default_value;
    }
}

std::string render_table(const Table& table, SqlDialect dialect)
{
    std::string sql = "CREATE TABLE IF NOT EXISTS " + table.name + " (";
    std::string separator = "\n    ";
    for (const Column& column : table.columns) {
        sql += separator + column.name + " " + std::string(type_name(column.type, dialect));
        if (column.not_null)
            sql += " NOT NULL";
        sql += default_clause(column, dialect);
        if (!column.references.empty())
            sql += " REFERENCES " + column.references + " ON DELETE CASCADE";
        if (dialect == SqlDialect::sqlite)
            sql += sqlite_type_check(table, column);
        separator = ",\n    ";
    }
    if (!table.primary_key.empty())
        sql += separator + "PRIMARY KEY (" + join(table.primary_key) + ")";
    if (!table.unique.empty())
        sql += separator + "UNIQUE (" + join(table.unique) + ")";
    return sql + "\n)";
}

std::string render_rule(const DeleteRule& rule, SqlDialect dialect)
{
    const std::string body = "DELETE FROM " + rule.target + " WHERE " + rule.condition + ";";
    if (dialect == SqlDialect::sqlite)
        return "CREATE TRIGGER IF NOT EXISTS " + rule.name + " AFTER DELETE ON " + rule.table + " FOR EACH ROW BEGIN " +
               body + " END";
    return "CREATE OR REPLACE FUNCTION " + rule.name + "() RETURNS trigger LANGUAGE plpgsql AS $rule$ BEGIN " + body +
           " RETURN OLD; END $rule$;\nCREATE OR REPLACE TRIGGER " + rule.name + " AFTER DELETE ON " + rule.table +
           " FOR EACH ROW EXECUTE FUNCTION " + rule.name + "()";
}

} // namespace

TableDefinitions Schema::render(SqlDialect dialect) const
{
    TableDefinitions definitions;
    for (const Table& table : tables) {
        definitions.emplace_back(table.name, render_table(table, dialect));
        for (const Index& index : table.indexes)
            definitions.emplace_back(index.name, std::string(index.unique ? "CREATE UNIQUE INDEX" : "CREATE INDEX") +
                                                     " IF NOT EXISTS " + index.name + " ON " + table.name + " (" +
                                                     join(index.columns) + ")");
    }
    for (const DeleteRule& rule : delete_rules)
        definitions.emplace_back(rule.name, render_rule(rule, dialect));
    return definitions;
}

std::string Schema::checksum() const
{
    // The SQLite rendering names every property of the definition.
    std::string all = name + "\n" + std::to_string(version);
    for (const auto& [object, sql] : render(SqlDialect::sqlite))
        all += "\n" + object + "\n" + sql;
    return sha256_hex(all);
}

const Table* Schema::find(std::string_view table) const noexcept
{
    const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table& t) { return t.name == table; });
    return found == tables.end() ? nullptr : &*found;
}

} // namespace whisperstore

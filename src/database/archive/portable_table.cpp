#include "database/archive/portable_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

namespace whisperstore {

namespace {

std::string quote_text(std::string_view text)
{
    std::string out = "'";
    for (const char c : text)
        out.append(c == '\'' ? "'" : "").push_back(c);
    return out + "'";
}

std::string_view type_name(PortableType type, SqlDialect dialect) noexcept
{
    const bool sqlite = dialect == SqlDialect::sqlite;
    switch (type) {
    case PortableType::integer:
        return "BIGINT";
    case PortableType::real:
        return sqlite ? "REAL" : "DOUBLE PRECISION";
    case PortableType::text:
        return sqlite ? "TEXT" : "TEXT COLLATE \"C\"";
    case PortableType::boolean:
        return "BOOLEAN";
    case PortableType::timestamp:
        return sqlite ? "TIMESTAMP" : "TIMESTAMPTZ";
    case PortableType::blob:
        return sqlite ? "BLOB" : "BYTEA";
    }
    return "TEXT";
}

/// Shortest form that gives the same number back.
std::string real_text(double value)
{
    std::array<char, 32> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() ? std::string(digits.data(), end) : std::to_string(value);
}

std::string default_text(const PortableDefault& fallback, SqlDialect dialect)
{
    const bool sqlite = dialect == SqlDialect::sqlite;
    if (fallback.now)
        return sqlite ? "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')" : "CURRENT_TIMESTAMP";
    switch (fallback.value.kind()) {
    case ValueKind::boolean:
        return fallback.value.as_bool() ? (sqlite ? "1" : "true") : (sqlite ? "0" : "false");
    case ValueKind::integer:
        return std::to_string(fallback.value.as_int());
    case ValueKind::real:
        return real_text(fallback.value.as_real());
    case ValueKind::text:
        return quote_text(fallback.value.as_text());
    default:
        return "NULL";
    }
}

std::string column_text(const PortableColumn& column, SqlDialect dialect)
{
    std::string sql = quote_identifier(column.name) + " " + std::string(type_name(column.type, dialect));
    if (column.not_null)
        sql += " NOT NULL";
    if (column.fallback)
        sql += " DEFAULT " + default_text(*column.fallback, dialect);
    return sql;
}

std::string reference_text(const PortableForeignKey& key)
{
    std::string sql = "REFERENCES " + quote_identifier(key.table) + " (" + quote_identifiers(key.target_columns) + ")";
    if (!key.on_delete.empty())
        sql += " ON DELETE " + key.on_delete;
    if (!key.on_update.empty())
        sql += " ON UPDATE " + key.on_update;
    return sql;
}

std::string foreign_key_text(const PortableForeignKey& key)
{
    return "FOREIGN KEY (" + quote_identifiers(key.columns) + ") " + reference_text(key);
}

IndexStatement index_statement(const PortableTable& table, const PortableIndex& index)
{
    std::string parts;
    for (const PortableIndex::Part& part : index.parts)
        parts +=
            (parts.empty() ? "" : ", ") + quote_identifier(part.column) + std::string(part.descending ? " DESC" : "");
    IndexStatement statement;
    statement.sql = std::string(index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ") +
                    quote_identifier(index.name) + " ON " + quote_identifier(table.name) + " (" + parts + ")";
    statement.unique = index.unique;
    return statement;
}

TableStatements render_plain(const PortableTable& table, SqlDialect dialect)
{
    const bool sqlite = dialect == SqlDialect::sqlite;
    TableStatements out;
    std::string sql = "CREATE TABLE " + quote_identifier(table.name) + " (";
    std::string separator;
    for (const PortableColumn& column : table.columns) {
        sql += separator;
        separator = ", ";
        if (table.automatic_id && column.name == table.primary_key.front())
            sql += quote_identifier(column.name) +
                   (sqlite ? " INTEGER PRIMARY KEY AUTOINCREMENT" : " BIGSERIAL PRIMARY KEY");
        else
            sql += column_text(column, dialect);
    }
    if (!table.primary_key.empty() && !table.automatic_id)
        sql += ", PRIMARY KEY (" + quote_identifiers(table.primary_key) + ")";
    for (const std::vector<std::string>& columns : table.unique)
        sql += ", UNIQUE (" + quote_identifiers(columns) + ")";
    for (const PortableForeignKey& key : table.foreign_keys) {
        if (sqlite)
            sql += ", " + foreign_key_text(key);
        else
            out.foreign_keys.push_back("ALTER TABLE " + quote_identifier(table.name) + " ADD " + foreign_key_text(key));
    }
    out.create.push_back(sql + ")");
    for (const PortableIndex& index : table.indexes)
        out.indexes.push_back(index_statement(table, index));
    return out;
}

bool is_of_type(ColumnType wanted, PortableType type) noexcept
{
    switch (wanted) {
    case ColumnType::automatic_id:
    case ColumnType::bigint:
    case ColumnType::integer:
        return type == PortableType::integer;
    case ColumnType::real:
        return type == PortableType::real;
    case ColumnType::text:
        return type == PortableType::text;
    case ColumnType::boolean:
        return type == PortableType::boolean;
    case ColumnType::timestamp:
        return type == PortableType::timestamp;
    }
    return false;
}

/// Whether it is the key that the portable schema gives the column.
bool is_key_of(const Column& column, const PortableForeignKey& key)
{
    return !column.references.empty() && key.columns == std::vector<std::string>{column.name} &&
           key.target_columns.size() == 1 && key.table + "(" + key.target_columns.front() + ")" == column.references;
}

bool has_own_key(const PortableTable& table, const Column& column)
{
    return std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(),
                       [&](const PortableForeignKey& key) { return is_key_of(column, key); });
}

bool has_column(const Table& core, std::string_view name)
{
    return std::any_of(core.columns.begin(), core.columns.end(),
                       [&](const Column& column) { return column.name == name; });
}

bool has_index(const Table& core, const PortableIndex& index)
{
    return std::any_of(core.indexes.begin(), core.indexes.end(),
                       [&](const Index& one) { return one.name == index.name; });
}

/// A column that the application added. SQLite adds one that must not be null only with a default.
std::string add_column(const PortableTable& table, PortableColumn column, SqlDialect dialect)
{
    if (dialect == SqlDialect::sqlite && !column.fallback)
        column.not_null = false;
    return "ALTER TABLE " + quote_identifier(table.name) + " ADD COLUMN " + column_text(column, dialect);
}

/// Whether the portable schema itself has the key.
bool is_of_schema(const Table& core, const PortableForeignKey& key)
{
    return std::any_of(core.columns.begin(), core.columns.end(),
                       [&](const Column& column) { return is_key_of(column, key); });
}

/// SQLite adds a reference to a table that is there with a new column only, which has no default but null.
bool goes_with_column(const PortableTable& table, const Table& core, const PortableForeignKey& key)
{
    const PortableColumn* column = key.columns.size() == 1 ? table.find(key.columns.front()) : nullptr;
    return column && !column->fallback && !has_column(core, column->name);
}

TableStatements render_core(const PortableTable& table, const Table& core, SqlDialect dialect)
{
    std::map<std::string, bool> own_indexes; // and whether they are unique
    for (const Index& index : core.indexes)
        own_indexes.emplace(index.name, index.unique);
    TableStatements out;
    for (const auto& [name, sql] : WhisperEngineSchema::get_core_schema().render(dialect)) {
        if (name == core.name)
            out.create.push_back(sql);
        else if (const auto own = own_indexes.find(name); own != own_indexes.end())
            out.indexes.push_back(IndexStatement{sql, own->second});
    }
    for (const PortableColumn& column : table.columns) {
        if (has_column(core, column.name))
            continue;
        std::string sql = add_column(table, column, dialect);
        for (const PortableForeignKey& key : table.foreign_keys)
            if (dialect == SqlDialect::sqlite && goes_with_column(table, core, key) &&
                key.columns.front() == column.name)
                sql += " " + reference_text(key);
        out.create.push_back(std::move(sql));
    }
    for (const PortableForeignKey& key : table.foreign_keys)
        if (dialect == SqlDialect::postgresql && !is_of_schema(core, key))
            out.foreign_keys.push_back("ALTER TABLE " + quote_identifier(table.name) + " ADD " + foreign_key_text(key));
    for (const std::vector<std::string>& columns : table.unique) {
        if (columns == core.unique)
            continue;
        PortableIndex index;
        index.name = table.name + "_unique";
        for (const std::string& column : columns) {
            index.name += "_" + column;
            index.parts.push_back(PortableIndex::Part{column});
        }
        index.unique = true;
        out.indexes.push_back(index_statement(table, index));
    }
    for (const PortableIndex& index : table.indexes)
        if (!has_index(core, index))
            out.indexes.push_back(index_statement(table, index));
    return out;
}

} // namespace

const PortableColumn* PortableTable::find(std::string_view column) const noexcept
{
    const auto found =
        std::find_if(columns.begin(), columns.end(), [&](const PortableColumn& one) { return one.name == column; });
    return found == columns.end() ? nullptr : &*found;
}

std::string quote_identifier(std::string_view name)
{
    std::string out = "\"";
    for (const char c : name)
        out.append(c == '"' ? "\"" : "").push_back(c);
    return out + "\"";
}

std::string quote_identifiers(const std::vector<std::string>& names)
{
    std::string out;
    for (const std::string& name : names)
        out += (out.empty() ? "" : ", ") + quote_identifier(name);
    return out;
}

const Table* core_table(const PortableTable& table)
{
    const Table* core = WhisperEngineSchema::get_core_schema().find(table.name);
    if (!core)
        return nullptr;
    std::vector<std::string> key = core->primary_key;
    for (const Column& column : core->columns) {
        const PortableColumn* found = table.find(column.name);
        const bool is_automatic = column.type == ColumnType::automatic_id;
        if (is_automatic)
            key.assign(1, column.name);
        if (!found || !is_of_type(column.type, found->type) || (column.not_null && !found->not_null) ||
            (is_automatic && !table.automatic_id) || (!column.references.empty() && !has_own_key(table, column)))
            return nullptr;
    }
    const bool is_unique =
        core->unique.empty() || std::find(table.unique.begin(), table.unique.end(), core->unique) != table.unique.end();
    return key == table.primary_key && is_unique ? core : nullptr;
}

TableStatements render(const PortableTable& table, SqlDialect dialect)
{
    const Table* core = core_table(table);
    return core ? render_core(table, *core, dialect) : render_plain(table, dialect);
}

std::vector<PortableForeignKey> foreign_keys_left_out(const PortableTable& table, SqlDialect dialect)
{
    std::vector<PortableForeignKey> left_out;
    const Table* core = core_table(table);
    if (!core || dialect != SqlDialect::sqlite)
        return left_out;
    for (const PortableForeignKey& key : table.foreign_keys)
        if (!is_of_schema(*core, key) && !goes_with_column(table, *core, key))
            left_out.push_back(key);
    return left_out;
}

std::vector<std::string> render_rules(const std::vector<PortableTable>& tables, SqlDialect dialect)
{
    std::set<std::string> there;
    for (const PortableTable& table : tables)
        if (core_table(table))
            there.insert(table.name);
    const Schema& schema = WhisperEngineSchema::get_core_schema();
    std::vector<std::string> out;
    for (const auto& [name, sql] : schema.render(dialect))
        for (const DeleteRule& rule : schema.delete_rules)
            if (rule.name == name && there.contains(rule.table) && there.contains(rule.target))
                out.push_back(sql);
    return out;
}

} // namespace whisperstore

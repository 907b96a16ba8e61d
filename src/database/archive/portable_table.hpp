#pragma once
// Tables as every database has them: what an archive carries from one database to another. Pure code without I/O.

#include <whisperstore/core/sql_dialect.hpp>
#include <whisperstore/core/value.hpp>
#include <whisperstore/database/schema.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// What is in a column. Text stands for every type that only one database knows.
enum class PortableType : std::uint8_t
{
    integer,
    real,
    text,
    boolean,
    timestamp,
    blob
};

/// A default that means the same everywhere.
struct PortableDefault
{
    bool now = false; ///< the time of the insert
    Value value;      ///< else this, of the kind of the column
    friend bool operator==(const PortableDefault&, const PortableDefault&) = default;
};

struct PortableColumn
{
    std::string name;
    PortableType type = PortableType::text;
    bool not_null = false;
    std::optional<PortableDefault> fallback;
    friend bool operator==(const PortableColumn&, const PortableColumn&) = default;
};

struct PortableForeignKey
{
    std::vector<std::string> columns;
    std::string table;
    std::vector<std::string> target_columns;
    std::string on_delete; ///< "CASCADE", "SET NULL" …; empty: NO ACTION
    std::string on_update;
    friend bool operator==(const PortableForeignKey&, const PortableForeignKey&) = default;
};

struct PortableIndex
{
    struct Part
    {
        std::string column;
        bool descending = false;
        friend bool operator==(const Part&, const Part&) = default;
    };
    std::string name;
    std::vector<Part> parts;
    bool unique = false;
    friend bool operator==(const PortableIndex&, const PortableIndex&) = default;
};

struct PortableTable
{
    std::string name;
    std::vector<PortableColumn> columns;
    std::vector<std::string> primary_key;
    bool automatic_id = false; ///< the database fills the primary key, which is one integer
    std::vector<std::vector<std::string>> unique;
    std::vector<PortableForeignKey> foreign_keys;
    std::vector<PortableIndex> indexes;

    const PortableColumn* find(std::string_view column) const noexcept;
    friend bool operator==(const PortableTable&, const PortableTable&) = default;
};

/// In double quotes, whatever it holds.
std::string quote_identifier(std::string_view name);
/// `a, b`, each quoted.
std::string quote_identifiers(const std::vector<std::string>& names);

struct IndexStatement
{
    std::string sql;
    bool unique = false;
};

/// What makes the table and what belongs to it, in three steps, so that rows come before indexes and both before
/// foreign keys. (SQLite wants foreign keys with the table and looks at them later.)
struct TableStatements
{
    std::vector<std::string> create;
    std::vector<IndexStatement> indexes;
    std::vector<std::string> foreign_keys;
};

/// The table of the portable schema with this name, when `table` has its columns with their types; more are allowed.
const Table* core_table(const PortableTable& table);

/// A table of the portable schema is exactly the schema's, with what the application added to it.
TableStatements render(const PortableTable& table, SqlDialect dialect);

/// The foreign keys of the table that render() cannot say in a dialect.
std::vector<PortableForeignKey> foreign_keys_left_out(const PortableTable& table, SqlDialect dialect);

/// The schema's delete rules between tables that are there.
std::vector<std::string> render_rules(const std::vector<PortableTable>& tables, SqlDialect dialect);

/// A default as a database's catalog has it (`'x'::text`, `now()`, `(strftime(…))`, `1`), when the value means the same
/// everywhere; else nothing.
std::optional<PortableDefault> read_default(std::string_view sql, PortableType type);

} // namespace whisperstore

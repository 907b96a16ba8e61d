#pragma once
/// \file
/// The portable schema: defined once, rendered per database.

#include <whisperstore/core/sql_dialect.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore {

/// Statements that create tables, in order: object name → SQL (one or more statements).
using TableDefinitions = std::vector<std::pair<std::string, std::string>>;

/// Portable column types. Rendered: automatic_id INTEGER PRIMARY KEY AUTOINCREMENT / BIGSERIAL,
/// bigint BIGINT, integer INTEGER / BIGINT, real REAL / DOUBLE PRECISION, text TEXT / TEXT COLLATE "C",
/// boolean BOOLEAN (0/1 in SQLite), timestamp TIMESTAMP (canonical text in SQLite) / TIMESTAMPTZ.
enum class ColumnType
{
    automatic_id,
    bigint,
    integer,
    real,
    text,
    boolean,
    timestamp
};

struct Column
{
    std::string name;
    ColumnType type = ColumnType::text;
    bool not_null = false;
    /// The literal's text for text, number or boolean columns; "now" for timestamps; empty = none.
    std::string default_value;
    bool has_default = false;
    std::string references; ///< "users(user_id)": deleting the parent deletes this row
};

struct Index
{
    std::string name;
    std::vector<std::string> columns;
    bool unique = false;
};

struct Table
{
    std::string name;
    std::vector<Column> columns;
    std::vector<std::string> primary_key; ///< empty where an automatic_id column is the key
    std::vector<std::string> unique;      ///< one table-level UNIQUE constraint
    std::vector<Index> indexes;
};

/// When a row of `table` is deleted, rows of `target` that match go too (for references without a
/// foreign key: messages of a user, edges of a node).
struct DeleteRule
{
    std::string name;
    std::string table;
    std::string target;
    std::string condition; ///< portable SQL over the target's columns and OLD.<column>
};

/// A whole schema.
struct Schema
{
    std::string name;
    int version = 1;
    std::vector<Table> tables;
    std::vector<DeleteRule> delete_rules;

    /// The statements for one database; each is idempotent (IF NOT EXISTS).
    TableDefinitions render(SqlDialect dialect) const;
    /// SHA-256 (hex) of the definition, the same for every dialect.
    std::string checksum() const;
    const Table* find(std::string_view table) const noexcept;
};

/// The tables of WhisperEngine: users, conversations, memory_entries, facts, emotions,
/// relationships, messages, graph_nodes, system_settings, performance_metrics, schema_migrations.
class WhisperEngineSchema
{
public:
    static const Schema& get_core_schema();
};

} // namespace whisperstore

#include "database/sqlite_query.hpp"

#include <sqlite3.h>

#include <array>

namespace whisperstore {

namespace {

constexpr std::size_t inline_rows = 256;
constexpr std::size_t inline_bytes = 256 * 1024;
// A query that goes over the budget so often in a row costs its caller's thread more than it saves.
constexpr int overruns_allowed = 4;

bool begins_like_a_read(std::string_view keyword) noexcept
{
    return keyword == "SELECT" || keyword == "WITH" || keyword == "VALUES" || keyword == "EXPLAIN" ||
           keyword.starts_with("PRAGMA");
}

/// Functions whose single call is short for any argument of a few kilobytes (LIKE and GLOB are not: the
/// work of a pattern with many wildcards has no such bound).
bool is_short_function(std::string_view name) noexcept
{
    constexpr std::array known{"length", "lower", "upper",        "abs",      "coalesce", "ifnull", "nullif", "substr",
                               "min",    "max",   "sum",          "total",    "avg",      "count",  "typeof", "round",
                               "trim",   "instr", "json_extract", "strftime", "datetime", "date",   "iif"};
    const std::string_view base = name.substr(0, name.find('('));
    for (const char* function : known)
        if (base == function)
            return true;
    return false;
}

/// Reads the program of a statement: virtual tables, count(*) over a whole tree and unknown
/// functions can do unbounded work in a single operation, which no budget interrupts.
bool is_inline_program(sqlite::Connection& connection, const std::string& sql)
{
    constexpr std::array unbounded{"VOpen", "VFilter", "Count", "IntegrityCk", "Vacuum", "Checkpoint", "JournalMode"};
    sqlite::Statement program = connection.prepare_once("EXPLAIN " + sql);
    while (program.step()) {
        const std::string_view operation = program.column_text(1);
        for (const char* name : unbounded)
            if (operation == name)
                return false;
        if ((operation == "Function" || operation == "PureFunc" || operation == "AggStep" || operation == "AggStep1") &&
            !is_short_function(program.column_text(5)))
            return false;
    }
    return true;
}

} // namespace

std::shared_ptr<SqliteQuery> SqliteQueryCache::get(const std::string& sql)
{
    {
        const std::lock_guard lock(mutex_);
        if (!entries_.empty() && entries_.front().first == sql) // the same again: a list, a loop
            return entries_.front().second;
        if (const auto found = by_text_.find(sql); found != by_text_.end()) {
            entries_.splice(entries_.begin(), entries_, found->second);
            return found->second->second;
        }
    }
    auto query = std::make_shared<SqliteQuery>();
    query->translated = sql::translate(sql, SqlDialect::sqlite);
    sql::check_allowed(query->translated);
    query->may_be_read = begins_like_a_read(query->translated.keyword);
    if (query->translated.keyword != "SELECT")
        query->inline_class = SqliteQuery::Inline::no;

    const std::lock_guard lock(mutex_);
    if (by_text_.contains(sql))
        return query;
    if (entries_.size() >= capacity) {
        by_text_.erase(entries_.back().first);
        entries_.pop_back();
    }
    entries_.emplace_front(sql, query);
    by_text_.emplace(entries_.front().first, entries_.begin());
    return query;
}

BoundQuery bind_query(SqliteQueryCache& cache, const std::string& sql, Parameters parameters)
{
    BoundQuery bound;
    bound.query = cache.get(sql);
    sql::check_arguments(parameters);
    const sql::TranslatedQuery& translated = bound.query->translated;
    if (translated.style == sql::PlaceholderStyle::named || parameters.size() != translated.placeholder_count)
        bound.order = sql::argument_order(translated, parameters);
    bound.parameters = std::move(parameters);
    return bound;
}

sqlite::Statement prepare(sqlite::Connection& connection, const BoundQuery& query)
{
    const sql::TranslatedQuery& translated = query.query->translated;
    sqlite::Statement statement = connection.prepare(translated.sql);
    if (static_cast<std::size_t>(statement.parameter_count()) != translated.placeholder_count)
        throw StorageError(StorageErrc::invalid_argument,
                           "SQLite finds " + std::to_string(statement.parameter_count()) +
                               " placeholders in the query where " + std::to_string(translated.placeholder_count) +
                               " were meant: use only ?, :name or $1");
    int index = 0;
    if (query.order.empty())
        for (const Parameter& parameter : query.parameters)
            statement.bind(++index, parameter.value);
    for (const std::size_t argument : query.order)
        statement.bind(++index, query.parameters[argument].value);
    return statement;
}

void add_row(RowsBuilder& rows, const sqlite::Statement& statement, const sqlite::Columns& columns)
{
    using Integers = sqlite::Columns::Integers;
    const auto count = static_cast<int>(columns.integers.size());
    for (int i = 0; i < count; ++i) {
        switch (sqlite3_column_type(statement.handle(), i)) {
        case SQLITE_INTEGER:
            if (columns.integers[static_cast<std::size_t>(i)] == Integers::booleans)
                rows.add(statement.column_int(i) != 0);
            else if (columns.integers[static_cast<std::size_t>(i)] == Integers::reals)
                rows.add(statement.column_real(i));
            else
                rows.add(statement.column_int(i));
            break;
        case SQLITE_FLOAT:
            rows.add(statement.column_real(i));
            break;
        case SQLITE_TEXT:
            rows.add_text(statement.column_text(i));
            break;
        case SQLITE_BLOB:
            rows.add_blob(statement.column_blob(i));
            break;
        default:
            rows.add_null();
            break;
        }
    }
}

QueryResult run_query(sqlite::Connection& connection, const BoundQuery& query)
{
    sqlite::Statement statement = prepare(connection, query);
    QueryResult result;
    const sqlite3_int64 changes_before = sqlite3_total_changes64(connection.handle());
    bool has_row = statement.step();
    if (statement.column_count() > 0) {
        const std::shared_ptr<const sqlite::Columns> columns = statement.columns();
        RowsBuilder rows(columns->names);
        for (; has_row; has_row = statement.step())
            add_row(rows, statement, *columns);
        result.row_count = static_cast<std::int64_t>(rows.row_count());
        result.rows = rows.finish();
    } else if (sqlite3_total_changes64(connection.handle()) != changes_before) {
        // changes() keeps the number of an earlier statement where this one changed no row.
        result.row_count = connection.changes();
    }
    return result;
}

bool run_inline(sqlite::Connection& connection, const BoundQuery& query, QueryResult& result)
{
    SqliteQuery& shared = *query.query;
    if (shared.inline_class == SqliteQuery::Inline::unknown)
        shared.inline_class =
            is_inline_program(connection, shared.translated.sql) ? SqliteQuery::Inline::yes : SqliteQuery::Inline::no;
    if (shared.inline_class == SqliteQuery::Inline::no)
        return false;

    const auto over_budget = [&shared] {
        if (shared.overruns.fetch_add(1, std::memory_order_relaxed) + 1 >= overruns_allowed)
            shared.inline_class = SqliteQuery::Inline::no;
        return false;
    };
    sqlite::Statement statement = prepare(connection, query);
    const sqlite::Connection::Budget budget(connection);
    try {
        bool has_row = statement.step();
        const std::shared_ptr<const sqlite::Columns> columns = statement.columns();
        RowsBuilder rows(columns->names);
        for (; has_row; has_row = statement.step()) {
            add_row(rows, statement, *columns);
            if (rows.row_count() > inline_rows || rows.bytes() > inline_bytes)
                return over_budget();
        }
        result.row_count = static_cast<std::int64_t>(rows.row_count());
        result.rows = rows.finish();
    } catch (const StorageError& error) {
        if (sqlite::is_interrupt(error))
            return over_budget();
        throw;
    }
    if (shared.overruns.load(std::memory_order_relaxed) != 0)
        shared.overruns.store(0, std::memory_order_relaxed);
    return true;
}

} // namespace whisperstore

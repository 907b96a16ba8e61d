#pragma once
// Running one translated query on a SQLite connection.

#include "protocol/sql/sql_lexer.hpp"
#include "sqlite/connection.hpp"

#include <whisperstore/database/query_result.hpp>

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace whisperstore {

/// A query as parsed once and shared by all that run it.
struct SqliteQuery
{
    sql::TranslatedQuery translated;
    /// May only read, as far as its first keyword tells; the statement itself is asked later.
    bool may_be_read = false;
    /// Whether it may run on the calling thread; found out at its first run.
    enum class Inline : std::uint8_t
    {
        unknown,
        yes,
        no
    };
    std::atomic<Inline> inline_class{Inline::unknown};
    std::atomic<int> overruns{0};    ///< inline runs over the budget since the last within it
    std::atomic<bool> writes{false}; ///< begins like a read, but writes
};

/// Parsed queries by text, bounded; thread safe.
class SqliteQueryCache
{
public:
    /// Throws what sql::translate() and sql::check_allowed() throw.
    std::shared_ptr<SqliteQuery> get(const std::string& sql);

private:
    static constexpr std::size_t capacity = 512;
    using Entries = std::list<std::pair<std::string, std::shared_ptr<SqliteQuery>>>;
    std::mutex mutex_;
    Entries entries_; // most recently used first
    std::unordered_map<std::string_view, Entries::iterator> by_text_;
};

/// Checked arguments.
struct BoundQuery
{
    std::shared_ptr<SqliteQuery> query;
    Parameters parameters;
    std::vector<std::size_t> order; ///< of the placeholders' arguments; empty: as they are
};
BoundQuery bind_query(SqliteQueryCache& cache, const std::string& sql, Parameters parameters);

/// Prepares and binds. Throws StorageError invalid_argument when SQLite counts placeholders otherwise.
sqlite::Statement prepare(sqlite::Connection& connection, const BoundQuery& query);
/// Runs it to the end.
QueryResult run_query(sqlite::Connection& connection, const BoundQuery& query);
/// Adds the current row.
void add_row(RowsBuilder& rows, const sqlite::Statement& statement, const sqlite::Columns& columns);

/// Runs a SELECT on the calling thread under a budget of work. False: over the budget, nothing
/// happened, run it elsewhere.
bool run_inline(sqlite::Connection& connection, const BoundQuery& query, QueryResult& result);

} // namespace whisperstore

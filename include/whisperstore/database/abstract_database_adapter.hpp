#pragma once
/// \file
/// The database interface that every relational backend implements.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/database/migration.hpp>
#include <whisperstore/database/query_result.hpp>
#include <whisperstore/database/row_stream.hpp>
#include <whisperstore/database/schema.hpp>
#include <whisperstore/database/transaction.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore {

class DatabaseSnapshot;
struct LoadOptions;

/// A query and its arguments, for execute_transaction().
struct Query
{
    std::string sql;
    Parameters params;
};
inline Query query(std::string sql, Parameters params = Parameters())
{
    return Query{std::move(sql), std::move(params)};
}

/// Queries of one transaction: `queries(query("…", params(…)), query("…"))`.
template <typename... Queries>
    requires(std::same_as<std::remove_cvref_t<Queries>, Query> && ...)
std::vector<Query> queries(Queries&&... items)
{
    std::vector<Query> list;
    list.reserve(sizeof...(items));
    (list.push_back(std::forward<Queries>(items)), ...);
    return list;
}

/// Base interface for all database operations.
///
/// Thread safe: any number of coroutines on any number of threads may call at once. Every
/// operation observes the deadline of its OperationContext (`timeout`) and the coroutine's
/// cancellation slot (`cancelled`), and both stop the work in the database. Before connect() and
/// after disconnect() operations are `closed`. Failures throw StorageError; nothing returned means
/// it worked.
class AbstractDatabaseAdapter
{
public:
    virtual ~AbstractDatabaseAdapter() = default;

    /// Opens the database. A second call does nothing.
    virtual awaitable<void> connect(OperationContext context = OperationContext()) = 0;
    /// The reference's other name for connect().
    awaitable<void> initialize(OperationContext context = OperationContext()) { return connect(std::move(context)); }
    /// Waits for running work, then closes. A second call does nothing.
    virtual awaitable<void> disconnect() = 0;

    /// Runs one statement. Placeholders: `?` by order, `:name` by name, `$1` by order; one style a
    /// query. `??` is PostgreSQL's `?` operator. A name may be used twice.
    /// \throws StorageError invalid_argument for a count mismatch, an unknown or unused name, mixed
    /// styles, several statements, transaction control (BEGIN, COMMIT, SAVEPOINT, ATTACH, unsafe
    /// PRAGMAs), invalid UTF-8 or NUL in text; syntax, constraint_violation, type_mismatch, … as
    /// the database answers.
    virtual awaitable<QueryResult> execute_query(std::string query, Parameters params = Parameters(),
                                                 OperationContext context = OperationContext()) = 0;

    /// Runs the queries in one transaction: all or nothing. The error of a failed query names its
    /// position. Returns each query's result.
    virtual awaitable<std::vector<QueryResult>> execute_transaction(std::vector<Query> queries,
                                                                    OperationContext context = OperationContext()) = 0;

    /// Opens a transaction for reads that decide writes.
    virtual awaitable<Transaction> begin_transaction(OperationContext context = OperationContext()) = 0;

    /// Reads a large result in pieces with bounded memory. Read-only statements only.
    virtual awaitable<RowStream> stream_query(std::string query, Parameters params = Parameters(),
                                              OperationContext context = OperationContext()) = 0;

    /// Creates tables from definitions, in order, in one transaction: any failure leaves none of them.
    virtual awaitable<void> create_tables(TableDefinitions schema, OperationContext context = OperationContext()) = 0;

    /// Creates or checks a portable schema and records its version.
    /// \throws StorageError version_mismatch when the database holds a newer version.
    awaitable<void> setup_schema(Schema schema, OperationContext context = OperationContext());

    /// Applies migrations in the order given, each once, each in a transaction with its record in
    /// schema_migrations. A broken script leaves neither its changes nor its record; those before
    /// it stay. SchemaMigrator does it, and more: plans, states, ways back, the order of versions.
    /// \throws StorageError version_mismatch when a script differs from the one applied under its version.
    awaitable<void> migrate_schema(std::vector<Migration> migrations, OperationContext context = OperationContext());
    /// The reference's form: plain scripts. A first line `-- version: 3 add topics` gives version and
    /// name; a script without it is identified by its checksum.
    awaitable<void> migrate_schema(std::vector<std::string> migration_scripts,
                                   OperationContext context = OperationContext());

    /// Writes a consistent copy as one SQLite file (docs/archive-format.md), also while others
    /// write. Appears whole or not at all. \throws StorageError already_exists.
    virtual awaitable<void> backup_database(std::filesystem::path backup_path,
                                            OperationContext context = OperationContext()) = 0;
    /// Replaces the content by a backup's. The backup is checked first, and the old content survives
    /// any failure. \throws StorageError not_found, corrupt, version_mismatch.
    virtual awaitable<void> restore_database(std::filesystem::path backup_path,
                                             OperationContext context = OperationContext()) = 0;

    /// \name For StorageMigrationManager
    /// What backups, restores and migrations are made of; the types are the library's own.
    ///@{
    /// All of the content as it is at one moment, to be read while others write.
    virtual awaitable<std::shared_ptr<DatabaseSnapshot>> open_snapshot(OperationContext context = OperationContext());
    /// Takes what a snapshot of any database holds, in one transaction: the content is the old or the new, whatever
    /// happens. \throws StorageError already_exists naming the tables with rows where there should be none.
    virtual awaitable<void> load_snapshot(std::shared_ptr<DatabaseSnapshot> from, LoadOptions options,
                                          OperationContext context = OperationContext());
    ///@}

    /// "sqlite", "postgresql" or "postgresql_cluster".
    virtual std::string_view database_type() const noexcept = 0;
    virtual SqlDialect dialect() const noexcept = 0;
    /// Where it connects, without secrets: a path or host:port list.
    virtual std::vector<std::string> endpoints() const = 0;

    /// What else a backend tells of itself, for metrics and people: the `connections` of PostgreSQL, the `topology` of
    /// a cluster; empty for others. \throws StorageError closed.
    virtual json::object get_details() const { return json::object(); }
    /// What is amiss although it works: servers of a cluster that are not used, and why. Empty when nothing is.
    /// \throws StorageError closed.
    virtual std::string get_trouble() const { return std::string(); }

    /// \name Accessors for metrics
    /// Times in milliseconds, rates 0-1, since connect(). get_pool_size(): connections open at most.
    ///@{
    virtual awaitable<std::size_t> get_pool_size() = 0;
    virtual awaitable<std::size_t> get_active_connections() = 0;
    virtual awaitable<double> get_avg_response_time() = 0;
    virtual awaitable<std::uint64_t> get_query_count() = 0;
    virtual awaitable<double> get_error_rate() = 0;
    ///@}

protected:
    /// Runs a script of many statements and then the query that `record` makes of the milliseconds
    /// it took, in one transaction; nothing of both when `probe` (a SELECT, run first in the same
    /// transaction) finds a row.
    virtual awaitable<void> run_script(std::string script, Query probe, std::function<Query(std::int64_t)> record,
                                       OperationContext context) = 0;
    /// Runs the statements of a script one after the other, each on its own, VACUUM too. The first error ends it.
    virtual awaitable<void> run_statements(std::string script, OperationContext context) = 0;
    /// Waits until no other runner of migrations is at work on the database, in whichever process, and keeps others
    /// away until what it returns goes. \param waits called once, with who is at work, when there is something to wait
    /// for. \throws StorageError timeout when the deadline passes before.
    virtual awaitable<std::shared_ptr<void>> lock_migrations(std::function<void(const std::string& holder)> waits,
                                                             OperationContext context) = 0;

private:
    friend class SchemaMigrator;
};

} // namespace whisperstore

#pragma once
/// \file
/// PostgreSQL as the relational database.

#include <whisperstore/core/log.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/database/database_config.hpp>

#include <cstdint>
#include <memory>

namespace whisperstore {

/// The connections of an adapter to one server right now; counters since connect().
struct ConnectionPoolStats
{
    std::size_t open = 0;      ///< connections
    std::size_t busy = 0;      ///< of them: with work under way
    std::size_t leased = 0;    ///< of them: lent to a transaction, stream or copy
    std::size_t waiting = 0;   ///< callers in line
    std::uint64_t opened = 0;  ///< connections opened
    std::uint64_t lost = 0;    ///< connections that broke and were replaced or forgotten
    std::uint64_t refused = 0; ///< callers refused because the line was full
};

/// The database of a server deployment: PostgreSQL 12 or newer, over libpq.
///
/// **Connection string**: `postgresql://user:password@host:port/database?parameter=value`, user-info percent-encoded;
/// several hosts, separated by commas, are tried in order. Parameters are libpq's (`sslmode` up to `verify-full`,
/// `sslrootcert`, `sslcert`, `sslkey`, `target_session_attrs`, `application_name`, …), and ours:
/// `prepared_statements=false` for a pooler that gives every transaction another server connection (PgBouncer in
/// transaction mode), `statement_timeout` in milliseconds (the server's limit for calls without a deadline; 0, the
/// default, is none), `connect_timeout` in seconds (10).
///
/// **Connections**: at most `pool_size`, opened when needed; a broken one is replaced. Statements of several coroutines
/// share a connection as a pipeline, each with a transaction, an outcome and an error of its own. Transactions and
/// streams have one for themselves. Callers without a connection wait in line, at most 1,024 of them: the next is
/// `resource_exhausted`. A caller's executor watches the sockets it waits for; two threads of the adapter's own open
/// connections, run timers and send cancel requests.
///
/// **Durability**: as the server's `synchronous_commit` says; an acknowledged write was committed.
/// **Isolation**: single statements and execute_transaction() READ COMMITTED; begin_transaction() SERIALIZABLE, so a
/// statement or the commit may end as `conflict` (retryable, nothing applied): run the transaction again. Streams
/// REPEATABLE READ, read-only.
///
/// **Stopping**: cancellation and deadlines send the server a cancel request, again until it answers; after 2 s without
/// an answer the connection is given up. Calls with a deadline also set the server's `statement_timeout`. A statement
/// that the request hit by mistake is run again unseen.
///
/// **Lost connections**: statements that certainly only read, and those the server certainly did not carry out, are run
/// again on another connection, if one can be had at once. A write under way is `outcome_unknown`.
///
/// **Values**: integers, reals, booleans, bytea and timestamps (timestamptz as canonical text; timestamp without time
/// zone is read as UTC) have the kinds of the portable tables; every other type is PostgreSQL's own text for it:
/// numeric digits, jsonb, uuid, arrays `{1,2}`, dates, intervals in ISO 8601. Arguments take the type that the server
/// infers: see docs/postgresql.md. Temporary settings made by functions (set_config) stay on their connection.
class PostgreSQLAdapter final : public AbstractDatabaseAdapter
{
public:
    /// \param logger hears of the server's notices and of lost connections
    /// \throws StorageError invalid_argument for a connection string or a setting that cannot be.
    explicit PostgreSQLAdapter(DatabaseConfig config, Logger logger = Logger());
    ~PostgreSQLAdapter() override;

    /// Opens one connection, so that a server that is not there, or a wrong password, is told at once.
    awaitable<void> connect(OperationContext context = OperationContext()) override;
    awaitable<void> disconnect() override;
    awaitable<QueryResult> execute_query(std::string query, Parameters params = Parameters(),
                                         OperationContext context = OperationContext()) override;
    awaitable<std::vector<QueryResult>> execute_transaction(std::vector<Query> queries,
                                                            OperationContext context = OperationContext()) override;
    awaitable<Transaction> begin_transaction(OperationContext context = OperationContext()) override;
    awaitable<RowStream> stream_query(std::string query, Parameters params = Parameters(),
                                      OperationContext context = OperationContext()) override;
    awaitable<void> create_tables(TableDefinitions schema, OperationContext context = OperationContext()) override;
    awaitable<void> backup_database(std::filesystem::path backup_path,
                                    OperationContext context = OperationContext()) override;
    awaitable<void> restore_database(std::filesystem::path backup_path,
                                     OperationContext context = OperationContext()) override;
    awaitable<std::shared_ptr<DatabaseSnapshot>> open_snapshot(OperationContext context = OperationContext()) override;
    awaitable<void> load_snapshot(std::shared_ptr<DatabaseSnapshot> from, LoadOptions options,
                                  OperationContext context = OperationContext()) override;

    std::string_view database_type() const noexcept override { return "postgresql"; }
    SqlDialect dialect() const noexcept override { return SqlDialect::postgresql; }
    std::vector<std::string> endpoints() const override;
    /// \returns pool_stats() as `connections`.
    json::object get_details() const override;

    awaitable<std::size_t> get_pool_size() override;
    awaitable<std::size_t> get_active_connections() override;
    awaitable<double> get_avg_response_time() override;
    awaitable<std::uint64_t> get_query_count() override;
    awaitable<double> get_error_rate() override;

    /// Loads rows by COPY, in one transaction: all or none. Much faster than INSERT.
    /// \param table and \param columns are identifiers: they are quoted, never read as SQL
    /// \param next gives the next row, or nothing at the end; its values are bound to the columns in order. Called on
    /// the caller's executor.
    /// \return the rows loaded
    /// \throws StorageError as execute_query(); what `next` throws, then nothing was loaded
    awaitable<std::uint64_t> bulk_load(std::string table, std::vector<std::string> columns,
                                       std::function<std::optional<std::vector<Value>>()> next,
                                       OperationContext context = OperationContext());

    ConnectionPoolStats pool_stats() const;

private:
    awaitable<void> run_script(std::string script, Query probe, std::function<Query(std::int64_t)> record,
                               OperationContext context) override;
    awaitable<void> run_statements(std::string script, OperationContext context) override;
    awaitable<std::shared_ptr<void>> lock_migrations(std::function<void(const std::string& holder)> waits,
                                                     OperationContext context) override;

    class Impl;
    // Shared with running operations, so that an adapter dropped early does not pull the connections from under them.
    std::shared_ptr<Impl> impl_;
};

} // namespace whisperstore

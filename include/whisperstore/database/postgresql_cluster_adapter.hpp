#pragma once
/// \file
/// A PostgreSQL cluster, a primary and its replicas, as the relational database.

#include <whisperstore/core/log.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/database/database_config.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore {

/// What is known of a server of a cluster.
struct PostgreSQLNode
{
    std::string name;       ///< host:port; with its address where the host's name has several
    std::string role;       ///< "primary", "replica" or "unknown", as it says itself
    bool is_writer = false; ///< the primary that is written to
    bool reachable = false; ///< it answered when it was asked last
    std::string problem;    ///< why it is not used; empty when all is well
    std::uint32_t timeline = 0;
    std::string position;                   ///< in the write-ahead log: a primary's end, a replica's replayed place
    std::optional<std::uint64_t> lag_bytes; ///< replicas: of the primary's log, not replayed
    std::optional<std::chrono::milliseconds> lag;       ///< replicas: their state was at most so old
    std::optional<std::chrono::microseconds> latency;   ///< of a round trip
    std::optional<std::chrono::milliseconds> probe_age; ///< since it answered; none: never
    std::size_t connections = 0;                        ///< open, besides the one it is asked over
    std::size_t busy_connections = 0;
};

/// A cluster as an adapter sees it.
struct PostgreSQLTopology
{
    std::vector<PostgreSQLNode> nodes;
    std::uint64_t failovers = 0; ///< since connect(), as the next two
    std::uint64_t reads_by_replicas = 0;
    std::uint64_t reads_by_primary = 0;

    /// Name of the primary that is written to; none while there is none.
    std::optional<std::string> writer() const;
    json::object to_json() const;
};

/// The database of a cluster: PostgreSQL 12 or newer with streaming replication, however its failover is made
/// (Patroni, repmgr, an operator, by hand). Everything that PostgreSQLAdapter says holds here too.
///
/// **Servers**: those of the connection string or `cluster_nodes`, in any order. A single host whose name has several
/// addresses (a headless service) is a server for each of them. A single host with one address may be a service in
/// front of a cluster: a connection that reaches no primary is given up for another one; reads are not spread then.
/// Each server has a pool of up to `pool_size` connections, and one more over which it is asked every second for its
/// role, timeline and place in the log, and at once when a connection to it breaks.
///
/// **Writes, transactions, and what may write** go to the primary: the server that says so on the highest timeline
/// that has been seen. A returning old primary is on a lower one: it is reported, and never written to. Where two
/// servers are primary on one timeline the known one stays. Nothing here can keep a program from writing to an old
/// primary that is cut off from the others before it hears of the new one, for at most a second: that is for the
/// cluster's fencing, or for synchronous replication, to prevent.
///
/// **Reads** (execute_query(), lists and streams that certainly only read) go by `read_policy`: `primary`;
/// `prefer_replica`, each replica in its turn, and the primary where none qualifies; `nearest`, the lowest latency of
/// all within a quarter. A replica qualifies when its state is at most `max_replica_lag` old, and not older than the
/// session's own last write: the session holds the primary's place in the log after it. One that is
/// just behind is waited for, 20 ms at most, as long as that is seldom in vain. So calls of one user share a session,
/// and those of different users do not: what others wrote a moment ago is then no reason to wait. Where a write's place
/// is not known (its answer was lost) the session reads from the primary until that has been asked again. After a
/// failover without synchronous replication the session's rows may be lost; then it reads what the new primary has.
///
/// **Failover**: new work waits for a primary until the caller's deadline, or `failover_limit` where there is none, and
/// ends as `timeout` or `unavailable`. What was certainly not applied is done again, reads on any server. A commit that
/// was under way when its connection broke is `outcome_unknown` and never done again. A transaction ends with its
/// connection. When another primary is found the connections to the old one are closed.
///
/// **Roles**: any user may ask for all that is needed. Members of `pg_monitor` see sooner that a replica follows a new
/// primary, and read from it from then on; for others that is after its next restart point.
class PostgreSQLClusterAdapter final : public AbstractDatabaseAdapter
{
public:
    /// \param logger hears of changes of the cluster, of the servers' notices and of lost connections
    /// \throws StorageError invalid_argument for a connection string or a setting that cannot be.
    explicit PostgreSQLClusterAdapter(DatabaseConfig config, Logger logger = Logger());
    ~PostgreSQLClusterAdapter() override;

    /// Finds the primary. \throws StorageError unavailable when no server answers, or none of them is the primary
    /// within `connect_timeout`; authentication, not_found (database) when all refuse.
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

    std::string_view database_type() const noexcept override { return "postgresql_cluster"; }
    SqlDialect dialect() const noexcept override { return SqlDialect::postgresql; }
    std::vector<std::string> endpoints() const override;

    /// For each server.
    awaitable<std::size_t> get_pool_size() override;
    /// Of all servers.
    awaitable<std::size_t> get_active_connections() override;
    awaitable<double> get_avg_response_time() override;
    awaitable<std::uint64_t> get_query_count() override;
    awaitable<double> get_error_rate() override;

    /// As PostgreSQLAdapter::bulk_load(), on the primary. Not done again when the primary is lost.
    awaitable<std::uint64_t> bulk_load(std::string table, std::vector<std::string> columns,
                                       std::function<std::optional<std::vector<Value>>()> next,
                                       OperationContext context = OperationContext());

    /// What is known right now, without asking. \throws StorageError closed.
    PostgreSQLTopology topology() const;
    /// \returns topology() as `topology`.
    json::object get_details() const override;
    /// Servers that are not used, and why.
    std::string get_trouble() const override;

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

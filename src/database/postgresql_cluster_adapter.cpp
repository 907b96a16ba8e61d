#include "database/archive/database_snapshot.hpp"
#include "database/postgresql/bulk_load.hpp"
#include "database/postgresql/cluster/cluster_router.hpp"
#include "database/postgresql/migrations.hpp"
#include "database/postgresql/operations.hpp"

#include <whisperstore/database/postgresql_cluster_adapter.hpp>

namespace whisperstore {

using postgresql::ClusterRouter;
using postgresql::ClusterSettings;
using postgresql::Operations;

namespace {

constexpr std::string_view backend = "postgresql_cluster";

std::shared_ptr<Operations> make_operations(const DatabaseConfig& config, Logger logger)
{
    auto options = postgresql::Options::of(config);
    const ClusterSettings settings = ClusterSettings::of(config);
    Operations::MakeRouter make_router = [shared = std::make_shared<const postgresql::Options>(options), settings,
                                          session = std::make_shared<Session>(),
                                          logger](std::shared_ptr<postgresql::Background> background) {
        postgresql::Surroundings common;
        common.options = shared;
        common.background = std::move(background);
        common.logger = logger;
        return std::make_shared<ClusterRouter>(std::move(common), settings, session);
    };
    return std::make_shared<Operations>(backend, std::move(options), std::move(make_router));
}

PostgreSQLNode public_form(const ClusterRouter::NodeUse& use)
{
    const postgresql::NodeStatus& status = use.status;
    PostgreSQLNode node;
    node.name = status.name;
    node.role = to_string(status.role);
    node.is_writer = status.is_writer;
    node.reachable = status.reachable;
    node.problem = status.problem;
    node.timeline = status.position.timeline;
    node.position = status.position.lsn.to_string();
    node.lag_bytes = status.lag_bytes;
    node.lag = status.lag;
    node.latency = status.latency;
    node.probe_age = status.probe_age;
    node.connections = use.connections.open;
    node.busy_connections = use.connections.busy;
    return node;
}

template <typename Duration>
json::value milliseconds_or_null(const std::optional<Duration>& duration)
{
    if (!duration)
        return nullptr;
    return std::chrono::duration<double, std::milli>(*duration).count();
}

} // namespace

std::optional<std::string> PostgreSQLTopology::writer() const
{
    for (const PostgreSQLNode& node : nodes)
        if (node.is_writer)
            return node.name;
    return std::nullopt;
}

json::object PostgreSQLTopology::to_json() const
{
    json::array list;
    for (const PostgreSQLNode& node : nodes) {
        json::object one;
        one["name"] = node.name;
        one["role"] = node.role;
        one["is_writer"] = node.is_writer;
        one["reachable"] = node.reachable;
        one["problem"] = node.problem;
        one["timeline"] = node.timeline;
        one["position"] = node.position;
        one["lag_bytes"] = node.lag_bytes ? json::value(*node.lag_bytes) : json::value(nullptr);
        one["lag_ms"] = milliseconds_or_null(node.lag);
        one["latency_ms"] = milliseconds_or_null(node.latency);
        one["probe_age_ms"] = milliseconds_or_null(node.probe_age);
        one["connections"] = node.connections;
        one["busy_connections"] = node.busy_connections;
        list.push_back(std::move(one));
    }
    json::object out;
    const auto primary = writer();
    out["writer"] = primary ? json::value(*primary) : json::value(nullptr);
    out["nodes"] = std::move(list);
    out["failovers"] = failovers;
    out["reads_by_replicas"] = reads_by_replicas;
    out["reads_by_primary"] = reads_by_primary;
    return out;
}

class PostgreSQLClusterAdapter::Impl
{
public:
    explicit Impl(std::shared_ptr<Operations> all) : operations(std::move(all)) {}
    ~Impl() { operations->abandon(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    const std::shared_ptr<Operations> operations;
};

PostgreSQLClusterAdapter::PostgreSQLClusterAdapter(DatabaseConfig config, Logger logger)
{
    try {
        impl_ = std::make_shared<Impl>(make_operations(config, std::move(logger)));
    } catch (const StorageError& error) {
        throw error.within(backend, "configure");
    }
}

PostgreSQLClusterAdapter::~PostgreSQLClusterAdapter() = default;

awaitable<void> PostgreSQLClusterAdapter::connect(OperationContext context)
{
    return Operations::connect(impl_->operations, std::move(context));
}

awaitable<void> PostgreSQLClusterAdapter::disconnect() { return Operations::disconnect(impl_->operations); }

awaitable<QueryResult> PostgreSQLClusterAdapter::execute_query(std::string query, Parameters params,
                                                               OperationContext context)
{
    return Operations::execute_query(impl_->operations, std::move(query), std::move(params), std::move(context));
}

awaitable<std::vector<QueryResult>> PostgreSQLClusterAdapter::execute_transaction(std::vector<Query> queries,
                                                                                  OperationContext context)
{
    return Operations::execute_transaction(impl_->operations, std::move(queries), std::move(context));
}

awaitable<Transaction> PostgreSQLClusterAdapter::begin_transaction(OperationContext context)
{
    return Operations::begin_transaction(impl_->operations, std::move(context));
}

awaitable<RowStream> PostgreSQLClusterAdapter::stream_query(std::string query, Parameters params,
                                                            OperationContext context)
{
    return Operations::stream_query(impl_->operations, std::move(query), std::move(params), std::move(context));
}

awaitable<void> PostgreSQLClusterAdapter::create_tables(TableDefinitions schema, OperationContext context)
{
    return Operations::create_tables(impl_->operations, std::move(schema), std::move(context));
}

awaitable<void> PostgreSQLClusterAdapter::run_script(std::string script, Query probe,
                                                     std::function<Query(std::int64_t)> record,
                                                     OperationContext context)
{
    return Operations::run_script(impl_->operations, std::move(script), std::move(probe), std::move(record),
                                  std::move(context));
}

awaitable<void> PostgreSQLClusterAdapter::run_statements(std::string script, OperationContext context)
{
    return postgresql::run_statements(impl_->operations, std::move(script), std::move(context));
}

awaitable<std::shared_ptr<void>>
PostgreSQLClusterAdapter::lock_migrations(std::function<void(const std::string& holder)> waits,
                                          OperationContext context)
{
    return postgresql::lock_migrations(impl_->operations, std::move(waits), std::move(context));
}

awaitable<void> PostgreSQLClusterAdapter::backup_database(std::filesystem::path backup_path, OperationContext context)
{
    return Operations::backup_database(impl_->operations, std::move(backup_path), std::move(context));
}

awaitable<void> PostgreSQLClusterAdapter::restore_database(std::filesystem::path backup_path, OperationContext context)
{
    return Operations::restore_database(impl_->operations, std::move(backup_path), std::move(context));
}

awaitable<std::shared_ptr<DatabaseSnapshot>> PostgreSQLClusterAdapter::open_snapshot(OperationContext context)
{
    return Operations::open_snapshot(impl_->operations, std::move(context));
}

awaitable<void> PostgreSQLClusterAdapter::load_snapshot(std::shared_ptr<DatabaseSnapshot> from, LoadOptions options,
                                                        OperationContext context)
{
    return Operations::load_snapshot(impl_->operations, std::move(from), std::move(options), std::move(context));
}

awaitable<std::uint64_t> PostgreSQLClusterAdapter::bulk_load(std::string table, std::vector<std::string> columns,
                                                             std::function<std::optional<std::vector<Value>>()> next,
                                                             OperationContext context)
{
    return postgresql::bulk_load(impl_->operations, std::move(table), std::move(columns), std::move(next),
                                 std::move(context));
}

std::vector<std::string> PostgreSQLClusterAdapter::endpoints() const
{
    std::vector<std::string> names;
    for (const HostPort& host : impl_->operations->options().hosts)
        names.push_back(host.to_string());
    return names;
}

json::object PostgreSQLClusterAdapter::get_details() const
{
    json::object out;
    out["topology"] = topology().to_json();
    return out;
}

std::string PostgreSQLClusterAdapter::get_trouble() const
{
    std::string trouble;
    for (const PostgreSQLNode& node : topology().nodes)
        if (!node.problem.empty())
            trouble += (trouble.empty() ? "" : "; ") + node.name + " is not used: " + node.problem;
    return trouble;
}

PostgreSQLTopology PostgreSQLClusterAdapter::topology() const
{
    const auto router = std::static_pointer_cast<ClusterRouter>(impl_->operations->router("topology"));
    PostgreSQLTopology topology;
    for (const ClusterRouter::NodeUse& use : router->nodes())
        topology.nodes.push_back(public_form(use));
    topology.failovers = router->failovers();
    topology.reads_by_replicas = router->reads_by_replicas();
    topology.reads_by_primary = router->reads_by_primary();
    return topology;
}

awaitable<std::size_t> PostgreSQLClusterAdapter::get_pool_size()
{
    impl_->operations->router("get_pool_size");
    co_return impl_->operations->options().pool_size;
}

awaitable<std::size_t> PostgreSQLClusterAdapter::get_active_connections()
{
    co_return impl_->operations->router("get_active_connections")->stats().busy;
}

awaitable<double> PostgreSQLClusterAdapter::get_avg_response_time()
{
    co_return impl_->operations->counters().average_ms();
}
awaitable<std::uint64_t> PostgreSQLClusterAdapter::get_query_count()
{
    co_return impl_->operations->counters().queries();
}
awaitable<double> PostgreSQLClusterAdapter::get_error_rate() { co_return impl_->operations->counters().error_rate(); }

} // namespace whisperstore

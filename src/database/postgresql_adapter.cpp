#include "database/archive/database_snapshot.hpp"
#include "database/postgresql/bulk_load.hpp"
#include "database/postgresql/migrations.hpp"
#include "database/postgresql/operations.hpp"

#include <whisperstore/database/postgresql_adapter.hpp>

namespace whisperstore {

using postgresql::Operations;

namespace {

constexpr std::string_view backend = "postgresql";

std::shared_ptr<Operations> make_operations(const DatabaseConfig& config, Logger logger)
{
    auto options = postgresql::Options::of(config);
    Operations::MakeRouter make_router = [shared = std::make_shared<const postgresql::Options>(options),
                                          logger](std::shared_ptr<postgresql::Background> background) {
        return std::make_shared<postgresql::SingleServer>(shared, std::move(background), logger);
    };
    return std::make_shared<Operations>(backend, std::move(options), std::move(make_router));
}

} // namespace

class PostgreSQLAdapter::Impl
{
public:
    explicit Impl(std::shared_ptr<Operations> all) : operations(std::move(all)) {}
    ~Impl() { operations->abandon(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    const std::shared_ptr<Operations> operations;
};

PostgreSQLAdapter::PostgreSQLAdapter(DatabaseConfig config, Logger logger)
{
    try {
        impl_ = std::make_shared<Impl>(make_operations(config, std::move(logger)));
    } catch (const StorageError& error) {
        throw error.within(backend, "configure");
    }
}

PostgreSQLAdapter::~PostgreSQLAdapter() = default;

awaitable<void> PostgreSQLAdapter::connect(OperationContext context)
{
    return Operations::connect(impl_->operations, std::move(context));
}

awaitable<void> PostgreSQLAdapter::disconnect() { return Operations::disconnect(impl_->operations); }

awaitable<QueryResult> PostgreSQLAdapter::execute_query(std::string query, Parameters params, OperationContext context)
{
    return Operations::execute_query(impl_->operations, std::move(query), std::move(params), std::move(context));
}

awaitable<std::vector<QueryResult>> PostgreSQLAdapter::execute_transaction(std::vector<Query> queries,
                                                                           OperationContext context)
{
    return Operations::execute_transaction(impl_->operations, std::move(queries), std::move(context));
}

awaitable<Transaction> PostgreSQLAdapter::begin_transaction(OperationContext context)
{
    return Operations::begin_transaction(impl_->operations, std::move(context));
}

awaitable<RowStream> PostgreSQLAdapter::stream_query(std::string query, Parameters params, OperationContext context)
{
    return Operations::stream_query(impl_->operations, std::move(query), std::move(params), std::move(context));
}

awaitable<void> PostgreSQLAdapter::create_tables(TableDefinitions schema, OperationContext context)
{
    return Operations::create_tables(impl_->operations, std::move(schema), std::move(context));
}

awaitable<void> PostgreSQLAdapter::run_script(std::string script, Query probe,
                                              std::function<Query(std::int64_t)> record, OperationContext context)
{
    return Operations::run_script(impl_->operations, std::move(script), std::move(probe), std::move(record),
                                  std::move(context));
}

awaitable<void> PostgreSQLAdapter::run_statements(std::string script, OperationContext context)
{
    return postgresql::run_statements(impl_->operations, std::move(script), std::move(context));
}

awaitable<std::shared_ptr<void>>
PostgreSQLAdapter::lock_migrations(std::function<void(const std::string& holder)> waits, OperationContext context)
{
    return postgresql::lock_migrations(impl_->operations, std::move(waits), std::move(context));
}

awaitable<void> PostgreSQLAdapter::backup_database(std::filesystem::path backup_path, OperationContext context)
{
    return Operations::backup_database(impl_->operations, std::move(backup_path), std::move(context));
}

awaitable<void> PostgreSQLAdapter::restore_database(std::filesystem::path backup_path, OperationContext context)
{
    return Operations::restore_database(impl_->operations, std::move(backup_path), std::move(context));
}

awaitable<std::shared_ptr<DatabaseSnapshot>> PostgreSQLAdapter::open_snapshot(OperationContext context)
{
    return Operations::open_snapshot(impl_->operations, std::move(context));
}

awaitable<void> PostgreSQLAdapter::load_snapshot(std::shared_ptr<DatabaseSnapshot> from, LoadOptions options,
                                                 OperationContext context)
{
    return Operations::load_snapshot(impl_->operations, std::move(from), std::move(options), std::move(context));
}

awaitable<std::uint64_t> PostgreSQLAdapter::bulk_load(std::string table, std::vector<std::string> columns,
                                                      std::function<std::optional<std::vector<Value>>()> next,
                                                      OperationContext context)
{
    return postgresql::bulk_load(impl_->operations, std::move(table), std::move(columns), std::move(next),
                                 std::move(context));
}

std::vector<std::string> PostgreSQLAdapter::endpoints() const
{
    std::vector<std::string> names;
    for (const HostPort& host : impl_->operations->options().hosts)
        names.push_back(host.to_string());
    return names;
}

ConnectionPoolStats PostgreSQLAdapter::pool_stats() const
{
    const postgresql::PoolStats stats = impl_->operations->router("pool_stats")->stats();
    ConnectionPoolStats out;
    out.open = stats.open;
    out.busy = stats.busy;
    out.leased = stats.leased;
    out.waiting = stats.waiting;
    out.opened = stats.opened;
    out.lost = stats.lost;
    out.refused = stats.refused;
    return out;
}

json::object PostgreSQLAdapter::get_details() const
{
    const ConnectionPoolStats stats = pool_stats();
    json::object connections;
    connections["open"] = stats.open;
    connections["busy"] = stats.busy;
    connections["leased"] = stats.leased;
    connections["waiting"] = stats.waiting;
    connections["opened"] = stats.opened;
    connections["lost"] = stats.lost;
    connections["refused"] = stats.refused;
    json::object out;
    out["connections"] = std::move(connections);
    return out;
}

awaitable<std::size_t> PostgreSQLAdapter::get_pool_size()
{
    impl_->operations->router("get_pool_size");
    co_return impl_->operations->options().pool_size;
}

awaitable<std::size_t> PostgreSQLAdapter::get_active_connections()
{
    co_return impl_->operations->router("get_active_connections")->stats().busy;
}

awaitable<double> PostgreSQLAdapter::get_avg_response_time() { co_return impl_->operations->counters().average_ms(); }
awaitable<std::uint64_t> PostgreSQLAdapter::get_query_count() { co_return impl_->operations->counters().queries(); }
awaitable<double> PostgreSQLAdapter::get_error_rate() { co_return impl_->operations->counters().error_rate(); }

} // namespace whisperstore

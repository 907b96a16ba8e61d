#include "database/archive/database_snapshot.hpp"
#include "protocol/sql/sql_reading.hpp"
#include "resilience/database_operations.hpp"
#include "resilience/decorate_store.hpp"
#include "resilience/decorated_transaction.hpp"

#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/resilience/decorate.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

using Adapter = AbstractDatabaseAdapter;

/// Names what is protected: a derived class that does not override it may.
struct ScriptAccess : Adapter
{
    static constexpr auto run_script_method() noexcept { return &ScriptAccess::run_script; }
    static constexpr auto run_statements_method() noexcept { return &ScriptAccess::run_statements; }
    static constexpr auto lock_migrations_method() noexcept { return &ScriptAccess::lock_migrations; }
};

template <SqlDialect dialect>
bool query_only_reads(const std::string& sql, const Parameters& parameters)
{
    static_cast<void>(parameters);
    return only_reads(sql, dialect);
}

template <SqlDialect dialect>
bool queries_only_read(const std::vector<Query>& queries)
{
    return std::ranges::all_of(queries, [](const Query& query) { return only_reads(query.sql, dialect); });
}

class DecoratedDatabase final : public DecoratedStore<Adapter>
{
public:
    static constexpr std::string_view layer = "database";
    static std::span<const Operation> operation_table() noexcept { return database_operations; }

    DecoratedDatabase(std::shared_ptr<Adapter> inner, std::shared_ptr<PolicyChain> chain)
        : DecoratedStore(std::move(inner), std::move(chain)), sqlite_(this->inner().dialect() == SqlDialect::sqlite)
    {
    }

    awaitable<void> connect(OperationContext context) override
    {
        return call<&Adapter::connect>(database_operation("connect"), std::move(context));
    }
    awaitable<void> disconnect() override
    {
        return call<&Adapter::disconnect>(database_operation("disconnect"), OperationContext());
    }
    awaitable<QueryResult> execute_query(std::string query, Parameters params, OperationContext context) override
    {
        return call_when<&Adapter::execute_query>(database_operation("execute_query"),
                                                  sqlite_ ? query_only_reads<SqlDialect::sqlite>
                                                          : query_only_reads<SqlDialect::postgresql>,
                                                  std::move(context), std::move(query), std::move(params));
    }
    awaitable<std::vector<QueryResult>> execute_transaction(std::vector<Query> queries,
                                                            OperationContext context) override
    {
        return call_when<&Adapter::execute_transaction>(database_operation("execute_transaction"),
                                                        sqlite_ ? queries_only_read<SqlDialect::sqlite>
                                                                : queries_only_read<SqlDialect::postgresql>,
                                                        std::move(context), std::move(queries));
    }
    awaitable<Transaction> begin_transaction(OperationContext context) override
    {
        return begin(shared(),
                     call<&Adapter::begin_transaction>(database_operation("begin_transaction"), std::move(context)));
    }
    awaitable<RowStream> stream_query(std::string query, Parameters params, OperationContext context) override
    {
        return open(shared(), call<&Adapter::stream_query>(database_operation("stream_query"), std::move(context),
                                                           std::move(query), std::move(params)));
    }
    awaitable<void> create_tables(TableDefinitions schema, OperationContext context) override
    {
        return call<&Adapter::create_tables>(database_operation("create_tables"), std::move(context),
                                             std::move(schema));
    }
    awaitable<void> backup_database(std::filesystem::path backup_path, OperationContext context) override
    {
        return call<&Adapter::backup_database>(database_operation("backup_database"), std::move(context),
                                               std::move(backup_path));
    }
    awaitable<void> restore_database(std::filesystem::path backup_path, OperationContext context) override
    {
        return call<&Adapter::restore_database>(database_operation("restore_database"), std::move(context),
                                                std::move(backup_path));
    }
    awaitable<std::shared_ptr<DatabaseSnapshot>> open_snapshot(OperationContext context) override
    {
        return call<&Adapter::open_snapshot>(database_operation("open_snapshot"), std::move(context));
    }
    awaitable<void> load_snapshot(std::shared_ptr<DatabaseSnapshot> from, LoadOptions options,
                                  OperationContext context) override
    {
        return call<&Adapter::load_snapshot>(database_operation("load_snapshot"), std::move(context), std::move(from),
                                             std::move(options));
    }

    std::string_view database_type() const noexcept override { return inner().database_type(); }
    SqlDialect dialect() const noexcept override { return inner().dialect(); }
    std::vector<std::string> endpoints() const override { return inner().endpoints(); }
    json::object get_details() const override { return inner().get_details(); }
    std::string get_trouble() const override { return inner().get_trouble(); }
    awaitable<std::size_t> get_pool_size() override { return inner().get_pool_size(); }
    awaitable<std::size_t> get_active_connections() override { return inner().get_active_connections(); }
    awaitable<double> get_avg_response_time() override { return inner().get_avg_response_time(); }
    awaitable<std::uint64_t> get_query_count() override { return inner().get_query_count(); }
    awaitable<double> get_error_rate() override { return inner().get_error_rate(); }

private:
    awaitable<void> run_script(std::string script, Query probe, std::function<Query(std::int64_t)> record,
                               OperationContext context) override
    {
        return call<ScriptAccess::run_script_method()>(database_operation("run_script"), std::move(context),
                                                       std::move(script), std::move(probe), std::move(record));
    }

    awaitable<void> run_statements(std::string script, OperationContext context) override
    {
        return call<ScriptAccess::run_statements_method()>(database_operation("run_statements"), std::move(context),
                                                           std::move(script));
    }
    awaitable<std::shared_ptr<void>> lock_migrations(std::function<void(const std::string& holder)> waits,
                                                     OperationContext context) override
    {
        return call<ScriptAccess::lock_migrations_method()>(database_operation("lock_migrations"), std::move(context),
                                                            std::move(waits));
    }

    static awaitable<Transaction> begin(std::shared_ptr<const Shared> shared, awaitable<Transaction> beginning)
    {
        Transaction inner = co_await std::move(beginning);
        co_return Transaction(std::make_shared<DecoratedTransaction>(std::move(inner), shared->chain));
    }
    static awaitable<RowStream> open(std::shared_ptr<const Shared> shared, awaitable<RowStream> opening)
    {
        RowStream inner = co_await std::move(opening);
        co_return RowStream(std::make_shared<DecoratedStream>(std::move(inner), shared->chain));
    }

    const bool sqlite_;
};

} // namespace

std::shared_ptr<Adapter> decorate_with(std::shared_ptr<Adapter> database, const ResilienceConfig& config,
                                       std::shared_ptr<OperationObserver> observer, ChainSources sources)
{
    return decorate_store<DecoratedDatabase>(std::move(database), &Adapter::database_type, config, std::move(observer),
                                             std::move(sources));
}

std::shared_ptr<Adapter> decorate(std::shared_ptr<Adapter> database, const ResilienceConfig& config,
                                  std::shared_ptr<OperationObserver> observer)
{
    return decorate_with(std::move(database), config, std::move(observer), ChainSources());
}

std::optional<ResilienceStats> resilience_stats(const Adapter& database) { return stats_of(database); }

} // namespace whisperstore

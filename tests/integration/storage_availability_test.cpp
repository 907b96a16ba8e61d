// Starting without a store, losing it while the layer runs, and its return: in each mode, on real servers behind a
// proxy.
#include "servers/chaos_proxy.hpp"
#include "servers/neo4j_servers.hpp"
#include "servers/postgresql_servers.hpp"
#include "servers/qdrant_managers.hpp"
#include "servers/redis_servers.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/metrics/storage_metrics_collector.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <memory>
#include <string>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;

enum class Lost
{
    database,
    vector_database,
    cache,
    graph_database,
};

std::string name_of(Lost lost)
{
    switch (lost) {
    case Lost::database:
        return "database";
    case Lost::vector_database:
        return "vector_database";
    case Lost::cache:
        return "cache";
    case Lost::graph_database:
        break;
    }
    return "graph_database";
}

/// A laptop's layer, of which one store is a server behind a proxy.
class StoreAway : public testing::TestWithParam<Lost>
{
protected:
    void SetUp() override
    {
        configuration = laptop_configuration(directory / "data");
        for (ResilienceConfig* config : {&configuration.resilience.database, &configuration.resilience.vector_database,
                                         &configuration.resilience.cache, &configuration.resilience.graph_database}) {
            config->breaker_open = 50ms;
            config->breaker_max_open = 100ms;
            config->retry_attempts = 1;
            config->attempt_timeout = 10s;
        }
        switch (GetParam()) {
        case Lost::database:
            put_database_behind_proxy();
            break;
        case Lost::vector_database: {
            qdrant.emplace(QdrantPlace::make());
            proxy = std::make_unique<ChaosProxy>(qdrant->universe->address().ports.front());
            configuration.vector_database = qdrant->config;
            ConnectionUrl url = ConnectionUrl::parse(configuration.vector_database.url);
            url.hosts = {HostPort{"127.0.0.1", proxy->port()}};
            configuration.vector_database.url = url.to_string();
            break;
        }
        case Lost::cache:
            proxy = std::make_unique<ChaosProxy>(RedisServers::get().single());
            configuration.cache = RedisServers::get().single_config();
            configuration.cache.redis_port = proxy->port();
            configuration.cache.redis_patience_seconds = 1;
            break;
        case Lost::graph_database:
            put_graph_behind_proxy();
            break;
        }
    }
    void TearDown() override
    {
        if (storage)
            run(storage->close());
    }

    void put_database_behind_proxy()
    {
        database.emplace();
        ConnectionUrl url = database->url();
        proxy = std::make_unique<ChaosProxy>(url.hosts.at(0).port.value());
        url.hosts = {HostPort{"127.0.0.1", proxy->port()}};
        configuration.database.type = "postgresql";
        configuration.database.connection_string = url.to_string();
        configuration.database.pool_size = 2;
        configuration.graph_database.type = "none"; // or it would be lost as well
    }
    void put_graph_behind_proxy()
    {
        const Neo4jAddress neo4j = neo4j_address();
        proxy = std::make_unique<ChaosProxy>(neo4j.port);
        configuration.graph_database.type = "neo4j";
        configuration.graph_database.uri = "bolt://127.0.0.1:" + std::to_string(proxy->port());
        configuration.graph_database.username = neo4j.username;
        configuration.graph_database.password = neo4j.password;
        configuration.graph_database.graph_namespace = unique_graph_name();
    }

    void set(Availability availability)
    {
        StorageAvailability& all = configuration.availability;
        switch (GetParam()) {
        case Lost::database:
            all.database = availability;
            break;
        case Lost::vector_database:
            all.vector_database = availability;
            break;
        case Lost::cache:
            all.cache = availability;
            break;
        case Lost::graph_database:
            all.graph_database = availability;
            break;
        }
    }
    void lose()
    {
        ChaosRule refuse;
        refuse.refuse = true;
        proxy->set_rule(refuse);
        proxy->cut_all();
    }

    /// A small call of the store that is lost.
    awaitable<void> use()
    {
        const OperationContext context = OperationContext::within(5s);
        switch (GetParam()) {
        case Lost::database:
            co_await storage->database().execute_query("SELECT count(*) FROM users", Parameters(), context);
            break;
        case Lost::vector_database:
            co_await storage->vector_db().list_collections(context);
            break;
        case Lost::cache:
            co_await storage->cache().clear_channel_cache("channel", context);
            break;
        case Lost::graph_database:
            co_await storage->graph().create_user_node("ada", json::object(), context);
            break;
        }
    }
    /// Small calls of the others.
    awaitable<void> use_others()
    {
        const OperationContext context = OperationContext::within(5s);
        if (GetParam() != Lost::database)
            co_await storage->database().execute_query("SELECT count(*) FROM users", Parameters(), context);
        if (GetParam() != Lost::vector_database)
            co_await storage->vector_db().list_collections(context);
        if (GetParam() != Lost::cache)
            co_await storage->cache().clear_channel_cache("channel", context);
        if (GetParam() != Lost::graph_database && storage->graph_is_configured())
            co_await storage->graph().create_user_node("ada", json::object(), context);
    }
    bool works()
    {
        try {
            run(use());
            return true;
        } catch (const StorageError&) {
            return false;
        }
    }

    ComponentHealth health_of_lost(HealthStatus of_layer)
    {
        const HealthReport report = run(storage->health());
        EXPECT_EQ(report.status, of_layer) << json::serialize(report.to_json());
        for (const ComponentHealth& component : report.components)
            if (component.component == name_of(GetParam()))
                return component;
        ADD_FAILURE() << "not in the report";
        return ComponentHealth();
    }
    json::object metrics()
    {
        StorageMetricsCollector collector(*storage);
        return run(collector.get_unified_metrics());
    }
    /// Of the document of the store that is lost.
    json::object extended()
    {
        const json::object all = metrics();
        return GetParam() == Lost::graph_database ? all.at("extended").at("graph_database").as_object()
                                                  : all.at(name_of(GetParam())).at("extended").as_object();
    }

    TestDirectory directory;
    std::optional<TestDatabase> database;
    std::optional<QdrantPlace> qdrant;
    std::unique_ptr<ChaosProxy> proxy;
    StorageConfiguration configuration;
    std::shared_ptr<StorageLayer> storage;
};

TEST_P(StoreAway, RequiredItDoesNotStartAndSaysHowToStartIt)
{
    set(Availability::required);
    lose();
    const auto start = [&] { run(initialize_storage_layer(configuration, OperationContext::within(10s))); };
    const StorageError error = error_of(start);
    EXPECT_TRUE(error.errc() == StorageErrc::unavailable || error.errc() == StorageErrc::timeout) << error.what();
    EXPECT_NE(error.message().find("is the server running?"), std::string::npos) << error.what();
}

TEST_P(StoreAway, StartsWithoutItAndTakesItWhenItComes)
{
    set(Availability::degrade);
    lose();
    const Timestamp start = now();
    storage = run(initialize_storage_layer(configuration));
    EXPECT_FALSE(works());
    EXPECT_STORAGE_ERROR(run(use()), unavailable);
    run(use_others());
    const ComponentHealth down = health_of_lost(HealthStatus::degraded);
    EXPECT_EQ(down.status, HealthStatus::down);
    EXPECT_EQ(down.availability, Availability::degrade);
    EXPECT_NE(down.reason, "");
    EXPECT_NE(down.action.find("Is the server running?"), std::string::npos) << down.action;
    EXPECT_GE(down.since, start);
    EXPECT_FALSE(extended().at("answers").as_bool());

    proxy->clear();
    ASSERT_TRUE(eventually([&] { return works(); })); // nobody asked for its health
    run(use_others());
    const ComponentHealth back = health_of_lost(HealthStatus::ok);
    EXPECT_EQ(back.status, HealthStatus::ok);
    EXPECT_EQ(back.reason, "");
    EXPECT_EQ(back.action, "");
    EXPECT_GT(back.since, down.since);
    EXPECT_EQ(health_of_lost(HealthStatus::ok).since, back.since);
    EXPECT_TRUE(extended().at("answers").as_bool());
}

TEST_P(StoreAway, SwitchedOffItIsNotEvenConnected)
{
    set(Availability::disabled);
    storage = run(initialize_storage_layer(configuration));
    EXPECT_STORAGE_ERROR(run(use()), unsupported);
    run(use_others());
    const ComponentHealth health = health_of_lost(HealthStatus::ok);
    EXPECT_EQ(health.status, HealthStatus::disabled);
    EXPECT_FALSE(extended().at("answers").as_bool());
    EXPECT_EQ(proxy->accepted(), 0U);
}

TEST_P(StoreAway, LostWhileRunningItComesBack)
{
    for (const Availability availability : {Availability::required, Availability::degrade}) {
        SCOPED_TRACE(std::string(to_string(availability)));
        set(availability);
        storage = run(initialize_storage_layer(configuration));
        run(use());
        const Timestamp well = health_of_lost(HealthStatus::ok).since;
        lose();
        ASSERT_TRUE(eventually([&] { return !works(); }));
        const StorageError error = error_of([&] { run(use()); });
        EXPECT_TRUE(error.errc() == StorageErrc::unavailable || error.errc() == StorageErrc::timeout) << error.what();
        run(use_others());
        const bool required = availability == Availability::required;
        const ComponentHealth down = health_of_lost(required ? HealthStatus::down : HealthStatus::degraded);
        EXPECT_EQ(down.status, HealthStatus::down);
        EXPECT_GT(down.since, well);
        EXPECT_NE(down.reason, "");
        EXPECT_NE(down.action, "");
        proxy->clear();
        ASSERT_TRUE(eventually([&] { return works(); }));
        ASSERT_TRUE(eventually([&] { return run(storage->health()).status == HealthStatus::ok; }));
        EXPECT_GT(health_of_lost(HealthStatus::ok).since, down.since);
        run(storage->close());
        storage.reset();
    }
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreAway,
                         testing::Values(Lost::database, Lost::vector_database, Lost::cache, Lost::graph_database),
                         [](const testing::TestParamInfo<Lost>& lost) { return name_of(lost.param); });

TEST(StorageAvailabilityTest, TheGraphFallbackNeedsTheDatabase)
{
    TestDirectory directory;
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.availability.database = Availability::disabled;
    const StorageError error = error_of([&] { run(initialize_storage_layer(configuration)); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("WHISPERENGINE_GRAPH_DB_TYPE"), std::string::npos);
}

} // namespace
} // namespace whisperstore::test

// Finding the primary: at the beginning, after it was lost, and where two servers call themselves so.

#include "database/postgresql/cluster/cluster_router.hpp"
#include "database/postgresql/operations.hpp"
#include "integration/postgresql/cluster_support.hpp"
#include "servers/chaos_proxy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

namespace whisperstore::test {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// What an adapter has logged.
class Log
{
public:
    Logger logger()
    {
        return [lines = lines_](LogLevel, std::string_view, std::string_view text) {
            const std::lock_guard lock(lines->mutex);
            lines->all.emplace_back(text);
        };
    }
    bool has(const std::string& part) const
    {
        const std::lock_guard lock(lines_->mutex);
        return std::ranges::any_of(lines_->all,
                                   [&](const std::string& line) { return line.find(part) != std::string::npos; });
    }

private:
    struct Lines
    {
        std::mutex mutex;
        std::vector<std::string> all;
    };
    std::shared_ptr<Lines> lines_ = std::make_shared<Lines>();
};

ConnectionUrl url_of(std::initializer_list<std::uint16_t> ports)
{
    ConnectionUrl url = PostgresqlServers::get().url(*ports.begin());
    url.hosts.clear();
    for (const std::uint16_t port : ports)
        url.hosts.push_back(HostPort{"127.0.0.1", port});
    return url;
}

std::int64_t rows_on(const ConnectionUrl& server)
{
    return std::stoll(PlainConnection(server).value("SELECT count(*) FROM kept"));
}

class ClusterTopology : public testing::Test
{
protected:
    ClusterTopology() { PlainConnection(cluster.url(0)).script("CREATE TABLE kept (id BIGINT PRIMARY KEY)"); }

    QueryResult insert(PostgreSQLClusterAdapter& db, OperationContext context = OperationContext::within(20s))
    {
        return run(db.execute_query("INSERT INTO kept VALUES (?)", params(arg(++id)), std::move(context)));
    }

    PostgresqlCluster cluster{2};
    std::int64_t id = 0;
    Log log;
};

// ---- connecting

TEST(ClusterConnecting, SaysWhyThereIsNoPrimary)
{
    const PostgresqlServers& servers = PostgresqlServers::get();
    // Nobody is there: at once.
    PostgreSQLClusterAdapter nobody(cluster_config(url_of({1, 2})));
    const auto begun = Clock::now();
    const StorageError unreachable = error_of([&] { run(nobody.connect()); });
    EXPECT_LE(Clock::now() - begun, 5s);
    EXPECT_EQ(unreachable.errc(), StorageErrc::unavailable);
    EXPECT_EQ(unreachable.backend(), "postgresql_cluster");
    for (const char* part : {"127.0.0.1:1", "127.0.0.1:2", "primary", "POSTGRES_HOST"})
        EXPECT_NE(unreachable.message().find(part), std::string::npos) << unreachable.what();

    PostgreSQLClusterAdapter stranger(cluster_config(as_user(servers.primary(), "guest", "not it")));
    const StorageError refused = error_of([&] { run(stranger.connect()); });
    EXPECT_EQ(refused.errc(), StorageErrc::authentication) << refused.what();
    EXPECT_EQ(std::string(refused.what()).find("not it"), std::string::npos);

    PostgreSQLClusterAdapter elsewhere(cluster_config(servers.primary("no_such_database")));
    EXPECT_STORAGE_ERROR(run(elsewhere.connect()), not_found);

    // A standby alone answers, but leads to no primary.
    PostgreSQLClusterAdapter standby(cluster_config(with(servers.standby(), "connect_timeout", "1")));
    const StorageError no_primary = error_of([&] { run(standby.connect()); });
    EXPECT_EQ(no_primary.errc(), StorageErrc::unavailable);
    EXPECT_NE(no_primary.message().find("replica"), std::string::npos) << no_primary.what();
    const StorageError late = error_of([&] { run(standby.connect(OperationContext::within(200ms))); });
    EXPECT_EQ(late.errc(), StorageErrc::timeout) << late.what();
    EXPECT_STORAGE_ERROR(run(standby.execute_query("SELECT 1")), closed);
    EXPECT_STORAGE_ERROR(standby.topology(), closed);
}

TEST(ClusterConnecting, SettingsAreChecked)
{
    using Change = void (*)(DatabaseConfig&);
    const std::vector<Change> changes{[](DatabaseConfig& c) { c.read_policy = "replica"; },
                                      [](DatabaseConfig& c) { c.max_replica_lag = -1ms; },
                                      [](DatabaseConfig& c) { c.failover_limit = 0ms; },
                                      [](DatabaseConfig& c) { c.connection_string = "mysql://h/d"; }};
    for (const Change change : changes) {
        DatabaseConfig config = cluster_config(PostgresqlServers::get().primary());
        change(config);
        EXPECT_STORAGE_ERROR(PostgreSQLClusterAdapter{config}, invalid_argument);
    }
}

TEST(ClusterConnecting, FindsThePrimaryWhateverTheOrder)
{
    const PostgresqlServers& servers = PostgresqlServers::get();
    ConnectionUrl url = servers.standby();
    url.hosts.push_back(servers.primary().hosts.front());
    DatabaseConfig config = cluster_config(url);
    // Or by the list of nodes.
    config.cluster_nodes = {url.hosts[0].to_string(), url.hosts[1].to_string()};
    const auto db = connected_cluster(config);
    run(db->connect()); // nothing happens
    EXPECT_EQ(db->topology().writer(), servers.primary().hosts.front().to_string());
    EXPECT_EQ(db->endpoints(), config.cluster_nodes);
    EXPECT_EQ(db->database_type(), "postgresql_cluster");
    ASSERT_TRUE(eventually([&] { return node_of(*db, *servers.standby().hosts.front().port).lag.has_value(); }));
    const PostgreSQLNode standby = node_of(*db, *servers.standby().hosts.front().port);
    EXPECT_EQ(standby.role, "replica");
    EXPECT_TRUE(standby.reachable);
    EXPECT_EQ(standby.problem, "");
    EXPECT_TRUE(standby.lag_bytes);
    EXPECT_TRUE(standby.latency);
    EXPECT_EQ(db->topology().to_json().at("nodes").as_array().size(), 2U);
    run(db->disconnect());
    run(db->disconnect());
    EXPECT_STORAGE_ERROR(db->topology(), closed);
}

// ---- failover

TEST_F(ClusterTopology, WithoutAPrimaryWorkWaitsForItsDeadlineAndSaysWhy)
{
    DatabaseConfig config = cluster_config(cluster.url_of_all());
    config.failover_limit = 700ms;
    const auto db = connected_cluster(config);
    insert(*db);
    cluster.kill(0);
    const auto begun = Clock::now();
    const StorageError late = error_of([&] { insert(*db, OperationContext::within(300ms)); });
    EXPECT_GE(Clock::now() - begun, 250ms);
    EXPECT_EQ(late.errc(), StorageErrc::timeout);
    EXPECT_EQ(late.outcome(), Outcome::not_applied);
    EXPECT_NE(late.message().find(cluster.url(0).hosts.front().to_string()), std::string::npos) << late.what();
    const StorageError limited = error_of([&] { insert(*db, OperationContext()); });
    EXPECT_EQ(limited.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(limited.retryable());
    EXPECT_EQ(limited.outcome(), Outcome::not_applied);
    // Reads go on.
    EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM kept")).rows[0]["n"], 1);
    // Cancelled while it waits.
    auto waiting =
        start(db->execute_query("INSERT INTO kept VALUES (100)", Parameters(), OperationContext::within(20s)));
    cluster.promote(1);
    EXPECT_EQ(wait(std::move(waiting)).row_count, 1);
    EXPECT_EQ(rows_on(cluster.url(1)), 2);
    run(db->disconnect());
}

TEST_F(ClusterTopology, ATransactionEndsWithItsPrimary)
{
    const auto db = connected_cluster(cluster_config(cluster.url_of_all()));
    Transaction transaction = run(db->begin_transaction());
    run(transaction.execute_query("INSERT INTO kept VALUES (1)"));
    cluster.kill(0);
    cluster.promote(1);
    const StorageError error = error_of([&] { run(transaction.execute_query("INSERT INTO kept VALUES (2)")); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_THROW(run(transaction.commit()), StorageError);
    id = 10;
    insert(*db);
    EXPECT_EQ(rows_on(cluster.url(1)), 1);
    run(db->disconnect());
}

TEST_F(ClusterTopology, AReturningOldPrimaryIsNeverWrittenTo)
{
    const auto db = connected_cluster(cluster_config(cluster.url_of_all()), log.logger());
    insert(*db);
    cluster.kill(0);
    cluster.promote(1);
    insert(*db);
    EXPECT_EQ(db->topology().failovers, 1U);
    cluster.start(0); // nobody told it: it takes writes
    EXPECT_EQ(PlainConnection(cluster.url(0)).value("SELECT pg_is_in_recovery()"), "f");
    ASSERT_TRUE(eventually([&] { return log.has("calls itself primary on timeline 1"); }));
    for (int i = 0; i < 50; ++i)
        insert(*db);
    EXPECT_EQ(rows_on(cluster.url(1)), 52);
    EXPECT_EQ(rows_on(cluster.url(0)), 1);
    const PostgreSQLNode old = node_of(*db, cluster.port(0));
    EXPECT_FALSE(old.is_writer);
    EXPECT_EQ(old.role, "primary");
    EXPECT_TRUE(old.reachable);
    EXPECT_NE(old.problem, "");

    // One that has known neither chooses the same, though the old one is named first.
    const auto other = connected_cluster(cluster_config(cluster.url_of_all()));
    EXPECT_EQ(other->topology().writer(), cluster.url(1).hosts.front().to_string());
    run(other->disconnect());

    // Alone it is not written to either.
    cluster.kill(1);
    const StorageError error = error_of([&] { insert(*db, OperationContext::within(1s)); });
    EXPECT_EQ(error.errc(), StorageErrc::timeout);
    EXPECT_NE(error.message().find("calls itself primary"), std::string::npos) << error.what();
    EXPECT_EQ(rows_on(cluster.url(0)), 1);
    cluster.start(1);
    insert(*db);
    EXPECT_EQ(rows_on(cluster.url(0)), 1);
    run(db->disconnect());
}

TEST_F(ClusterTopology, SeveredConnectionsOfALivingPrimaryAreNoFailover)
{
    const auto db = connected_cluster(cluster_config(cluster.url_of_all()), log.logger());
    insert(*db);
    PlainConnection primary(cluster.url(0));
    for (int i = 0; i < 5; ++i) {
        primary.script("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '" +
                       std::string(application) + "'");
        insert(*db);
        EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM kept")).rows[0]["n"], i + 2);
    }
    EXPECT_EQ(db->topology().failovers, 0U);
    EXPECT_EQ(rows_on(cluster.url(0)), 6);
    run(db->disconnect());
}

TEST_F(ClusterTopology, APrimaryThatIsReadOnlyByItsSettingsSaysSo)
{
    const auto db = connected_cluster(cluster_config(cluster.url_of_all()));
    cluster.set(0, "default_transaction_read_only", "on");
    const StorageError error = error_of([&] { insert(*db); });
    EXPECT_EQ(error.errc(), StorageErrc::permission) << error.what();
    cluster.set(0, "default_transaction_read_only", "off");
    EXPECT_TRUE(eventually([&] { return insert(*db).row_count == 1; }));
    run(db->disconnect());
}

// ---- networks

TEST_F(ClusterTopology, APrimaryThatFallsSilentIsGivenUpWhenAnotherIsFound)
{
    ChaosProxy first(cluster.port(0));
    ChaosProxy second(cluster.port(1));
    const auto db = connected_cluster(cluster_config(url_of({first.port(), second.port()})));
    insert(*db);
    ChaosRule silence;
    silence.cut_request_at = 0;
    silence.cut_answer_at = 0;
    silence.cut = ChaosRule::Cut::black_hole;
    first.set_rule(silence);
    // Sent into the void: nobody knows whether it happened. (A new statement would only be described, and done
    // elsewhere.)
    auto sent = start(db->execute_query("INSERT INTO kept VALUES (?)", params(arg(50)), OperationContext::within(60s)));
    cluster.promote(1);
    const auto begun = Clock::now();
    const StorageError error = error_of([&] { wait(std::move(sent)); });
    EXPECT_EQ(error.errc(), StorageErrc::outcome_unknown) << error.what();
    insert(*db);
    std::cout << "given up after "
              << std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count() << " ms\n";
    EXPECT_LE(Clock::now() - begun, 10s);
    EXPECT_EQ(rows_on(cluster.url(1)), 2);
    run(db->disconnect());
}

TEST_F(ClusterTopology, OneServiceInFrontOfAClusterIsFollowed)
{
    ChaosProxy service(cluster.port(0));
    const auto db = connected_cluster(cluster_config(url_of({service.port()})), log.logger());
    for (int i = 0; i < 5; ++i)
        insert(*db);
    // Now it sends connections to either server: those that reach the standby are given up.
    service.set_servers({cluster.port(1), cluster.port(0)});
    service.cut_all();
    for (int i = 0; i < 5; ++i)
        insert(*db);
    EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM kept")).rows[0]["n"], 10);
    // Several at once make the pool grow.
    std::vector<std::future<QueryResult>> many;
    for (int i = 0; i < 12; ++i)
        many.push_back(start(db->execute_query("INSERT INTO kept SELECT ? FROM pg_sleep(0.05)", params(arg(++id)),
                                               OperationContext::within(20s))));
    for (auto& one : many)
        EXPECT_EQ(wait(std::move(one)).row_count, 1);
    EXPECT_EQ(rows_on(cluster.url(0)), 22);
    cluster.kill(0);
    cluster.promote(1);
    insert(*db);
    EXPECT_EQ(db->topology().failovers, 1U);
    EXPECT_EQ(rows_on(cluster.url(1)), 23);
    // The old primary returns behind the same address, and takes writes.
    cluster.start(0);
    for (int i = 0; i < 20; ++i) {
        service.cut_all();
        insert(*db);
    }
    EXPECT_EQ(rows_on(cluster.url(1)), 43);
    EXPECT_EQ(rows_on(cluster.url(0)), 22);
    run(db->disconnect());
}

TEST_F(ClusterTopology, ANameWithSeveralAddressesIsAServerForEach)
{
    // As a headless service: one name and port, and the servers' own addresses.
    ChaosProxy first(cluster.port(0), "127.0.0.1", 0);
    ChaosProxy second(cluster.port(1), "127.0.0.2", first.port());
    struct Names
    {
        std::mutex mutex;
        std::vector<std::string> addresses;
    };
    const auto names = std::make_shared<Names>();
    names->addresses = {"127.0.0.1", "127.0.0.2"};
    ConnectionUrl url = url_of({first.port()});
    url.hosts.front().host = "localhost";
    const DatabaseConfig config = cluster_config(url);
    auto options = std::make_shared<const postgresql::Options>(postgresql::Options::of(config));
    postgresql::ClusterSettings settings = postgresql::ClusterSettings::of(config);
    settings.look_up = [names](HostPort) -> awaitable<std::optional<std::vector<std::string>>> {
        const std::lock_guard lock(names->mutex);
        co_return names->addresses;
    };
    std::shared_ptr<postgresql::ClusterRouter> router;
    const auto operations = std::make_shared<postgresql::Operations>(
        "postgresql_cluster", *options, [&](std::shared_ptr<postgresql::Background> background) {
            postgresql::Surroundings common;
            common.options = options;
            common.background = std::move(background);
            router =
                std::make_shared<postgresql::ClusterRouter>(std::move(common), settings, std::make_shared<Session>());
            return router;
        });
    using postgresql::Operations;
    run(Operations::connect(operations, OperationContext()));
    ASSERT_TRUE(eventually([&] {
        const auto nodes = router->nodes();
        return nodes.size() == 2 && nodes[0].status.reachable && nodes[1].status.reachable;
    }));
    EXPECT_EQ(
        run(Operations::execute_query(operations, "INSERT INTO kept VALUES (1)", Parameters(), OperationContext()))
            .row_count,
        1);
    ASSERT_TRUE(eventually([&] {
        const std::uint64_t before = router->reads_by_replicas();
        run(Operations::execute_query(operations, "SELECT count(*) AS n FROM kept", Parameters(), OperationContext()));
        return router->reads_by_replicas() > before;
    })) << "the second address is not read from";
    cluster.kill(0);
    cluster.promote(1);
    EXPECT_EQ(run(Operations::execute_query(operations, "INSERT INTO kept VALUES (2)", Parameters(),
                                            OperationContext::within(20s)))
                  .row_count,
              1);
    EXPECT_EQ(rows_on(cluster.url(1)), 2);
    // Its address goes, and with it the server.
    {
        const std::lock_guard lock(names->mutex);
        names->addresses = {"127.0.0.2", "127.0.0.3"};
    }
    EXPECT_TRUE(eventually([&] {
        const auto nodes = router->nodes();
        return std::ranges::none_of(nodes, [](const auto& node) { return node.status.name.ends_with("(127.0.0.1)"); });
    }));
    EXPECT_EQ(run(Operations::execute_query(operations, "INSERT INTO kept VALUES (3)", Parameters(),
                                            OperationContext::within(20s)))
                  .row_count,
              1);
    run(Operations::disconnect(operations));
}

} // namespace

} // namespace whisperstore::test

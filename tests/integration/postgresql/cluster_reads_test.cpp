// Where the reads of a cluster go, and that nobody sees less than it has written.

#include "integration/postgresql/cluster_support.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace whisperstore::test {

namespace {

using namespace std::chrono_literals;

struct Counts
{
    std::atomic<int> left;
    std::atomic<int> stale{0};
};

/// Writes a number and reads it, again and again.
awaitable<void> write_and_read(std::shared_ptr<PostgreSQLClusterAdapter> db, std::shared_ptr<Session> session, int row,
                               std::shared_ptr<Counts> counts)
{
    OperationContext context;
    context.session = std::move(session);
    for (int i = 1; counts->left.fetch_sub(1) > 0; ++i) {
        Parameters values = params(arg(i), arg(row));
        co_await db->execute_query("UPDATE counters SET value = $1 WHERE id = $2", std::move(values), context);
        Parameters key = params(arg(row));
        const QueryResult found =
            co_await db->execute_query("SELECT value FROM counters WHERE id = $1", std::move(key), context);
        if (found.rows[0]["value"] != i)
            ++counts->stale;
    }
}

class ClusterReads : public testing::Test
{
protected:
    static constexpr int rows = 16;

    ClusterReads()
    {
        PlainConnection(cluster.url(0)).script("CREATE TABLE counters (id BIGINT PRIMARY KEY, value BIGINT)");
        PlainConnection(cluster.url(0))
            .script("INSERT INTO counters SELECT i, 0 FROM generate_series(0, " + std::to_string(rows - 1) + ") i");
        wait_for_standby();
    }
    void wait_for_standby()
    {
        PlainConnection primary(cluster.url(0));
        PlainConnection standby(cluster.url(1));
        const std::string written = primary.value("SELECT pg_current_wal_insert_lsn()");
        ASSERT_TRUE(
            eventually([&] { return standby.value("SELECT pg_last_wal_replay_lsn() >= $1", {written}) == "t"; }));
    }
    /// The replica's share of reads.
    double run_pairs(const std::shared_ptr<PostgreSQLClusterAdapter>& db, int pairs, bool own_sessions)
    {
        const PostgreSQLTopology before = db->topology();
        const auto counts = std::make_shared<Counts>();
        counts->left = pairs;
        std::vector<std::future<void>> workers;
        for (int row = 0; row < rows; ++row) {
            auto session = own_sessions ? std::make_shared<Session>() : nullptr;
            workers.push_back(start(write_and_read(db, std::move(session), row, counts)));
        }
        for (std::future<void>& worker : workers)
            wait(std::move(worker));
        EXPECT_EQ(counts->stale, 0);
        const PostgreSQLTopology after = db->topology();
        const auto by_replica = after.reads_by_replicas - before.reads_by_replicas;
        const auto by_primary = after.reads_by_primary - before.reads_by_primary;
        return static_cast<double>(by_replica) / static_cast<double>(by_replica + by_primary);
    }

    PostgresqlCluster cluster{2};
};

TEST_F(ClusterReads, ShowTheSessionsOwnWritesHoweverFarTheReplicaIsBehind)
{
    const auto db = connected_cluster(cluster_config(cluster.url_of_all()));
    const int pairs = thorough() ? 10000 : 400;
    for (const char* delay : {"0", "5ms", "300ms"}) {
        cluster.set(1, "recovery_min_apply_delay", delay);
        for (const bool own_sessions : {true, false}) {
            const double share = run_pairs(db, pairs, own_sessions);
            std::cout << pairs << " pairs, delay " << delay << ", " << (own_sessions ? "a session each" : "one session")
                      << ": " << static_cast<int>(share * 100 + 0.5) << " % read from the replica, none stale\n";
        }
    }
    // The replica is really behind: without sessions these reads would be stale.
    PlainConnection standby(cluster.url(1));
    PlainConnection primary(cluster.url(0));
    primary.script("UPDATE counters SET value = -1 WHERE id = 0");
    EXPECT_NE(standby.value("SELECT value FROM counters WHERE id = 0"), "-1");
    // Once it is there it is read from again.
    cluster.set(1, "recovery_min_apply_delay", "0");
    EXPECT_TRUE(eventually([&] {
        const std::uint64_t before = db->topology().reads_by_replicas;
        return run(db->execute_query("SELECT value FROM counters WHERE id = 0")).rows[0]["value"] == -1 &&
               db->topology().reads_by_replicas > before;
    }));
    run(db->disconnect());
}

TEST_F(ClusterReads, FollowThePolicy)
{
    for (const std::string policy : {"primary", "prefer_replica", "nearest"}) {
        const auto db = connected_cluster(cluster_config(cluster.url_of_all(), policy));
        ASSERT_TRUE(eventually([&] { return node_of(*db, cluster.port(1)).reachable; }));
        for (int i = 0; i < 40; ++i)
            EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM counters")).rows[0]["n"], rows);
        const PostgreSQLTopology topology = db->topology();
        if (policy == "primary")
            EXPECT_EQ(topology.reads_by_primary, 40U);
        else if (policy == "prefer_replica")
            EXPECT_EQ(topology.reads_by_replicas, 40U);
        else // both are as near
            EXPECT_EQ(topology.reads_by_primary + topology.reads_by_replicas, 40U);
        run(db->disconnect());
    }
}

TEST_F(ClusterReads, TransactionsAndWhatMayWriteGoToThePrimary)
{
    PlainConnection(cluster.url(0))
        .script("CREATE SEQUENCE numbers; "
                "CREATE VIEW next_number AS SELECT nextval('numbers') AS n");
    wait_for_standby();
    const auto db = connected_cluster(cluster_config(cluster.url_of_all()));
    ASSERT_TRUE(eventually([&] { return node_of(*db, cluster.port(1)).reachable; }));
    EXPECT_EQ(run(db->execute_query("SELECT nextval('numbers') AS n")).rows[0]["n"], 1);
    // It looks like a read: the replica refuses it.
    EXPECT_EQ(run(db->execute_query("SELECT n FROM next_number")).rows[0]["n"], 2);
    EXPECT_EQ(run(db->execute_query("SELECT id FROM counters WHERE id = 3 FOR SHARE")).row_count, 1);
    Transaction transaction = run(db->begin_transaction());
    EXPECT_EQ(run(transaction.execute_query("SELECT pg_is_in_recovery() AS r")).rows[0]["r"], false);
    run(transaction.commit());
    run(db->disconnect());
}

TEST_F(ClusterReads, AReplicaThatIsTooOldIsNotReadFrom)
{
    DatabaseConfig config = cluster_config(cluster.url_of_all());
    config.max_replica_lag = 2s;
    const auto db = connected_cluster(config);
    cluster.set(1, "recovery_min_apply_delay", "1h");
    // Another program writes: no session of ours knows of it.
    PlainConnection other(cluster.url(0));
    const auto reads_by_replicas = [&] {
        const std::uint64_t before = db->topology().reads_by_replicas;
        run(db->execute_query("SELECT value FROM counters WHERE id = 0"));
        return db->topology().reads_by_replicas > before;
    };
    const auto written = std::chrono::steady_clock::now();
    other.script("UPDATE counters SET value = 77 WHERE id = 0");
    EXPECT_TRUE(eventually([&] {
        other.script("UPDATE counters SET value = value WHERE id = 1");
        return !reads_by_replicas();
    }));
    // By then no state older than that is shown.
    EXPECT_LE(std::chrono::steady_clock::now() - written, 4s);
    EXPECT_EQ(run(db->execute_query("SELECT value FROM counters WHERE id = 0")).rows[0]["value"], 77);
    EXPECT_GT(node_of(*db, cluster.port(1)).lag_bytes.value_or(0), 0U);
    cluster.set(1, "recovery_min_apply_delay", "0");
    EXPECT_TRUE(eventually(reads_by_replicas));
    run(db->disconnect());
}

TEST_F(ClusterReads, GoOnWithoutTheReplicaAndWithItAgain)
{
    const auto db = connected_cluster(cluster_config(cluster.url_of_all()));
    ASSERT_TRUE(eventually([&] { return node_of(*db, cluster.port(1)).reachable; }));
    EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM counters")).rows[0]["n"], rows);
    EXPECT_EQ(db->topology().reads_by_replicas, 1U);
    cluster.kill(1);
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM counters")).rows[0]["n"], rows);
    EXPECT_TRUE(eventually([&] { return !node_of(*db, cluster.port(1)).problem.empty(); }));
    cluster.start(1);
    EXPECT_TRUE(eventually([&] {
        const std::uint64_t before = db->topology().reads_by_replicas;
        run(db->execute_query("SELECT count(*) AS n FROM counters"));
        return db->topology().reads_by_replicas > before;
    }));
    run(db->disconnect());
}

TEST_F(ClusterReads, ATokenOfAnotherAdapterCounts)
{
    const auto writer = connected_cluster(cluster_config(cluster.url_of_all()));
    const auto reader = connected_cluster(cluster_config(cluster.url_of_all()));
    cluster.set(1, "recovery_min_apply_delay", "300ms");
    OperationContext context;
    context.session = std::make_shared<Session>();
    for (int i = 1; i <= 10; ++i) {
        run(writer->execute_query("UPDATE counters SET value = ? WHERE id = 0", params(arg(i)), context));
        EXPECT_EQ(run(reader->execute_query("SELECT value FROM counters WHERE id = 0", Parameters(), context))
                      .rows[0]["value"],
                  i);
    }
    run(writer->disconnect());
    run(reader->disconnect());
}

} // namespace

} // namespace whisperstore::test

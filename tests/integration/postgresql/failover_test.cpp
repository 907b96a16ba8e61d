// The primary is killed under load and a standby promoted, again and again.

#include "integration/postgresql/cluster_support.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

namespace whisperstore::test {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

enum class Kind
{
    single,
    list,
    scoped
};

/// What writers and readers were told.
class Ledger
{
public:
    std::int64_t next_id() { return ++next_; }
    bool stopped() const { return stop_; }
    void stop() { stop_ = true; }
    std::int64_t acknowledged() const { return acknowledged_count_; }

    void wrote(std::int64_t id)
    {
        const std::lock_guard lock(mutex_);
        acknowledged_.insert(id);
        ++acknowledged_count_;
        const auto now = Clock::now();
        if (last_success_ != Clock::time_point())
            longest_gap_ = std::max(longest_gap_, now - last_success_);
        last_success_ = now;
    }
    void failed(std::int64_t id, const StorageError& error)
    {
        const std::lock_guard lock(mutex_);
        (error.outcome() == Outcome::unknown ? unknown_ : refused_).insert(id);
        ++errors_[error.errc()];
        last_error_ = error.what();
    }
    void read(std::int64_t id, bool found)
    {
        const std::lock_guard lock(mutex_);
        ++reads_;
        if (!found)
            not_found_.insert(id);
    }
    void read_failed(const StorageError& error)
    {
        const std::lock_guard lock(mutex_);
        ++read_errors_[error.errc()];
        last_error_ = error.what();
    }
    /// Since the last call.
    std::chrono::milliseconds take_longest_gap()
    {
        const std::lock_guard lock(mutex_);
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::exchange(longest_gap_, Clock::duration()));
    }

    /// Against what the last primary has. \return acknowledged rows that are gone
    std::size_t settle(const std::map<std::int64_t, int>& rows)
    {
        std::size_t lost = 0;
        for (const std::int64_t id : acknowledged_)
            lost += rows.contains(id) ? 0 : 1;
        for (const std::int64_t id : refused_)
            EXPECT_FALSE(rows.contains(id)) << "refused and there: " << id;
        for (const auto& [id, parts] : rows)
            EXPECT_TRUE(parts == 2) << "half a transaction: " << id;
        for (const std::int64_t id : not_found_)
            EXPECT_FALSE(rows.contains(id)) << "its own session did not see it: " << id;
        std::size_t happened = 0;
        for (const std::int64_t id : unknown_)
            happened += rows.contains(id) ? 1 : 0;
        std::cout << acknowledged_.size() << " acknowledged, " << lost << " of them lost, " << refused_.size()
                  << " refused, " << unknown_.size() << " unknown of which " << happened << " had happened; " << reads_
                  << " reads, " << not_found_.size() << " found nothing\n";
        for (const auto& [code, count] : errors_)
            std::cout << "  writes: " << count << " " << to_string(code) << '\n';
        for (const auto& [code, count] : read_errors_)
            std::cout << "  reads: " << count << " " << to_string(code) << '\n';
        if (!last_error_.empty())
            std::cout << "  the last error: " << last_error_ << '\n';
        EXPECT_TRUE(read_errors_.empty()) << "a read did not go on elsewhere";
        for (const auto& [code, count] : errors_)
            EXPECT_TRUE(code == StorageErrc::outcome_unknown || code == StorageErrc::unavailable) << to_string(code);
        return lost;
    }

private:
    std::mutex mutex_;
    std::set<std::int64_t> acknowledged_;
    std::set<std::int64_t> refused_;
    std::set<std::int64_t> unknown_;
    std::set<std::int64_t> not_found_;
    std::map<StorageErrc, int> errors_;
    std::map<StorageErrc, int> read_errors_;
    std::string last_error_;
    std::size_t reads_ = 0;
    Clock::time_point last_success_{};
    Clock::duration longest_gap_{};
    std::atomic<std::int64_t> next_{0};
    std::atomic<std::int64_t> acknowledged_count_{0};
    std::atomic<bool> stop_{false};
};

/// Each writes two rows, all or nothing.
awaitable<void> write(PostgreSQLClusterAdapter& db, Kind kind, std::int64_t id, OperationContext context)
{
    const std::string both = "INSERT INTO kept SELECT $1, part FROM (VALUES (1), (2)) AS p (part)";
    const std::string one = "INSERT INTO kept VALUES ($1, $2)";
    Parameters first = params(arg(id), arg(1));
    Parameters second = params(arg(id), arg(2));
    if (kind == Kind::single) {
        Parameters values = params(arg(id));
        co_await db.execute_query(both, std::move(values), context);
    } else if (kind == Kind::list) {
        std::vector<Query> list = queries(query(one, std::move(first)), query(one, std::move(second)));
        co_await db.execute_transaction(std::move(list), context);
    } else {
        Transaction transaction = co_await db.begin_transaction(context);
        co_await transaction.execute_query(one, std::move(first), context);
        co_await transaction.execute_query(one, std::move(second), context);
        co_await transaction.commit(context);
    }
}

/// Writes, and reads what it has written, in a session of its own.
awaitable<void> work(std::shared_ptr<PostgreSQLClusterAdapter> db, std::shared_ptr<Ledger> ledger, Kind kind)
{
    const auto session = std::make_shared<Session>();
    while (!ledger->stopped()) {
        const std::int64_t id = ledger->next_id();
        OperationContext context = OperationContext::within(30s);
        context.session = session;
        std::optional<StorageError> failure;
        try {
            co_await write(*db, kind, id, context);
        } catch (const StorageError& error) {
            failure = error;
        }
        if (failure) {
            ledger->failed(id, *failure);
            continue;
        }
        ledger->wrote(id);
        try {
            Parameters values = params(arg(id));
            const QueryResult found =
                co_await db->execute_query("SELECT part FROM kept WHERE id = $1", std::move(values), context);
            ledger->read(id, found.row_count == 2);
        } catch (const StorageError& error) {
            ledger->read_failed(error);
        }
    }
}

struct Servers
{
    explicit Servers(bool is_synchronous) : cluster(2), synchronous(is_synchronous)
    {
        PlainConnection(cluster.url(primary))
            .script("CREATE TABLE kept (id BIGINT, part INTEGER, PRIMARY KEY (id, part))");
        if (synchronous)
            cluster.set_synchronous(primary, 1);
    }
    std::size_t standby() const { return 1 - primary; }

    void kill_and_promote()
    {
        cluster.kill(primary);
        cluster.promote(standby());
        primary = standby();
    }
    void rejoin()
    {
        cluster.rejoin(standby(), primary);
        if (synchronous)
            cluster.set_synchronous(primary, 1);
    }

    PostgresqlCluster cluster;
    const bool synchronous;
    std::size_t primary = 0;
};

std::map<std::int64_t, int> rows_of(const ConnectionUrl& server)
{
    PlainConnection connection(server);
    std::map<std::int64_t, int> rows;
    for (const PlainRow& row : connection.execute("SELECT id, count(*) FROM kept GROUP BY id"))
        rows[std::stoll(row[0].value())] = std::stoi(row[1].value());
    return rows;
}

class Failover : public testing::TestWithParam<bool>
{
};

TEST_P(Failover, UnderLoad)
{
    Servers servers(GetParam());
    const auto db = connected_cluster(cluster_config(servers.cluster.url_of_all()));
    const auto ledger = std::make_shared<Ledger>();
    std::vector<std::future<void>> workers;
    for (int i = 0; i < 9; ++i)
        workers.push_back(start(work(db, ledger, static_cast<Kind>(i % 3))));
    std::chrono::milliseconds longest{0};
    const int rounds = thorough() ? 20 : 2;
    for (int round = 1; round <= rounds; ++round) {
        const std::int64_t before = ledger->acknowledged();
        // With synchronous replication these are on the standby too, and with them all before.
        ASSERT_TRUE(eventually([&] { return ledger->acknowledged() > before + 100; }, 60s)) << "round " << round;
        ledger->take_longest_gap();
        const auto killed = Clock::now();
        servers.kill_and_promote();
        const auto promoted = Clock::now();
        const std::int64_t after = ledger->acknowledged();
        ASSERT_TRUE(eventually([&] { return ledger->acknowledged() > after + 100; }, 60s)) << "it does not go on";
        const auto gap = ledger->take_longest_gap();
        longest = std::max(longest, gap);
        std::cout << "round " << round << ": longest gap " << gap.count() << " ms, of which killing and promoting took "
                  << std::chrono::duration_cast<std::chrono::milliseconds>(promoted - killed).count() << " ms\n";
        EXPECT_EQ(node_of(*db, servers.cluster.port(servers.primary)).is_writer, true);
        servers.rejoin();
    }
    ledger->stop();
    for (std::future<void>& worker : workers)
        wait(std::move(worker));
    EXPECT_EQ(db->topology().failovers, static_cast<std::uint64_t>(rounds));
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 0; }));
    for (const std::size_t node : {servers.primary, servers.standby()})
        EXPECT_LE(node_of(*db, servers.cluster.port(node)).connections, 4U);
    const PostgreSQLTopology topology = db->topology();
    run(db->disconnect());
    for (const std::size_t node : {servers.primary, servers.standby()})
        EXPECT_TRUE(eventually([&] { return connections_of_adapters(servers.cluster.url(node)) == 0; }))
            << "connections are left behind";

    std::cout << (GetParam() ? "synchronous" : "asynchronous") << " replication, " << rounds
              << " rounds, longest gap without a successful write: " << longest.count() << " ms; "
              << topology.reads_by_replicas << " reads by replicas, " << topology.reads_by_primary << " by primaries\n";
    const std::size_t lost = ledger->settle(rows_of(servers.cluster.url(servers.primary)));
    EXPECT_TRUE(lost == 0 || !GetParam()) << "acknowledged and lost";
}

INSTANTIATE_TEST_SUITE_P(Replication, Failover, testing::Bool(),
                         [](const auto& of) { return of.param ? "synchronous" : "asynchronous"; });

} // namespace

} // namespace whisperstore::test

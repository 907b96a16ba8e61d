// The pool against a real server: bounded, never leaking, mending itself.

#include "integration/postgresql/postgresql_support.hpp"
#include "support/cancellable.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

namespace whisperstore::test {

namespace {

using std::chrono::milliseconds;

class PostgresqlPool : public testing::Test
{
protected:
    /// Server processes of the database, but for the one that asks.
    std::int64_t count(const std::string& condition = "true")
    {
        return std::stoll(server.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                       "pid <> pg_backend_pid() AND " +
                                       condition));
    }

    TestDatabase database;
    PlainConnection server{database.url()};
};

TEST_F(PostgresqlPool, HasNoMoreConnectionsThanItsSize)
{
    const auto db = connected(database.url(), 3);
    EXPECT_LE(count(), 3);
    std::vector<std::future<QueryResult>> all;
    for (int i = 0; i < 24; ++i)
        all.push_back(start(db->execute_query("SELECT pg_sleep(0.03)")));
    std::int64_t most = 0;
    for (std::future<QueryResult>& one : all) {
        while (one.wait_for(milliseconds(1)) != std::future_status::ready)
            most = std::max(most, count());
        EXPECT_EQ(one.get().row_count, 1);
    }
    EXPECT_EQ(most, 3);
    EXPECT_EQ(run(db->get_pool_size()), 3U);
    EXPECT_EQ(run(db->get_active_connections()), 0U);
    run(db->disconnect());
    EXPECT_TRUE(eventually([&] { return count() == 0; }));
}

TEST_F(PostgresqlPool, ConnectionsAreSharedByShortStatements)
{
    const auto db = connected(database.url(), 2);
    server.script("CREATE TABLE t (a BIGINT PRIMARY KEY); INSERT INTO t SELECT generate_series(0, 999)");
    std::vector<std::future<QueryResult>> all;
    for (int i = 0; i < 1000; ++i)
        all.push_back(start(db->execute_query("SELECT a FROM t WHERE a = ?", params(arg(i)))));
    for (int i = 0; i < 1000; ++i)
        EXPECT_EQ(wait(std::move(all[static_cast<std::size_t>(i)])).rows[0][0], i); // each has its own answer
    EXPECT_LE(count(), 2);
    run(db->disconnect());
}

TEST_F(PostgresqlPool, WaitingIsBoundedToo)
{
    const auto db = connected(database.url(), 1);
    std::vector<std::future<QueryResult>> all;
    for (int i = 0; i < 3000; ++i)
        all.push_back(start(
            db->execute_query("SELECT pg_sleep(60)", Parameters(), OperationContext::within(milliseconds(1500)))));
    int refused = 0;
    int given_up = 0;
    for (std::future<QueryResult>& one : all) {
        const StorageErrc code = error_of([&] { wait(std::move(one)); }).errc();
        refused += code == StorageErrc::resource_exhausted ? 1 : 0;
        given_up += code == StorageErrc::timeout ? 1 : 0;
    }
    EXPECT_EQ(refused + given_up, 3000);
    EXPECT_GT(refused, 0);
    EXPECT_GT(given_up, 100);
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 0; }));
    EXPECT_EQ(run(db->execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
    run(db->disconnect());
}

TEST_F(PostgresqlPool, EndedConnectionsAreReplacedUnseen)
{
    const auto db = connected(database.url(), 2);
    run(db->execute_query("CREATE TABLE t (a BIGINT)"));
    for (int i = 0; i < 5; ++i) {
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                       "pid <> pg_backend_pid()");
        ASSERT_TRUE(eventually([&] { return count() == 0; }));
        // Nothing was under way, so nobody needs to know.
        EXPECT_EQ(run(db->execute_query("INSERT INTO t VALUES (?)", params(arg(i)))).row_count, 1);
    }
    EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM t")).rows[0]["n"], 5);
    run(db->disconnect());
}

// The server says that it has ended it, so it has certainly not happened.
TEST_F(PostgresqlPool, AStatementThatIsTerminatedIsDoneElsewhereAndOnce)
{
    const auto db = connected(database.url(), 2);
    run(db->execute_query("CREATE TABLE t (a BIGINT)"));
    auto write = start(db->execute_query("INSERT INTO t SELECT 1 FROM pg_sleep(0.3)"));
    ASSERT_TRUE(eventually([&] { return count("state = 'active' AND query LIKE 'INSERT%'") == 1; }));
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'INSERT%' AND "
                   "datname = current_database() AND pid <> pg_backend_pid()");
    EXPECT_EQ(wait(std::move(write)).row_count, 1);
    EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM t")).rows[0]["n"], 1);
    run(db->disconnect());
}

TEST_F(PostgresqlPool, ATransactionThatIsTerminatedIsUnavailableAndNotApplied)
{
    const auto db = connected(database.url(), 2);
    run(db->execute_query("CREATE TABLE t (a BIGINT)"));
    Transaction transaction = run(db->begin_transaction());
    run(transaction.execute_query("INSERT INTO t VALUES (1)"));
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND "
                   "datname = current_database() AND pid <> pg_backend_pid()");
    ASSERT_TRUE(eventually([&] { return count("state = 'idle in transaction'") == 0; }));
    const StorageError error = error_of([&] { run(transaction.commit()); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM t")).rows[0]["n"], 0);
    run(db->disconnect());
}

TEST_F(PostgresqlPool, CancellingASleepFreesConnectionAndServerAtOnce)
{
    const auto db = connected(database.url(), 1);
    for (int i = 0; i < 3; ++i) {
        Cancellable<QueryResult> sleep(db->execute_query("SELECT pg_sleep(60)"));
        ASSERT_TRUE(eventually([&] { return count("state = 'active' AND query LIKE '%pg_sleep%'") == 1; }));
        const auto begun = std::chrono::steady_clock::now();
        sleep.cancel();
        EXPECT_STORAGE_ERROR(sleep.get(), cancelled);
        EXPECT_EQ(run(db->execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
        EXPECT_EQ(count("state = 'active'"), 0);
        EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
    }
    run(db->disconnect());
}

TEST_F(PostgresqlPool, ADroppedTransactionLeavesNothingOpen)
{
    const auto db = connected(database.url(), 2);
    run(db->execute_query("CREATE TABLE t (a BIGINT)"));
    for (int i = 0; i < 20; ++i) {
        Transaction transaction = run(db->begin_transaction());
        run(transaction.execute_query("INSERT INTO t VALUES (1)"));
    }
    EXPECT_TRUE(eventually([&] { return count("state LIKE 'idle in transaction%'") == 0; }));
    EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM t")).rows[0]["n"], 0);
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 0; }));
    run(db->disconnect());
}

awaitable<void> transact(std::shared_ptr<PostgreSQLAdapter> db)
{
    Transaction transaction = co_await db->begin_transaction();
    co_await transaction.execute_query("INSERT INTO t VALUES (4)");
    co_await transaction.execute_query("SELECT pg_sleep(0.001)");
    co_await transaction.commit();
}

awaitable<void> read_stream(std::shared_ptr<PostgreSQLAdapter> db)
{
    RowStream stream = co_await db->stream_query("SELECT i FROM generate_series(1, 3000) AS i");
    while (true) {
        const Rows rows = co_await stream.next();
        if (rows.empty())
            break;
    }
}

awaitable<void> do_something(std::shared_ptr<PostgreSQLAdapter> db, std::size_t kind)
{
    switch (kind) {
    case 0:
        co_await db->execute_query("SELECT pg_sleep(5)");
        break;
    case 1:
        co_await db->execute_query("SELECT 1");
        break;
    case 2:
        co_await db->execute_query("INSERT INTO t VALUES (1)");
        break;
    case 3: {
        std::vector<Query> list = queries(query("INSERT INTO t VALUES (2)"), query("INSERT INTO t VALUES (3)"));
        co_await db->execute_transaction(std::move(list));
        break;
    }
    case 4:
        co_await transact(db);
        break;
    case 5:
        co_await read_stream(db);
        break;
    default:
        co_await db->execute_query("SELECT count(*) FROM generate_series(1, 30000)");
    }
}

TEST_F(PostgresqlPool, AThousandCancellationsLeaveItAsItWas)
{
    const std::uint64_t seed = seed_of_test(7);
    std::mt19937_64 random(seed);
    const auto db = connected(database.url(), 4);
    run(db->execute_query("CREATE TABLE t (a BIGINT)"));
    int cancelled = 0;
    int finished = 0;
    int refused = 0;
    for (int round = 0; round < 50; ++round) {
        std::vector<std::unique_ptr<Cancellable<void>>> all;
        for (int i = 0; i < 20; ++i)
            all.push_back(std::make_unique<Cancellable<void>>(do_something(db, random() % 7)));
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 6000)); // the moment is the test's input
        for (auto& one : all)
            one->cancel();
        for (auto& one : all) {
            try {
                one->get();
                ++finished;
            } catch (const StorageError& error) {
                // Of streams there may be less at once.
                const bool full = error.errc() == StorageErrc::resource_exhausted;
                EXPECT_TRUE(full || error.errc() == StorageErrc::cancelled) << error.what();
                ++(full ? refused : cancelled);
            } catch (const boost::system::system_error& error) {
                // Asio's own, where the coroutine was between two calls.
                EXPECT_EQ(error.code(), asio::error::operation_aborted) << error.what();
                ++cancelled;
            }
        }
        // The server still counts one for a moment that was given up rather than read empty.
        ASSERT_TRUE(eventually([&] { return count() <= 4; })) << count();
    }
    EXPECT_EQ(cancelled + finished + refused, 1000);
    EXPECT_GT(cancelled, 300);
    EXPECT_GT(finished, 50);
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 0; }));
    EXPECT_TRUE(eventually([&] { return count("state <> 'idle'") == 0; }));
    EXPECT_EQ(run(db->get_pool_size()), 4U);

    // All of its connections still work, at the same time.
    std::vector<std::future<QueryResult>> four;
    for (int i = 0; i < 4; ++i)
        four.push_back(start(db->execute_query("SELECT pg_sleep(0.2), pg_backend_pid() AS pid")));
    std::set<std::int64_t> processes;
    for (std::future<QueryResult>& one : four)
        processes.insert(wait(std::move(one)).rows[0]["pid"].as_int());
    EXPECT_EQ(processes.size(), 4U);
    // Both rows of a transaction are there, or none.
    const QueryResult rows =
        run(db->execute_query("SELECT sum(CASE WHEN a = 2 THEN 1 WHEN a = 3 THEN -1 ELSE 0 END) = 0 AS "
                              "even FROM t"));
    EXPECT_EQ(rows.rows[0]["even"], true);
    run(db->disconnect());
    EXPECT_TRUE(eventually([&] { return count() == 0; }));
}

TEST_F(PostgresqlPool, MoreAdaptersThanTheServerTakesAreToldSo)
{
    const std::string limit = "ALTER DATABASE " + database.name() + " CONNECTION LIMIT 2";
    server.script(limit); // the test's own connection counts
    server.script("GRANT ALL ON SCHEMA public TO guest");
    const ConnectionUrl url = as_user(database.url(), "guest", "guest's");
    const auto first = connected(url, 1);
    EXPECT_EQ(run(first->execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
    PostgreSQLAdapter second(postgresql_config(url, 1));
    const StorageError error =
        error_of([&] { run(second.connect(OperationContext::within(std::chrono::seconds(5)))); });
    EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted) << error.what();
    EXPECT_EQ(error.native_code(), "53300");
    run(first->disconnect());
}

} // namespace

} // namespace whisperstore::test

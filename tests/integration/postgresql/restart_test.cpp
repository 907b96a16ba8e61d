// A server that is killed and comes back under load.

#include "integration/postgresql/postgresql_support.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>

namespace whisperstore::test {

namespace {

/// What writers were told.
struct Ledger
{
    std::mutex mutex;
    std::set<std::int64_t> present;
    std::set<std::int64_t> absent;
    std::set<std::int64_t> unknown;
    std::set<StorageErrc> codes;
    std::atomic<std::int64_t> next{0};
    std::atomic<std::int64_t> acknowledged{0};
    std::atomic<bool> stop{false};
};

awaitable<void> write_one(std::shared_ptr<PostgreSQLAdapter> db, std::shared_ptr<Ledger> ledger, bool transaction)
{
    const std::int64_t id = ++ledger->next;
    std::optional<StorageError> failure;
    try {
        Parameters values = params(arg(id));
        OperationContext soon = OperationContext::within(std::chrono::seconds(5));
        if (transaction) {
            Transaction scope = co_await db->begin_transaction(soon);
            co_await scope.execute_query("INSERT INTO kept VALUES (?)", std::move(values), soon);
            co_await scope.commit(soon);
        } else {
            co_await db->execute_query("INSERT INTO kept VALUES (?)", std::move(values), soon);
        }
    } catch (const StorageError& error) {
        failure = error;
    }
    const std::lock_guard lock(ledger->mutex);
    if (!failure) {
        ledger->present.insert(id);
        ++ledger->acknowledged;
    } else {
        (failure->outcome() == Outcome::unknown ? ledger->unknown : ledger->absent).insert(id);
        ledger->codes.insert(failure->errc());
    }
}

awaitable<void> keep_writing(std::shared_ptr<PostgreSQLAdapter> db, std::shared_ptr<Ledger> ledger, bool transaction)
{
    while (!ledger->stop)
        co_await write_one(db, ledger, transaction);
}

TEST(PostgresqlRestart, UnderLoadNothingAcknowledgedIsLostAndWorkGoesOn)
{
    PostgresqlCluster cluster(1);
    PlainConnection(cluster.url(0)).script("CREATE TABLE kept (id BIGINT PRIMARY KEY)");
    const auto db = connected(cluster.url(0), 4);
    const auto ledger = std::make_shared<Ledger>();
    std::vector<std::future<void>> writers;
    for (int i = 0; i < 8; ++i)
        writers.push_back(start(keep_writing(db, ledger, i % 2 == 0)));
    const int rounds = thorough() ? 10 : 2;
    for (int round = 0; round < rounds; ++round) {
        const std::int64_t before = ledger->acknowledged;
        ASSERT_TRUE(eventually([&] { return ledger->acknowledged > before + 50; }));
        cluster.kill(0);
        cluster.start(0);
        const std::int64_t after = ledger->acknowledged;
        EXPECT_TRUE(eventually([&] { return ledger->acknowledged > after + 50; })) << "it does not go on";
    }
    ledger->stop = true;
    for (std::future<void>& writer : writers)
        wait(std::move(writer));
    EXPECT_EQ(run(db->execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
    run(db->disconnect());

    for (const StorageErrc code : ledger->codes)
        EXPECT_TRUE(code == StorageErrc::unavailable || code == StorageErrc::outcome_unknown) << to_string(code);
    EXPECT_FALSE(ledger->codes.empty()) << "nobody has noticed";
    PlainConnection server(cluster.url(0));
    std::set<std::int64_t> found;
    for (const PlainRow& row : server.execute("SELECT id FROM kept"))
        found.insert(std::stoll(row.front().value()));
    for (const std::int64_t id : ledger->present)
        EXPECT_TRUE(found.contains(id)) << "acknowledged and lost: " << id;
    for (const std::int64_t id : ledger->absent)
        EXPECT_FALSE(found.contains(id)) << "refused and there: " << id;
    std::cout << ledger->present.size() << " acknowledged, " << ledger->absent.size() << " refused, "
              << ledger->unknown.size() << " unknown\n";
}

TEST(PostgresqlRestart, AnAdapterAtRestDoesNotNotice)
{
    PostgresqlCluster cluster(1);
    const auto db = connected(cluster.url(0), 2);
    run(db->execute_query("CREATE TABLE t (a BIGINT)"));
    cluster.kill(0);
    cluster.start(0);
    EXPECT_EQ(run(db->execute_query("INSERT INTO t VALUES (1)")).row_count, 1);
    run(db->disconnect());
}

TEST(PostgresqlRestart, AServerThatIsGoneIsSaidToBe)
{
    PostgresqlCluster cluster(1);
    const auto db = connected(cluster.url(0), 2);
    cluster.kill(0);
    const StorageError error = error_of([&] { run(db->execute_query("SELECT 1")); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_NE(error.message().find(std::to_string(cluster.port(0))), std::string::npos) << error.what();
    EXPECT_EQ(error.message().find(PostgresqlServers::get().password()), std::string::npos);
    run(db->disconnect());
}

} // namespace

} // namespace whisperstore::test

#include "conformance/database_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <atomic>
#include <thread>

namespace whisperstore::test {
namespace {

TEST_P(Database, OneCallersErrorLeavesItsNeighboursAlone)
{
    setup_schema();
    std::vector<std::future<QueryResult>> all;
    for (int i = 0; i < 400; ++i)
        all.push_back(start(db->execute_query("INSERT INTO users (user_id, username) VALUES (?, 'x')",
                                              params(arg(std::to_string(i % 300))))));
    int inserted = 0;
    int refused = 0;
    for (auto& one : all) {
        try {
            inserted += static_cast<int>(wait(std::move(one)).row_count);
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::constraint_violation) << error.what();
            ++refused;
        }
    }
    EXPECT_EQ(inserted, 300);
    EXPECT_EQ(refused, 100);
    EXPECT_EQ(count("users"), 300);
}

TEST_P(Database, DeadlineStopsTheQuery)
{
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_STORAGE_ERROR(run(db->execute_query(GetParam().endless_query, Parameters(),
                                               OperationContext::within(std::chrono::milliseconds(100)))),
                         timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 0; }));
    EXPECT_STORAGE_ERROR(
        run(db->execute_query("SELECT 1", Parameters(), OperationContext::within(std::chrono::milliseconds(-1)))),
        timeout);
}

TEST_P(Database, CancellationStopsTheQuery)
{
    asio::cancellation_signal signal;
    auto executor = asio::make_strand(pool());
    std::future<QueryResult> running = asio::co_spawn(executor, db->execute_query(GetParam().endless_query),
                                                      asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 1; }));
    asio::post(executor, [&] { signal.emit(asio::cancellation_type::terminal); });
    EXPECT_STORAGE_ERROR(wait(std::move(running)), cancelled);
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 0; }));
    EXPECT_EQ(query("SELECT 1 AS v").rows[0]["v"], 1);
}

TEST_P(Database, CancelledWriteLeavesItsNeighboursApplied)
{
    query("CREATE TABLE t (a BIGINT)");
    asio::cancellation_signal signal;
    auto executor = asio::make_strand(pool());
    const std::string slow = "INSERT INTO t " + GetParam().endless_query;
    std::future<QueryResult> running = asio::co_spawn(executor, db->execute_query(slow),
                                                      asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 1; }));
    std::vector<std::future<QueryResult>> others;
    for (int i = 0; i < 20; ++i)
        others.push_back(start(db->execute_query("INSERT INTO t VALUES (?)", params(arg(i)))));
    asio::post(executor, [&] { signal.emit(asio::cancellation_type::terminal); });
    EXPECT_STORAGE_ERROR(wait(std::move(running)), cancelled);
    for (auto& other : others)
        EXPECT_EQ(wait(std::move(other)).row_count, 1);
    EXPECT_EQ(count("t"), 20);
}

/// Cancels a query some time after it was started: before, while or after it begins to run.
void cancel_after(AbstractDatabaseAdapter& db, std::string sql, std::chrono::nanoseconds delay)
{
    asio::cancellation_signal signal;
    auto executor = asio::make_strand(pool());
    std::future<QueryResult> running = asio::co_spawn(executor, db.execute_query(std::move(sql)),
                                                      asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    const auto end = std::chrono::steady_clock::now() + delay;
    while (std::chrono::steady_clock::now() < end) {
    }
    std::promise<void> emitted;
    asio::post(executor, [&] {
        signal.emit(asio::cancellation_type::terminal);
        emitted.set_value();
    });
    EXPECT_STORAGE_ERROR(wait(std::move(running)), cancelled);
    emitted.get_future().get();
}

TEST_P(Database, CancellationIsNeverMissed)
{
    query("CREATE TABLE t (a BIGINT)");
    for (int i = 0; i < 60; ++i) {
        cancel_after(*db, GetParam().endless_query, std::chrono::nanoseconds(i * i * 50));
        cancel_after(*db, "INSERT INTO t " + GetParam().endless_query, std::chrono::nanoseconds(i * i * 50));
    }
    EXPECT_TRUE(is_idle());
    EXPECT_EQ(count("t"), 0);
}

TEST_P(Database, NeighboursOfACancelledQueryAreNotHit)
{
    query("CREATE TABLE t (a BIGINT)");
    query(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT i FROM n");
    std::atomic<bool> stop{false};
    std::atomic<int> reads{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < 2; ++r)
        readers.emplace_back([&] {
            while (!stop) {
                EXPECT_EQ(query("SELECT sum(a + length(CAST(a AS TEXT))) > 0 AS v, count(*) AS n FROM t").rows[0]["n"],
                          2000);
                query("UPDATE t SET a = a WHERE a < 5");
                ++reads;
            }
        });
    for (int i = 0; i < 100; ++i)
        cancel_after(*db, GetParam().endless_query, std::chrono::microseconds(2 * i));
    EXPECT_TRUE(eventually([&] { return reads > 20; }));
    stop = true;
    for (std::thread& reader : readers)
        reader.join();
}

TEST_P(Database, DeadlinesStopWritesAndTransactions)
{
    query("CREATE TABLE t (a BIGINT)");
    const std::string slow = "INSERT INTO t " + GetParam().endless_query;
    const auto soon = [] { return OperationContext::within(std::chrono::milliseconds(80)); };
    EXPECT_STORAGE_ERROR(run(db->execute_query(slow, Parameters(), soon())), timeout);
    EXPECT_STORAGE_ERROR(
        run(db->execute_transaction(queries(whisperstore::query("INSERT INTO t VALUES (1)"), whisperstore::query(slow)),
                                    soon())),
        timeout);
    EXPECT_STORAGE_ERROR(run(db->migrate_schema(std::vector<std::string>{"-- version: 1\n" + slow}, soon())), timeout);
    EXPECT_TRUE(is_idle());
    EXPECT_EQ(count("t"), 0);
    EXPECT_EQ(count("schema_migrations"), 0);
    const StorageError error = error_of([&] { run(db->execute_query(slow, Parameters(), soon())); });
    EXPECT_EQ(error.backend(), db->database_type());
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
}

awaitable<StorageErrc> time_out_inside(std::shared_ptr<AbstractDatabaseAdapter> db, std::string slow)
{
    Transaction tx = co_await db->begin_transaction();
    co_await tx.execute_query("INSERT INTO t VALUES (1)");
    StorageErrc code{};
    OperationContext soon = OperationContext::within(std::chrono::milliseconds(80));
    try {
        co_await tx.execute_query(std::move(slow), Parameters(), std::move(soon));
    } catch (const StorageError& error) {
        code = error.errc();
    }
    co_return code;
}

TEST_P(Database, ADeadlineInsideATransactionStopsItsStatement)
{
    query("CREATE TABLE t (a BIGINT)");
    EXPECT_EQ(run(time_out_inside(db, GetParam().endless_query)), StorageErrc::timeout);
    EXPECT_EQ(run(time_out_inside(db, "INSERT INTO t " + GetParam().endless_query)), StorageErrc::timeout);
    query("INSERT INTO t VALUES (2)"); // the writer is free
    EXPECT_EQ(count("t"), 1);
}

TEST_P(Database, DisconnectLetsRunningWorkEnd)
{
    query("CREATE TABLE t (a BIGINT)");
    std::vector<std::future<QueryResult>> all;
    for (int i = 0; i < 200; ++i)
        all.push_back(start(i % 2 == 0 ? db->execute_query("INSERT INTO t VALUES (1)")
                                       : db->execute_query("SELECT count(*) AS n FROM t")));
    run(db->disconnect());
    int written = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        try {
            wait(std::move(all[i]));
            written += i % 2 == 0 ? 1 : 0;
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::closed) << error.what();
        }
    }
    run(db->connect());
    EXPECT_EQ(count("t"), written); // what was acknowledged, and nothing else
}

TEST_P(Database, EverythingIsClosedAfterDisconnect)
{
    run(db->disconnect());
    EXPECT_STORAGE_ERROR(query("SELECT 1"), closed);
    EXPECT_STORAGE_ERROR(run(db->execute_transaction(queries(whisperstore::query("SELECT 1")))), closed);
    EXPECT_STORAGE_ERROR(run(db->begin_transaction()), closed);
    EXPECT_STORAGE_ERROR(run(db->stream_query("SELECT 1")), closed);
    EXPECT_STORAGE_ERROR(run(db->create_tables(TableDefinitions())), closed);
    EXPECT_STORAGE_ERROR(setup_schema(), closed);
    EXPECT_STORAGE_ERROR(run(db->migrate_schema(std::vector<std::string>{"SELECT 1"})), closed);
    EXPECT_STORAGE_ERROR(run(db->backup_database(directory / "copy")), closed);
    EXPECT_STORAGE_ERROR(run(db->restore_database(directory / "copy")), closed);
    EXPECT_STORAGE_ERROR(run(db->get_active_connections()), closed);
    run(db->disconnect());
}

TEST_P(Database, AnAdapterMayBeDroppedWithWorkUnderWay)
{
    for (int round = 0; round < 2; ++round) {
        auto other = GetParam().make(directory / ("dropped" + std::to_string(round)));
        run(other->connect());
        run(other->execute_query("CREATE TABLE t (a BIGINT)"));
        auto read = start(other->execute_query(GetParam().endless_query, Parameters(),
                                               OperationContext::within(std::chrono::milliseconds(200))));
        EXPECT_TRUE(eventually([&] { return run(other->get_active_connections()) == 1; }));
        Transaction tx = run(other->begin_transaction());
        run(tx.execute_query("INSERT INTO t VALUES (1)"));
        RowStream stream = run(other->stream_query("SELECT 1"));
        other.reset();
        EXPECT_STORAGE_ERROR(wait(std::move(read)), timeout);
        EXPECT_TRUE(eventually([&] {
            try {
                run(tx.execute_query("SELECT 1"));
                return false;
            } catch (const StorageError& error) {
                return error.errc() == StorageErrc::closed;
            }
        }));
    }
}

awaitable<int> write_then_read(std::shared_ptr<AbstractDatabaseAdapter> db, int writer)
{
    int missing = 0;
    for (int i = 0; i < 40; ++i) {
        const std::string id = std::to_string(writer) + "/" + std::to_string(i);
        Parameters name = params(arg(id));
        co_await db->execute_query("INSERT INTO users (user_id, username) VALUES (?, 'x')", name);
        const QueryResult found = co_await db->execute_query("SELECT user_id FROM users WHERE user_id = ?", name);
        missing += found.row_count == 1 ? 0 : 1;
    }
    co_return missing;
}

TEST_P(Database, CallersReadTheirOwnWrites)
{
    setup_schema();
    std::vector<std::future<int>> all;
    for (int writer = 0; writer < 16; ++writer)
        all.push_back(start(write_then_read(db, writer)));
    for (auto& one : all)
        EXPECT_EQ(wait(std::move(one)), 0);
    EXPECT_EQ(count("users"), 16 * 40);
}

} // namespace
} // namespace whisperstore::test

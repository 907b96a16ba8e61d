#include "conformance/database_fixture.hpp"

namespace whisperstore::test {
namespace {

awaitable<std::pair<std::int64_t, std::size_t>> sum_stream(std::shared_ptr<AbstractDatabaseAdapter> db)
{
    RowStream stream = co_await db->stream_query("SELECT a FROM t ORDER BY a");
    std::int64_t sum = 0;
    std::size_t largest = 0;
    while (true) {
        const Rows rows = co_await stream.next();
        if (rows.empty())
            break;
        largest = std::max(largest, rows.size());
        for (const Row& row : rows)
            sum += row["a"].as_int();
        // a write meanwhile is not seen by the stream and not blocked by it
        co_await db->execute_query("INSERT INTO t VALUES (1000000)");
    }
    co_return std::pair(sum, largest);
}

TEST_P(Database, StreamReadsASnapshotInBoundedPieces)
{
    query("CREATE TABLE t (a BIGINT)");
    query("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i FROM "
          "n");
    const auto [sum, largest] = run(sum_stream(db));
    EXPECT_EQ(sum, 10000 * 10001 / 2);
    EXPECT_LE(largest, 1024U);
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 0; }));
    EXPECT_STORAGE_ERROR(run(db->stream_query("INSERT INTO t VALUES (1)")), invalid_argument);
    EXPECT_STORAGE_ERROR(run(db->stream_query("SELECT ?")), invalid_argument);
}

TEST_P(Database, LargeResultsArriveWhole)
{
    query("CREATE TABLE t (a BIGINT, b TEXT)");
    query("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
          "SELECT i, 'a text of some length, number ' || i FROM n");
    const QueryResult all = query("SELECT a, b FROM t ORDER BY a");
    ASSERT_EQ(all.row_count, 20000);
    EXPECT_EQ(all.rows[19999]["b"], "a text of some length, number 20000");
}

awaitable<std::size_t> read_to_the_end(RowStream stream)
{
    std::size_t rows = 0;
    while (true) {
        const Rows piece = co_await stream.next();
        if (piece.empty())
            break;
        rows += piece.size();
    }
    EXPECT_TRUE((co_await stream.next()).empty()); // and after it
    co_return rows;
}

TEST_P(Database, StreamsHaveTheSnapshotOfTheirBeginning)
{
    query("CREATE TABLE t (a BIGINT)");
    query("INSERT INTO t VALUES (1), (2)");
    RowStream stream = run(db->stream_query("SELECT a FROM t"));
    query("INSERT INTO t VALUES (3)");
    query("DELETE FROM t WHERE a = 1");
    EXPECT_EQ(run(read_to_the_end(std::move(stream))), 2U);
    EXPECT_EQ(run(read_to_the_end(run(db->stream_query("SELECT a FROM t WHERE a > ?", params(arg(100)))))), 0U);
    EXPECT_TRUE(is_idle());
}

TEST_P(Database, StreamErrorsAreLoudAndEndThem)
{
    query("CREATE TABLE t (a BIGINT)");
    EXPECT_STORAGE_ERROR(run(db->stream_query("SELECT * FROM nowhere")), not_found);
    EXPECT_STORAGE_ERROR(run(db->stream_query("SELEC")), syntax);
    EXPECT_STORAGE_ERROR(run(db->stream_query("BEGIN")), invalid_argument);
    EXPECT_STORAGE_ERROR(run(db->stream_query("WITH x(a) AS (SELECT 1) INSERT INTO t SELECT a FROM x")),
                         invalid_argument);
    EXPECT_EQ(count("t"), 0);
    EXPECT_TRUE(is_idle());
}

TEST_P(Database, ADeadlineEndsAStream)
{
    EXPECT_STORAGE_ERROR(run(db->stream_query(GetParam().endless_query, Parameters(),
                                              OperationContext::within(std::chrono::milliseconds(80)))),
                         timeout);
    query("CREATE TABLE t (a BIGINT)");
    query(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n");
    RowStream stream = run(
        db->stream_query("SELECT a FROM t", Parameters(), OperationContext::within(std::chrono::milliseconds(300))));
    EXPECT_FALSE(run(stream.next()).empty());
    EXPECT_TRUE(eventually([&] {
        try {
            return run(stream.next()).empty(); // would be the end: too early
        } catch (const StorageError& error) {
            return error.errc() == StorageErrc::timeout || error.errc() == StorageErrc::closed;
        }
    }));
    stream.close();
    EXPECT_TRUE(is_idle());
}

TEST_P(Database, DisconnectEndsStreams)
{
    query("CREATE TABLE t (a BIGINT)");
    query(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n");
    RowStream stream = run(db->stream_query("SELECT a FROM t"));
    EXPECT_FALSE(run(stream.next()).empty());
    run(db->disconnect());
    EXPECT_STORAGE_ERROR(run(stream.next()), closed);
    stream.close();
    EXPECT_TRUE(run(stream.next()).empty());
}

TEST_P(Database, StreamsThatAreDroppedGiveTheirConnectionsBack)
{
    query("CREATE TABLE t (a BIGINT)");
    query(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n");
    for (int i = 0; i < 40; ++i) {
        RowStream stream = run(db->stream_query("SELECT a FROM t"));
        EXPECT_EQ(run(stream.next()).size(), 1024U);
    }
    EXPECT_TRUE(is_idle());
    std::vector<RowStream> open;
    const StorageError error = error_of([&] {
        for (int i = 0; i < 1000; ++i)
            open.push_back(run(
                db->stream_query("SELECT a FROM t", Parameters(), OperationContext::within(std::chrono::seconds(1)))));
    });
    // There are none, or none became free in time.
    EXPECT_TRUE(error.errc() == StorageErrc::resource_exhausted || error.errc() == StorageErrc::timeout)
        << error.what();
    open.clear();
    EXPECT_TRUE(is_idle());
}

} // namespace
} // namespace whisperstore::test

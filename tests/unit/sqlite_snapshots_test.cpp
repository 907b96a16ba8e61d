// Readers keep their snapshot from read to read: nobody may notice but by the time it takes.
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/database/sqlite_adapter.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

namespace whisperstore::test {
namespace {

class KeptSnapshots : public testing::Test
{
protected:
    KeptSnapshots()
    {
        DatabaseConfig config;
        config.connection_string = "sqlite:///" + (directory / "database.db").string();
        db = std::make_shared<SQLiteAdapter>(config);
        run(db->connect());
        execute("CREATE TABLE counters (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)");
        execute("INSERT INTO counters VALUES (1, 0)");
    }
    void execute(const char* sql) { run(db->execute_query(sql)); }

    TestDirectory directory;
    std::shared_ptr<SQLiteAdapter> db;
};

/// What the readers and the writer of a race share.
struct Race
{
    std::shared_ptr<SQLiteAdapter> db;
    std::atomic<std::int64_t> acknowledged{0};
    std::atomic<bool> ended{false};
    std::atomic<std::int64_t> reads{0};
};

constexpr const char* on_this_thread = "SELECT value FROM counters WHERE id = 1";
// Too long for the caller's thread.
constexpr const char* on_another_thread =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) "
    "SELECT (SELECT value FROM counters WHERE id = 1), max(i) FROM n";

awaitable<void> count_up(std::shared_ptr<Race> race, int times)
{
    for (int i = 1; i <= times; ++i) {
        if (i % 4 == 0) {
            Transaction transaction = co_await race->db->begin_transaction();
            co_await transaction.execute_query("UPDATE counters SET value = value + 1 WHERE id = 1");
            co_await transaction.commit();
        } else {
            co_await race->db->execute_query("UPDATE counters SET value = value + 1 WHERE id = 1");
        }
        race->acknowledged = i;
        const QueryResult own = co_await race->db->execute_query(on_this_thread);
        EXPECT_EQ(own.rows[0][0].as_int(), i) << "a writer must see its own write";
    }
    race->ended = true;
}

/// Reads in all ways by turns; what it has seen once stays seen, and what is acknowledged is seen.
awaitable<void> watch(std::shared_ptr<Race> race, int seed)
{
    std::int64_t seen = 0;
    for (int turn = seed; !race->ended; ++turn) {
        const std::int64_t at_least = std::max(seen, race->acknowledged.load());
        std::int64_t value = 0;
        if (turn % 7 == 0) {
            RowStream stream = co_await race->db->stream_query(on_this_thread);
            const Rows rows = co_await stream.next();
            EXPECT_EQ(rows.size(), 1U);
            value = rows.empty() ? 0 : rows[0][0].as_int();
        } else {
            const QueryResult result =
                co_await race->db->execute_query(turn % 5 == 0 ? on_another_thread : on_this_thread);
            value = result.rows[0][0].as_int();
        }
        EXPECT_GE(value, at_least);
        seen = value;
        ++race->reads;
    }
}

TEST_F(KeptSnapshots, NobodySeesTheDatabaseGoBack)
{
    auto race = std::make_shared<Race>();
    race->db = db;
    std::vector<std::future<void>> readers;
    for (int i = 0; i < 6; ++i)
        readers.push_back(start(watch(race, i)));
    std::future<void> writer = start(count_up(race, 600));
    wait(std::move(writer));
    for (std::future<void>& reader : readers)
        wait(std::move(reader));
    EXPECT_GT(race->reads, 600);
}

awaitable<void> read_on(std::shared_ptr<Race> race)
{
    while (!race->ended) {
        co_await race->db->execute_query(on_this_thread);
        ++race->reads;
    }
}

awaitable<void> write_pages(std::shared_ptr<Race> race, int times)
{
    co_await race->db->execute_query("CREATE TABLE texts (text TEXT)");
    for (int i = 0; i < times; ++i)
        co_await race->db->execute_query("INSERT INTO texts VALUES (hex(zeroblob(20000)))");
    race->ended = true;
}

TEST_F(KeptSnapshots, TheLogBeginsAnewUnderReads)
{
    auto race = std::make_shared<Race>();
    race->db = db;
    std::future<void> reader = start(read_on(race));
    std::future<void> writer = start(write_pages(race, 1000));
    wait(std::move(writer));
    wait(std::move(reader));
    EXPECT_GT(race->reads, 0);
    const auto written = std::filesystem::file_size(directory / "database.db");
    const auto log = std::filesystem::file_size(directory / "database.db-wal");
    EXPECT_GT(written, 20'000'000U) << "the log was folded into the file meanwhile";
    // One that never began anew would hold all that was written, and more.
    EXPECT_LT(log, written - written / 5) << "and began anew";
}

TEST_F(KeptSnapshots, OthersSeeWhatARestoreBrought)
{
    run(db->backup_database(directory / "backup.db"));
    execute("UPDATE counters SET value = 7");
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(run(db->execute_query(on_this_thread)).rows[0][0].as_int(), 7);
    run(db->restore_database(directory / "backup.db"));
    EXPECT_EQ(run(db->execute_query(on_this_thread)).rows[0][0].as_int(), 0);
}

} // namespace
} // namespace whisperstore::test

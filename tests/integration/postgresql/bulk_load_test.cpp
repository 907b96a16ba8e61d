// Rows by COPY: all kinds of values as they went, all rows or none.

#include "integration/postgresql/postgresql_support.hpp"
#include "integration/postgresql/random_script.hpp"
#include "support/cancellable.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace whisperstore::test {

namespace {

using BulkRow = std::vector<Value>;

class PostgresqlBulkLoad : public testing::Test
{
protected:
    void TearDown() override
    {
        EXPECT_EQ(run(db->execute_query("SELECT 1 AS v")).rows[0]["v"], 1); // and the connection is fit for use
        EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 0; }));
        run(db->disconnect());
    }

    std::uint64_t load(std::string table, std::vector<std::string> columns, const std::vector<BulkRow>& rows)
    {
        std::size_t given = 0;
        const auto next = [&]() -> std::optional<BulkRow> {
            if (given == rows.size())
                return std::nullopt;
            return rows[given++];
        };
        return run(db->bulk_load(std::move(table), std::move(columns), next));
    }
    std::int64_t count() { return run(db->execute_query("SELECT count(*) AS n FROM t")).rows[0]["n"].as_int(); }

    TestDatabase database;
    PlainConnection server{database.url()};
    std::shared_ptr<PostgreSQLAdapter> db = connected(database.url(), 1);
};

// Seen here: the end was asked for once for the last piece and once more for nothing.
TEST_F(PostgresqlBulkLoad, NobodyIsAskedForARowAfterTheLast)
{
    server.script("CREATE TABLE t (n BIGINT)");
    std::int64_t asked = 0;
    const auto next = [&]() -> std::optional<BulkRow> {
        if (++asked == 4)
            return std::nullopt;
        return BulkRow{asked};
    };
    EXPECT_EQ(run(db->bulk_load("t", std::vector<std::string>(1, "n"), next)), 3U);
    EXPECT_EQ(asked, 4);
    EXPECT_EQ(count(), 3);
}

TEST_F(PostgresqlBulkLoad, ValuesComeBackAsTheyWent)
{
    server.script("CREATE TABLE t (n BIGINT, a TEXT, i BIGINT, r DOUBLE PRECISION, o BOOLEAN, m TIMESTAMPTZ, b BYTEA)");
    RandomScript random(seed_of_test(5));
    std::vector<BulkRow> rows;
    for (std::int64_t n = 0; n < 2000; ++n) {
        Blob blob;
        for (std::int64_t i = 0; i < n % 7; ++i)
            blob.push_back(static_cast<std::byte>((n * 31 + i * 77) % 256));
        BulkRow row{n,
                    random.text(),
                    random.value(ColumnType::bigint),
                    random.value(ColumnType::real),
                    n % 3 == 0,
                    random.value(ColumnType::timestamp),
                    blob};
        row[static_cast<std::size_t>(1 + n % 6)] = n % 5 == 0 ? Value() : row[static_cast<std::size_t>(1 + n % 6)];
        rows.push_back(std::move(row));
    }
    for (const char* text : {"\\N", "\\.", "\t", "\n", "\r\n", "\\", "\\\\n", "'", "a\tb\\c\n", "\b\f\v", "\x7F"})
        rows.push_back(
            BulkRow{static_cast<std::int64_t>(rows.size()), text, nullptr, nullptr, nullptr, nullptr, nullptr});
    EXPECT_EQ(load("t", {"n", "a", "i", "r", "o", "m", "b"}, rows), rows.size());
    const QueryResult read = run(db->execute_query("SELECT * FROM t ORDER BY n"));
    ASSERT_EQ(read.rows.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
        for (std::size_t column = 0; column < rows[i].size(); ++column) {
            const Value& given = rows[i][column];
            const ValueView found = read.rows[i][static_cast<int>(column)];
            if (column == 3 && given.kind() == ValueKind::integer)
                EXPECT_EQ(found, static_cast<double>(given.as_int())); // an integer in a column of reals
            else
                EXPECT_EQ(found, given.view()) << "row " << i << ", column " << column;
        }
}

TEST_F(PostgresqlBulkLoad, NamesAreNames)
{
    const std::string table = "t\"; DROP TABLE canary; --";
    const std::string column = "a\" ) FROM PROGRAM 'true'; --";
    server.script("CREATE TABLE canary (a TEXT); CREATE TABLE " + server.quoted(table) + " (" + server.quoted(column) +
                  " TEXT)");
    EXPECT_EQ(load(table, {column}, {BulkRow{"one"}, BulkRow{"two"}}), 2U);
    EXPECT_EQ(server.value("SELECT count(*) FROM " + server.quoted(table)), "2");
    EXPECT_EQ(server.value("SELECT count(*) FROM canary"), "0");
    for (const std::string& name :
         {std::string("canary; DROP TABLE canary"), std::string("(SELECT 1)"), std::string("CANARY")})
        EXPECT_STORAGE_ERROR(load(name, {"a"}, {BulkRow{"x"}}), not_found);
    EXPECT_STORAGE_ERROR(load("canary", {"b"}, {BulkRow{"x"}}), not_found);
    EXPECT_STORAGE_ERROR(load("canary", {}, {}), invalid_argument);
    EXPECT_STORAGE_ERROR(load("", {"a"}, {}), invalid_argument);
    EXPECT_STORAGE_ERROR(load(std::string("a\0b", 3), {"a"}, {}), invalid_argument);
    EXPECT_STORAGE_ERROR(load("\xff", {"a"}, {}), invalid_argument);
}

TEST_F(PostgresqlBulkLoad, OneBadRowIsNone)
{
    server.script("CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT NOT NULL)");
    std::vector<BulkRow> rows;
    for (std::int64_t i = 0; i < 50000; ++i)
        rows.push_back(BulkRow{i, "a text of some length so that it is more than one piece"});
    const auto with_last = [&](BulkRow last) {
        std::vector<BulkRow> all = rows;
        all.push_back(std::move(last));
        return load("t", {"a", "b"}, all);
    };
    EXPECT_STORAGE_ERROR(with_last(BulkRow{7, "again"}), constraint_violation);
    EXPECT_STORAGE_ERROR(with_last(BulkRow{-1, nullptr}), constraint_violation);
    EXPECT_STORAGE_ERROR(with_last(BulkRow{"word", "x"}), type_mismatch);
    EXPECT_STORAGE_ERROR(with_last(BulkRow{-1}), invalid_argument);
    EXPECT_STORAGE_ERROR(with_last(BulkRow{-1, "a", "b"}), invalid_argument);
    EXPECT_STORAGE_ERROR(with_last(BulkRow{-1, std::string("a\0b", 3)}), invalid_argument);
    EXPECT_STORAGE_ERROR(with_last(BulkRow{-1, "\xff"}), invalid_argument);
    EXPECT_EQ(count(), 0);
    EXPECT_EQ(with_last(BulkRow{-1, "good"}), 50001U);
    EXPECT_EQ(count(), 50001);
    EXPECT_EQ(load("t", {"a", "b"}, {}), 0U);
}

TEST_F(PostgresqlBulkLoad, WhatTheSourceThrowsIsThrownAndNothingIsLoaded)
{
    server.script("CREATE TABLE t (a BIGINT)");
    std::int64_t given = 0;
    const auto next = [&]() -> std::optional<BulkRow> {
        if (++given == 100000)
            throw StorageError(StorageErrc::corrupt, "the source has failed");
        return BulkRow(1, Value(given));
    };
    EXPECT_STORAGE_ERROR(run(db->bulk_load("t", std::vector<std::string>(1, "a"), next)), corrupt);
    EXPECT_EQ(count(), 0);
}

TEST_F(PostgresqlBulkLoad, ItCanBeStopped)
{
    server.script("CREATE TABLE t (a BIGINT)");
    const auto endless = []() -> std::optional<BulkRow> { return BulkRow(1, Value(1)); };
    EXPECT_STORAGE_ERROR(run(db->bulk_load("t", std::vector<std::string>(1, "a"), endless,
                                           OperationContext::within(std::chrono::milliseconds(200)))),
                         timeout);
    Cancellable<std::uint64_t> loading(db->bulk_load("t", std::vector<std::string>(1, "a"), endless));
    ASSERT_TRUE(eventually([&] {
        return server.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = "
                            "'active' AND query LIKE 'COPY%'") == "1";
    }));
    loading.cancel();
    EXPECT_STORAGE_ERROR(loading.get(), cancelled);
    EXPECT_EQ(count(), 0);
}

} // namespace

} // namespace whisperstore::test

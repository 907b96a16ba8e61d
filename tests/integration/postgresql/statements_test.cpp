// Statements as PostgreSQL has them: cached ones whose tables change, its own types, its messages.

#include "integration/postgresql/postgresql_support.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <mutex>

namespace whisperstore::test {

namespace {

class PostgresqlStatements : public testing::Test
{
protected:
    QueryResult query(std::string sql, Parameters parameters = Parameters())
    {
        return run(db->execute_query(std::move(sql), std::move(parameters)));
    }
    void TearDown() override { run(db->disconnect()); }

    TestDatabase database;
    PlainConnection other{database.url()}; ///< whose changes the adapter does not see coming
    std::shared_ptr<PostgreSQLAdapter> db = connected(database.url(), 2);
};

TEST_F(PostgresqlStatements, CachedOnesSeeWhatOthersChange)
{
    other.script("CREATE TABLE t (a BIGINT, b TEXT); INSERT INTO t VALUES (1, 'x')");
    const auto ask = [&] { return query("SELECT * FROM t WHERE a = ?", params(arg(1))); };
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(ask().columns().size(), 2U);
    other.script("ALTER TABLE t ADD COLUMN c BOOLEAN DEFAULT true");
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(ask().rows[0]["c"], true);
    other.script("ALTER TABLE t ALTER COLUMN b TYPE BIGINT USING 7");
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(ask().rows[0]["b"], 7);
    other.script("ALTER TABLE t ALTER COLUMN a TYPE TEXT"); // the parameter's type too
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(ask().rows[0]["a"], "1");
    other.script("ALTER TABLE t RENAME COLUMN a TO z");
    for (int i = 0; i < 3; ++i)
        EXPECT_STORAGE_ERROR(ask(), not_found);
    other.script("DROP TABLE t; CREATE TABLE t (a DOUBLE PRECISION); INSERT INTO t VALUES (1)");
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(ask().rows[0]["a"], 1.0);
    other.script("DROP TABLE t");
    EXPECT_STORAGE_ERROR(ask(), not_found);
}

// Only one of the connections has seen how it was.
TEST_F(PostgresqlStatements, AConnectionThatComesLaterSeesWhatOthersHaveChanged)
{
    for (const char* type : {"NUMERIC", "BIGINT[]", "DATE", "BOOLEAN", "TEXT"}) {
        other.script("CREATE TABLE t (a TEXT); INSERT INTO t VALUES (NULL)");
        const auto ask = [&] { return db->execute_query("SELECT a, pg_sleep(0.02) FROM t"); };
        const auto write = [&] { return db->execute_query("UPDATE t SET a = a RETURNING a"); };
        run(ask());
        run(write());
        other.script(std::string("ALTER TABLE t ALTER COLUMN a TYPE ") + type + " USING NULL");
        const std::string_view value = std::string_view(type) == "NUMERIC"    ? "12.50"
                                       : std::string_view(type) == "BIGINT[]" ? "{1,2}"
                                       : std::string_view(type) == "DATE"     ? "2026-01-31"
                                       : std::string_view(type) == "BOOLEAN"  ? "true"
                                                                              : "text";
        other.execute(std::string("UPDATE t SET a = CAST(CAST($1 AS text) AS ") + type + ")", {std::string(value)});
        std::vector<std::future<QueryResult>> all;
        for (int i = 0; i < 6; ++i)
            all.push_back(start(ask()));
        for (int i = 0; i < 6; ++i)
            all.push_back(start(write()));
        for (std::future<QueryResult>& one : all) {
            const QueryResult result = wait(std::move(one));
            if (value == "true")
                EXPECT_EQ(result.rows[0]["a"], true);
            else
                EXPECT_EQ(result.rows[0]["a"], value) << type;
        }
        other.script("DROP TABLE t");
    }
}

// A text of eight bytes is not a number's eight bytes.
TEST_F(PostgresqlStatements, ArgumentsAreReadAsTheyWereMeantAfterTypesHaveChanged)
{
    other.script("CREATE TABLE t (a BIGINT)");
    const auto write = [&](Value value) {
        return db->execute_query("INSERT INTO t SELECT ? FROM pg_sleep(0.02) RETURNING *",
                                 params(arg(std::move(value))));
    };
    const auto on_both = [&](const Value& value) {
        std::vector<std::future<QueryResult>> all;
        for (int i = 0; i < 6; ++i)
            all.push_back(start(write(value)));
        for (std::future<QueryResult>& one : all)
            EXPECT_EQ(wait(std::move(one)).rows[0]["a"], value.view());
    };
    on_both(5);
    other.script("TRUNCATE t; ALTER TABLE t ALTER COLUMN a TYPE TEXT");
    run(write("first"));
    on_both("12345678");
    other.script("TRUNCATE t; ALTER TABLE t ALTER COLUMN a TYPE DOUBLE PRECISION USING NULL");
    run(write(1.5));
    on_both(2.5);
    other.script("TRUNCATE t; ALTER TABLE t ALTER COLUMN a TYPE BIGINT USING NULL");
    on_both(7);
}

TEST_F(PostgresqlStatements, WritesSeeWhatOthersChange)
{
    other.script("CREATE TABLE t (a BIGINT)");
    const auto write = [&] { return query("INSERT INTO t VALUES (?) RETURNING *", params(arg(5))); };
    for (int i = 0; i < 10; ++i)
        write();
    other.script("ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'new'");
    EXPECT_EQ(write().rows[0]["b"], "new");
    other.script("ALTER TABLE t ALTER COLUMN a TYPE TEXT");
    EXPECT_EQ(write().rows[0]["a"], "5");
    EXPECT_EQ(query("SELECT count(*) AS n FROM t").rows[0]["n"], 12); // each once
    // What did not fit before: a type that takes no text, and then one that does.
    other.script("TRUNCATE t; ALTER TABLE t ALTER COLUMN a TYPE BOOLEAN USING true");
    EXPECT_EQ(query("INSERT INTO t VALUES (?) RETURNING a", params(arg(true))).rows[0]["a"], true);
    EXPECT_STORAGE_ERROR(query("INSERT INTO t VALUES (?) RETURNING a", params(arg("word"))), type_mismatch);
    other.script("ALTER TABLE t ALTER COLUMN a TYPE TEXT");
    EXPECT_EQ(query("INSERT INTO t VALUES (?) RETURNING a", params(arg("word"))).rows[0]["a"], "word");
}

TEST_F(PostgresqlStatements, ListsSeeWhatOthersChange)
{
    other.script("CREATE TABLE t (a BIGINT)");
    const auto write = [&](Value value) {
        return run(db->execute_transaction(
            queries(whisperstore::query("INSERT INTO t VALUES (?)", params(arg(std::move(value)))),
                    whisperstore::query("SELECT * FROM t"))))[1];
    };
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(write(5).rows[0]["a"], 5);
    other.script("ALTER TABLE t ADD COLUMN b TEXT");
    EXPECT_EQ(write(5).columns().size(), 2U);
    other.script("ALTER TABLE t ALTER COLUMN a TYPE TEXT");
    EXPECT_EQ(write("word").rows[0]["a"], "5");
    other.script("TRUNCATE t; ALTER TABLE t ALTER COLUMN a TYPE NUMERIC[] USING NULL");
    EXPECT_EQ(write("{1.50,2}").rows[0]["a"], "{1.50,2}");
    other.script("TRUNCATE t; ALTER TABLE t ALTER COLUMN a TYPE BOOLEAN USING NULL");
    EXPECT_EQ(write(true).rows[0]["a"], true);
    const StorageError error = error_of([&] { write("word"); });
    EXPECT_EQ(error.errc(), StorageErrc::type_mismatch) << error.what();
    EXPECT_NE(error.message().find("query 1 of 2"), std::string::npos) << error.what();
    EXPECT_EQ(query("SELECT count(*) AS n FROM t").rows[0]["n"], 1); // nothing twice
}

TEST_F(PostgresqlStatements, MistakesLeaveNoStatementsBehind)
{
    const auto one = connected(database.url(), 1);
    for (int i = 0; i < 1500; ++i)
        EXPECT_STORAGE_ERROR(run(one->execute_query("SELECT 1 / CAST(? AS BIGINT)", params(arg(0)))), invalid_argument);
    const QueryResult left = run(one->execute_query("SELECT count(*) AS n FROM pg_prepared_statements"));
    EXPECT_LE(left.rows[0]["n"].as_int(), 600);
    run(one->disconnect());
}

TEST_F(PostgresqlStatements, NoticesAreLogged)
{
    std::mutex mutex;
    std::string heard;
    const Logger logger = [&](LogLevel level, std::string_view component, std::string_view message) {
        const std::lock_guard lock(mutex);
        heard.append(to_string(level)).append(" ").append(component).append(" ").append(message).append("\n");
    };
    {
        const auto logging = std::make_shared<PostgreSQLAdapter>(postgresql_config(database.url(), 1), logger);
        run(logging->connect());
        run(logging->execute_query(
            "CREATE FUNCTION warn() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'so %', "
            "'it is'; RAISE NOTICE 'and so'; END $$"));
        run(logging->execute_query("SELECT warn()"));
        run(logging->execute_query("DROP TABLE IF EXISTS nowhere"));
        run(logging->disconnect());
    }
    const std::lock_guard lock(mutex);
    EXPECT_NE(heard.find("warning postgresql WARNING 01000: so it is"), std::string::npos) << heard;
    EXPECT_NE(heard.find("info postgresql NOTICE 00000: and so"), std::string::npos) << heard;
    EXPECT_NE(heard.find("\"nowhere\" does not exist, skipping"), std::string::npos) << heard;
}

TEST_F(PostgresqlStatements, ChangesWithinATransaction)
{
    query("CREATE TABLE t (a BIGINT)");
    query("INSERT INTO t VALUES (1)");
    for (int i = 0; i < 10; ++i)
        query("SELECT * FROM t");
    Transaction transaction = run(db->begin_transaction());
    run(transaction.execute_query("SELECT * FROM t"));
    run(transaction.execute_query("ALTER TABLE t ADD COLUMN b TEXT"));
    EXPECT_EQ(run(transaction.execute_query("SELECT * FROM t")).columns().size(), 2U);
    run(transaction.execute_query("INSERT INTO t VALUES (2, 'x')"));
    run(transaction.commit());
    EXPECT_EQ(query("SELECT * FROM t").rows.size(), 2U);
}

TEST_F(PostgresqlStatements, ForgottenByTheServerTheyArePreparedAgain)
{
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(query("SELECT ? + 1 AS v", params(arg(i))).rows[0]["v"], i + 1);
    EXPECT_STORAGE_ERROR(query("DEALLOCATE ALL"), invalid_argument);
    // A function can all the same.
    query("CREATE FUNCTION forget() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$");
    for (int i = 0; i < 6; ++i) { // on both connections
        query("SELECT forget()");
        EXPECT_EQ(query("SELECT ? + 1 AS v", params(arg(i))).rows[0]["v"], i + 1);
    }
}

TEST_F(PostgresqlStatements, ManyDifferentOnesAreBounded)
{
    for (int i = 0; i < 3000; ++i) {
        std::string sql = "SELECT ";
        sql.append(std::to_string(i)).append(" AS v");
        EXPECT_EQ(query(std::move(sql)).rows[0]["v"], i);
    }
    std::vector<std::future<QueryResult>> both;
    for (int i = 0; i < 2; ++i)
        both.push_back(start(db->execute_query("SELECT count(*) AS n FROM pg_prepared_statements, pg_sleep(0.05)")));
    for (std::future<QueryResult>& one : both)
        EXPECT_LE(wait(std::move(one)).rows[0]["n"].as_int(), 1100);
}

TEST_F(PostgresqlStatements, AnotherSearchPathIsAnotherTable)
{
    other.script("CREATE SCHEMA one; CREATE TABLE one.t AS SELECT 1::bigint AS a; "
                 "CREATE SCHEMA two; CREATE TABLE two.t AS SELECT 'two'::text AS a");
    const auto one = connected(with(database.url(), "options", "-csearch_path=one"), 1);
    const auto two = connected(with(database.url(), "options", "-csearch_path=two"), 1);
    EXPECT_EQ(run(one->execute_query("SELECT a FROM t")).rows[0]["a"], 1);
    EXPECT_EQ(run(two->execute_query("SELECT a FROM t")).rows[0]["a"], "two");
    run(one->disconnect());
    run(two->disconnect());
}

TEST_F(PostgresqlStatements, TypesOfItsOwn)
{
    const QueryResult result =
        query("SELECT 1::smallint AS s, 2::int AS i, 1.5::real AS f, 12345678901234567890.12::numeric AS n, "
              "'NaN'::float8 AS nan, "
              "'{\"a\": 1}'::json AS j, '{\"a\":1}'::jsonb AS jb, '\\x00ff'::bytea AS b, "
              "'a1b2c3d4-0000-4000-8000-000000000001'::uuid "
              "AS u, ARRAY[1, 2] AS a, '2026-01-31'::date AS d, INTERVAL '1 day' AS v, 'x'::varchar(3) AS vc, "
              "'x'::char(3) AS c, "
              "TIMESTAMP '2026-01-31 10:05:00.00025' AS t, TIMESTAMPTZ '2026-01-31 10:05:00+01' AS tz, 127::oid AS o");
    const Row row = result.rows[0];
    EXPECT_EQ(row["s"], 1);
    EXPECT_EQ(row["i"], 2);
    EXPECT_EQ(row["f"], 1.5);
    EXPECT_EQ(row["n"], "12345678901234567890.12");
    EXPECT_TRUE(row["nan"].as_real() != row["nan"].as_real());
    EXPECT_EQ(row["j"], "{\"a\": 1}");
    EXPECT_EQ(row["jb"], "{\"a\": 1}");
    EXPECT_EQ(row["b"].as_blob().size(), 2U);
    EXPECT_EQ(row["u"], "a1b2c3d4-0000-4000-8000-000000000001");
    EXPECT_EQ(row["a"], "{1,2}");
    EXPECT_EQ(row["d"], "2026-01-31");
    EXPECT_EQ(row["v"], "P1D");
    EXPECT_EQ(row["vc"], "x");
    EXPECT_EQ(row["c"], "x  ");
    EXPECT_EQ(row["t"], "2026-01-31T10:05:00.000250Z");
    EXPECT_EQ(row["tz"], "2026-01-31T09:05:00.000000Z");
    EXPECT_EQ(row["o"], 127);
}

TEST_F(PostgresqlStatements, ParametersTakeTheTypesOfTheirColumns)
{
    query("CREATE TABLE t (s SMALLINT, n NUMERIC, j JSONB, u UUID, a BIGINT[], d DATE, r REAL, c VARCHAR(3))");
    query("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
          params(arg(1), arg("12345678901234567890.12"), arg("{\"a\": [null]}"),
                 arg("a1b2c3d4-0000-4000-8000-000000000001"), arg("{1,2}"), arg("2026-01-31"), arg(0.1), arg("abc")));
    const QueryResult result = query("SELECT * FROM t WHERE j ?? 'a' AND j @> ?", params(arg("{\"a\": [null]}")));
    ASSERT_EQ(result.rows.size(), 1U);
    EXPECT_EQ(result.rows[0]["s"], 1);
    EXPECT_EQ(result.rows[0]["n"], "12345678901234567890.12");
    EXPECT_EQ(result.rows[0]["d"], "2026-01-31");
    EXPECT_EQ(result.rows[0]["r"], 0.1);
    EXPECT_STORAGE_ERROR(query("INSERT INTO t (s) VALUES (?)", params(arg(70000))), type_mismatch);
    EXPECT_STORAGE_ERROR(query("INSERT INTO t (u) VALUES (?)", params(arg("not a uuid"))), type_mismatch);
    EXPECT_STORAGE_ERROR(query("INSERT INTO t (j) VALUES (?)", params(arg("{"))), type_mismatch);
    EXPECT_STORAGE_ERROR(query("INSERT INTO t (c) VALUES (?)", params(arg("abcd"))), constraint_violation);
    EXPECT_EQ(query("SELECT count(*) AS n FROM t").rows[0]["n"], 1);
}

TEST_F(PostgresqlStatements, SettingsOfAServerDoNotChangeWhatIsRead)
{
    other.script("ALTER DATABASE " + database.name() + " SET datestyle = 'German, DMY'");
    other.script("ALTER DATABASE " + database.name() + " SET timezone = 'Asia/Kathmandu'");
    other.script("ALTER DATABASE " + database.name() + " SET bytea_output = 'escape'");
    other.script("ALTER DATABASE " + database.name() + " SET extra_float_digits = -5");
    other.script("ALTER DATABASE " + database.name() + " SET intervalstyle = 'iso_8601'");
    other.script("ALTER DATABASE " + database.name() + " SET standard_conforming_strings = off");
    other.script("CREATE TABLE t (t TIMESTAMPTZ, b BYTEA, r DOUBLE PRECISION, n NUMERIC[])");
    const auto fresh = connected(database.url(), 1);
    Blob bytes(3, std::byte{0xE9});
    run(fresh->execute_query("INSERT INTO t VALUES (?, ?, ?, '{1}')",
                             params(arg(timestamp("2026-01-31T09:05:00.000250Z")), arg(bytes), arg(0.1 + 0.2))));
    for (const char* sql : {"SELECT t, b, r FROM t", "SELECT t, b, r, n FROM t"}) { // in binary, and with text in it
        const QueryResult result = run(fresh->execute_query(sql));
        EXPECT_EQ(result.rows[0]["t"], "2026-01-31T09:05:00.000250Z");
        EXPECT_EQ(result.rows[0]["b"], Value(bytes));
        EXPECT_EQ(result.rows[0]["r"], 0.1 + 0.2);
    }
    EXPECT_EQ(run(fresh->execute_query("SELECT 'a\\b' AS v")).rows[0]["v"], "a\\b");
    run(fresh->disconnect());
}

TEST_F(PostgresqlStatements, DeadlocksAndSerialisationFailuresAreConflicts)
{
    other.script("CREATE TABLE t (a BIGINT PRIMARY KEY, b BIGINT); INSERT INTO t VALUES (1, 0), (2, 0)");
    other.script("BEGIN; UPDATE t SET b = 1 WHERE a = 1");
    Transaction transaction = run(db->begin_transaction());
    run(transaction.execute_query("UPDATE t SET b = 2 WHERE a = 2"));
    auto crossed = start(transaction.execute_query("UPDATE t SET b = 2 WHERE a = 1"));
    ASSERT_TRUE(eventually([&] {
        return other.value(
                   "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database "
                   "WHERE datname = current_database()) OR locktype = 'transactionid' AND NOT granted") != "0";
    }));
    std::string others_end = "fine";
    try {
        other.script("UPDATE t SET b = 1 WHERE a = 2");
    } catch (const std::runtime_error& error) {
        others_end = error.what();
    }
    if (others_end == "fine") { // the server chose us
        const StorageError error = error_of([&] { wait(std::move(crossed)); });
        EXPECT_EQ(error.errc(), StorageErrc::conflict) << error.what();
        EXPECT_TRUE(error.retryable());
        EXPECT_EQ(error.native_code(), "40P01");
    } else {
        EXPECT_NE(others_end.find("deadlock"), std::string::npos) << others_end;
        EXPECT_EQ(wait(std::move(crossed)).row_count, 1);
    }
    other.script("ROLLBACK");
}

TEST_F(PostgresqlStatements, CopyAndScriptsOfTheServersProgramsAreRefused)
{
    query("CREATE TABLE t (a TEXT)");
    // They would leave the connection in another state than everybody expects, or wait for data that never comes.
    for (const char* sql : {"COPY t FROM STDIN", "COPY t TO STDOUT"}) {
        const StorageError error = error_of([&] { query(sql); });
        EXPECT_TRUE(error.errc() == StorageErrc::invalid_argument || error.errc() == StorageErrc::unsupported)
            << error.what();
    }
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(query("SELECT 1 AS v").rows[0]["v"], 1);
}

} // namespace

} // namespace whisperstore::test

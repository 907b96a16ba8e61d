#include "conformance/database_fixture.hpp"

#include <limits>

namespace whisperstore::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Backends, Database, testing::ValuesIn(database_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(Database, CreateReadUpdateDelete)
{
    setup_schema();
    QueryResult result = query("INSERT INTO users (user_id, username) VALUES (?, ?)",
                               params(arg("user_id", "test_user"), arg("username", "Test User")));
    EXPECT_TRUE(result.success);
    EXPECT_EQ(result.row_count, 1);
    result = query("SELECT * FROM users WHERE user_id = ?", params(arg("user_id", "test_user")));
    ASSERT_EQ(result.rows.size(), 1U);
    EXPECT_EQ(result.rows[0]["username"], "Test User");
    EXPECT_EQ(result.rows[0][0], "test_user");
    EXPECT_GE(result.execution_time_ms, 0.0);
    EXPECT_EQ(query("UPDATE users SET username = ? WHERE user_id = ?",
                    params(arg("username", "Updated"), arg("user_id", "test_user")))
                  .row_count,
              1);
    EXPECT_EQ(query("DELETE FROM users WHERE user_id = ?", params(arg("test_user"))).row_count, 1);
    EXPECT_EQ(query("DELETE FROM users WHERE user_id = ?", params(arg("test_user"))).row_count, 0);
    EXPECT_EQ(count("users"), 0);
}

// Seen in an earlier implementation: row_count 0 for writes.
TEST_P(Database, RowCountOfWritesIsTheirRows)
{
    query("CREATE TABLE t (a BIGINT)");
    EXPECT_EQ(query("INSERT INTO t VALUES (1), (2), (3)").row_count, 3);
    EXPECT_EQ(query("UPDATE t SET a = a + 1").row_count, 3);
    EXPECT_EQ(query("UPDATE t SET a = 0 WHERE a > 100").row_count, 0);
    EXPECT_EQ(query("CREATE TABLE u (a BIGINT)").row_count, 0);
    EXPECT_EQ(query("DELETE FROM t WHERE a > 2").row_count, 2);
    EXPECT_EQ(query("CREATE TABLE v (a BIGINT PRIMARY KEY)").row_count, 0);
    EXPECT_EQ(query("INSERT INTO v SELECT a FROM t").row_count, 1);
    EXPECT_EQ(query("INSERT INTO v SELECT a FROM t WHERE 1 = 1 ON CONFLICT (a) DO NOTHING").row_count, 0);
    EXPECT_EQ(query("WITH more(a) AS (SELECT a + 10 FROM v) INSERT INTO v SELECT a FROM more").row_count, 1);
    EXPECT_EQ(query("SELECT a FROM v").row_count, 2);
}

TEST_P(Database, ReturningGivesGeneratedKeys)
{
    setup_schema();
    add_user("u");
    const QueryResult first = query("INSERT INTO conversations (user_id, channel_id, message_content) VALUES "
                                    "('u', 'c', 'a'), ('u', 'c', 'b') RETURNING id, message_content");
    ASSERT_EQ(first.rows.size(), 2U);
    EXPECT_EQ(first.row_count, 2);
    EXPECT_GT(first.rows[1]["id"].as_int(), first.rows[0]["id"].as_int());
}

TEST_P(Database, PlaceholderStyles)
{
    EXPECT_EQ(query("SELECT :a || :b || :a AS v", params(arg("b", "2"), arg("a", "1"))).rows[0]["v"], "121");
    EXPECT_EQ(query("SELECT $2 || $1 || $2 AS v", params(arg("x"), arg("y"))).rows[0]["v"], "yxy");
    EXPECT_EQ(query("SELECT ? || ? AS v", params(arg("x"), arg("y"))).rows[0]["v"], "xy");
}

// Seen in an earlier implementation: `:user` replaced inside `:user_id`, in literals, in `::text`.
TEST_P(Database, PlaceholdersAreNotReplacedAsText)
{
    const QueryResult result =
        query("SELECT :user AS a, :user_id AS b, ':user' AS c /* :user ? */, '?' AS d -- :user\n",
              params(arg("user", "one"), arg("user_id", "two")));
    EXPECT_EQ(result.rows[0]["a"], "one");
    EXPECT_EQ(result.rows[0]["b"], "two");
    EXPECT_EQ(result.rows[0]["c"], ":user");
    EXPECT_EQ(result.rows[0]["d"], "?");
}

TEST_P(Database, ArgumentMistakesAreInvalidArgument)
{
    EXPECT_STORAGE_ERROR(query("SELECT ?"), invalid_argument);
    EXPECT_STORAGE_ERROR(query("SELECT ?", params(arg(1), arg(2))), invalid_argument);
    EXPECT_STORAGE_ERROR(query("SELECT :a", params(arg("b", 1))), invalid_argument);
    EXPECT_STORAGE_ERROR(query("SELECT :a", params(arg("a", 1), arg("b", 1))), invalid_argument);
    EXPECT_STORAGE_ERROR(query("SELECT :a, ?", params(arg("a", 1), arg("b", 1))), invalid_argument);
    EXPECT_STORAGE_ERROR(query("SELECT 1", params(arg(1))), invalid_argument);
    EXPECT_STORAGE_ERROR(query("SELECT 1; SELECT 2"), invalid_argument);
    EXPECT_STORAGE_ERROR(query(""), invalid_argument);
    EXPECT_STORAGE_ERROR(query("-- nothing"), invalid_argument);
}

TEST_P(Database, ValuesAreBoundNotSpliced)
{
    setup_schema();
    const std::string evil = "x'); DROP TABLE users; --";
    add_user(evil);
    EXPECT_EQ(query("SELECT user_id FROM users").rows[0]["user_id"], std::string_view(evil));
}

TEST_P(Database, TextMustBeUtf8WithoutNul)
{
    EXPECT_STORAGE_ERROR(query("SELECT ?", params(arg(std::string("a\0b", 3)))), invalid_argument);
    EXPECT_STORAGE_ERROR(query("SELECT ?", params(arg(std::string("\xff\xfe")))), invalid_argument);
    EXPECT_STORAGE_ERROR(query(std::string("SELECT 'a\0b'", 12)), invalid_argument);
    EXPECT_STORAGE_ERROR(query("SELECT '\xff\xfe'"), invalid_argument);
    EXPECT_NE(std::string(error_of([&] { query("SELECT :word", params(arg("word", std::string("\xff")))); }).what())
                  .find("word"),
              std::string::npos);
    EXPECT_EQ(query("SELECT ? AS v", params(arg("🌒 ünï"))).rows[0]["v"], "🌒 ünï");
}

TEST_P(Database, ValuesRoundTrip)
{
    setup_schema();
    add_user("u");
    const std::int64_t snowflake = std::numeric_limits<std::int64_t>::max();
    query("INSERT INTO messages (message_id, channel_id, user_id, content, timestamp, is_bot, reply_to) "
          "VALUES (:id, :channel, :user, :content, :time, :bot, :reply)",
          params(arg("id", snowflake), arg("channel", ""), arg("user", "u"), arg("content", "x"),
                 arg("time", timestamp("2026-01-31T10:05:00.00025+01:00")), arg("bot", true), arg("reply", nullptr)));
    const QueryResult result = query("SELECT * FROM messages");
    const Row row = result.rows[0];
    EXPECT_EQ(row["message_id"], snowflake);
    EXPECT_EQ(row["channel_id"], ""); // empty is not null
    EXPECT_EQ(row["timestamp"], "2026-01-31T09:05:00.000250Z");
    EXPECT_EQ(row["is_bot"], true);
    EXPECT_TRUE(row["reply_to"].is_null());
    EXPECT_EQ(row["metadata"], "{}");
    EXPECT_EQ(query("UPDATE messages SET is_bot = ?", params(arg(false))).row_count, 1);
    EXPECT_EQ(query("SELECT is_bot FROM messages").rows[0]["is_bot"], false);
}

TEST_P(Database, RealsKeepTheirBits)
{
    setup_schema();
    add_user("u");
    query("INSERT INTO emotions (user_id, detected_emotion, confidence) VALUES ('u', 'joy', ?)",
          params(arg(0.1 + 0.2)));
    query("INSERT INTO emotions (user_id, detected_emotion, confidence) VALUES ('u', 'joy', ?)", params(arg(1)));
    const QueryResult result = query("SELECT confidence FROM emotions ORDER BY id");
    EXPECT_EQ(result.rows[0]["confidence"], 0.1 + 0.2);
    EXPECT_EQ(result.rows[1]["confidence"], 1.0); // an integer bound to REAL becomes one
    const QueryResult returned =
        query("INSERT INTO emotions (user_id, detected_emotion, confidence) VALUES ('u', 'joy', 67) "
              "RETURNING confidence");
    EXPECT_EQ(returned.rows[0]["confidence"], 67.0);
}

TEST_P(Database, AnIntegerBoundToTextBecomesItsDecimalText)
{
    setup_schema();
    query("INSERT INTO users (user_id, username) VALUES (?, ?)", params(arg(42), arg("x")));
    EXPECT_EQ(query("SELECT user_id FROM users").rows[0]["user_id"], "42");
}

TEST_P(Database, ColumnsOfTheWrongTypeAreRefused)
{
    setup_schema();
    add_user("u");
    EXPECT_STORAGE_ERROR(
        query("INSERT INTO emotions (user_id, detected_emotion, confidence) VALUES ('u', 'x', ?)", params(arg("much"))),
        type_mismatch);
    EXPECT_STORAGE_ERROR(query("UPDATE users SET created_at = ?", params(arg("yesterday"))), type_mismatch);
    EXPECT_STORAGE_ERROR(query("UPDATE users SET created_at = ?", params(arg("2026-02-30T00:00:00.000000Z"))),
                         type_mismatch);
    EXPECT_STORAGE_ERROR(query("UPDATE users SET message_count = ?", params(arg("many"))), type_mismatch);
}

TEST_P(Database, DefaultsAreCanonical)
{
    setup_schema();
    add_user("u");
    const QueryResult result = query("SELECT created_at, last_seen, message_count, preferences FROM users");
    const Row row = result.rows[0];
    EXPECT_TRUE(try_parse_timestamp(row["created_at"].as_text()).has_value());
    EXPECT_EQ(row["created_at"].as_text().size(), 27U);
    EXPECT_EQ(row["message_count"], 0);
    EXPECT_EQ(row["preferences"], "{}");
}

TEST_P(Database, ErrorsHaveTheirCodes)
{
    setup_schema();
    add_user("u");
    EXPECT_STORAGE_ERROR(query("SELEC 1"), syntax);
    EXPECT_STORAGE_ERROR(query("SELECT 'abc"), syntax);
    EXPECT_STORAGE_ERROR(query("SELECT * FROM nowhere"), not_found);
    EXPECT_STORAGE_ERROR(query("SELECT absent FROM users"), not_found);
    EXPECT_STORAGE_ERROR(query("SELECT \"absent\" FROM users"), not_found); // not a text
    EXPECT_STORAGE_ERROR(query("INSERT INTO users (absent) VALUES (1)"), not_found);
    EXPECT_STORAGE_ERROR(query("CREATE TABLE users (a TEXT)"), already_exists);
    EXPECT_STORAGE_ERROR(query("ALTER TABLE users ADD COLUMN username TEXT"), already_exists);
    EXPECT_STORAGE_ERROR(add_user("u"), constraint_violation);
    EXPECT_STORAGE_ERROR(query("INSERT INTO users (user_id) VALUES ('x')"), constraint_violation);
    const StorageError error = error_of([&] { add_user("u"); });
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_FALSE(error.retryable());
    EXPECT_EQ(error.backend(), db->database_type());
    EXPECT_EQ(error.operation(), "execute_query");
    EXPECT_FALSE(error.native_code().empty());
}

// Seen in an earlier implementation: orphans accepted on SQLite.
TEST_P(Database, ForeignKeysAreEnforced)
{
    setup_schema();
    EXPECT_STORAGE_ERROR(
        query("INSERT INTO conversations (user_id, channel_id, message_content) VALUES ('ghost', 'c', 'm')"),
        constraint_violation);
    EXPECT_EQ(count("conversations"), 0);
}

TEST_P(Database, DeletingAUserRemovesTheirRowsEverywhere)
{
    setup_schema();
    for (const char* user : {"a", "b"}) {
        add_user(user);
        const Parameters one = params(arg("u", user));
        query("INSERT INTO conversations (user_id, channel_id, message_content) VALUES (:u, 'c', 'm')", one);
        query("INSERT INTO memory_entries (user_id, memory_type, content) VALUES (:u, 't', 'm')", one);
        query("INSERT INTO facts (user_id, fact_type, subject, content) VALUES (:u, 't', 's', 'c')", one);
        query("INSERT INTO emotions (user_id, detected_emotion, confidence) VALUES (:u, 'joy', 1.0)", one);
        query(
            "INSERT INTO messages (message_id, channel_id, user_id, content, timestamp) VALUES (:id, 'c', :u, 'm', :t)",
            params(arg("id", static_cast<int>(user[0])), arg("u", user), arg("t", timestamp(now()))));
        query("INSERT INTO graph_nodes (node_type, node_id, user_id) VALUES ('user', :u, :u)", one);
        query("INSERT INTO graph_nodes (node_type, node_id, user_id) VALUES ('memory', :m, :u)",
              params(arg("m", std::string("m-") + user), arg("u", user)));
    }
    query("INSERT INTO graph_nodes (node_type, node_id) VALUES ('topic', 'music')");
    // shared edges without owner: topic to a's memory, b to a, b to their own memory
    query("INSERT INTO relationships (source_type, source_id, relationship_type, target_type, target_id) VALUES "
          "('topic', 'music', 'ABOUT', 'memory', 'm-a'), ('user', 'b', 'KNOWS', 'user', 'a'), "
          "('user', 'b', 'REMEMBERS', 'memory', 'm-b'), ('memory', 'm-a', 'LIKE', 'memory', 'm-b')");
    EXPECT_EQ(query("DELETE FROM users WHERE user_id = 'a'").row_count, 1);
    for (const char* table : {"users", "conversations", "memory_entries", "facts", "emotions", "messages"})
        EXPECT_EQ(count(std::string(table) + " WHERE user_id = 'a'"), 0) << table;
    EXPECT_EQ(count("graph_nodes"), 3);
    EXPECT_EQ(count("relationships"), 1);
    EXPECT_EQ(count("messages"), 1);
}

TEST_P(Database, TransactionControlIsRefused)
{
    for (const char* sql :
         {"BEGIN", "begin immediate", "COMMIT", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "/* x */ BEGIN", "-- x\nEND",
          "ATTACH 'x' AS y", "PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys(0)"})
        EXPECT_STORAGE_ERROR(query(sql), invalid_argument) << sql;
}

TEST_P(Database, ClosedBeforeConnectAndAfterDisconnect)
{
    auto other = GetParam().make(directory / "other");
    EXPECT_STORAGE_ERROR(run(other->execute_query("SELECT 1")), closed);
    run(other->connect());
    run(other->connect());
    EXPECT_EQ(run(other->execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
    run(other->disconnect());
    run(other->disconnect());
    EXPECT_STORAGE_ERROR(run(other->execute_query("SELECT 1")), closed);
    run(other->connect());
    EXPECT_EQ(run(other->execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
    run(other->disconnect());
}

TEST_P(Database, TheLexerKnowsLiteralsCommentsAndQuotes)
{
    const QueryResult result = query("SELECT $$it's ? :a$$ AS a, $x$ $$ $x$ AS b, E'tab\\there \\'quoted\\'' AS c, "
                                     "'a''?' AS d /* ? /* :nested */ ? */, CAST(:a AS TEXT) AS \"e:f?\" -- ?",
                                     params(arg("a", "one")));
    EXPECT_EQ(result.rows[0]["a"], "it's ? :a");
    EXPECT_EQ(result.rows[0]["b"], " $$ ");
    EXPECT_EQ(result.rows[0]["c"], "tab\there 'quoted'");
    EXPECT_EQ(result.rows[0]["d"], "a'?");
    EXPECT_EQ(result.rows[0]["e:f?"], "one");
    EXPECT_EQ(query("SELECT 1 AS v; -- the end\n ;").rows[0]["v"], 1);
}

TEST_P(Database, BlobsAndLargeTextsRoundTrip)
{
    setup_schema();
    add_user("u");
    std::string large;
    for (int i = 0; large.size() < (std::size_t{1} << 20); ++i)
        large += "zeile " + std::to_string(i) + " ü\n";
    query("INSERT INTO conversations (user_id, channel_id, message_content) VALUES ('u', 'c', ?)", params(arg(large)));
    EXPECT_EQ(query("SELECT message_content FROM conversations").rows[0][0], std::string_view(large));

    query(db->dialect() == SqlDialect::sqlite ? "CREATE TABLE t (b BLOB)" : "CREATE TABLE t (b BYTEA)");
    Blob every;
    for (int i = 0; i < 256; ++i)
        every.push_back(static_cast<std::byte>(i));
    query("INSERT INTO t VALUES (?)", params(arg(every)));
    query("INSERT INTO t VALUES (?)", params(arg(Blob())));
    const QueryResult result = query("SELECT b FROM t WHERE b IS NOT NULL ORDER BY length(b)");
    ASSERT_EQ(result.rows.size(), 2U);
    EXPECT_TRUE(result.rows[0]["b"].as_blob().empty()); // empty is not null
    EXPECT_EQ(result.rows[1]["b"], Value(every));
}

TEST_P(Database, NumbersAtTheirLimits)
{
    setup_schema();
    add_user("u");
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const auto confidence = [&](Value value) {
        return query("INSERT INTO emotions (user_id, detected_emotion, confidence) VALUES ('u', 'joy', ?) RETURNING "
                     "confidence",
                     params(arg(std::move(value))))
            .rows[0][0]
            .as_real();
    };
    for (const double value : {0.1, -0.0, 1e308, 5e-324, 123456789012345680.0, infinity, -infinity})
        EXPECT_EQ(confidence(value), value);
    // A NaN cannot be stored everywhere, so it is refused everywhere.
    EXPECT_STORAGE_ERROR(confidence(std::numeric_limits<double>::quiet_NaN()), invalid_argument);

    const auto access_count = [&](Value value) {
        query("UPDATE users SET message_count = ?", params(arg(std::move(value))));
        return query("SELECT message_count FROM users").rows[0][0].as_int();
    };
    for (const std::int64_t value : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
                                     std::int64_t{0}, (std::int64_t{1} << 53) + 1})
        EXPECT_EQ(access_count(value), value);
    EXPECT_STORAGE_ERROR(access_count(std::numeric_limits<std::uint64_t>::max()), invalid_argument);
    EXPECT_STORAGE_ERROR(access_count(1.5), type_mismatch);
    EXPECT_STORAGE_ERROR(query("UPDATE users SET message_count = 9223372036854775808"), type_mismatch);
}

TEST_P(Database, BooleansAreBooleansInEveryAnswer)
{
    setup_schema();
    const auto insert = [&](bool verified) {
        return query("INSERT INTO facts (fact_type, subject, content, verified) VALUES ('t', 's', 'c', ?) "
                     "RETURNING verified, global_fact, verified AS renamed",
                     params(arg(verified)));
    };
    QueryResult result = insert(true);
    EXPECT_EQ(result.rows[0]["verified"], true);
    EXPECT_EQ(result.rows[0]["global_fact"], false);
    EXPECT_EQ(result.rows[0]["renamed"], true);
    insert(false);
    result = query("SELECT f.verified AS v FROM (SELECT verified FROM facts) AS f ORDER BY f.verified");
    EXPECT_EQ(result.rows[0]["v"], false);
    EXPECT_EQ(result.rows[1]["v"], true);
    EXPECT_EQ(query("SELECT id FROM facts WHERE verified = ?", params(arg(true))).row_count, 1);
    EXPECT_STORAGE_ERROR(query("UPDATE facts SET verified = ?", params(arg(2))), type_mismatch);
}

TEST_P(Database, TimestampsSortLikeTimesAndKeepMicroseconds)
{
    setup_schema();
    int id = 0;
    for (const char* time : {"2026-01-01T00:00:00.000001Z", "2025-12-31T23:59:59.999999Z", "2026-01-01T01:00:00+01:00",
                             "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"})
        query("INSERT INTO messages (message_id, channel_id, user_id, content, timestamp) VALUES (?, 'c', 'u', 'm', ?)",
              params(arg(++id), arg(timestamp(time))));
    const QueryResult result = query("SELECT timestamp FROM messages ORDER BY timestamp");
    const char* expected[] = {"0001-01-01T00:00:00.000000Z", "2025-12-31T23:59:59.999999Z",
                              "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000001Z",
                              "9999-12-31T23:59:59.999999Z"};
    ASSERT_EQ(result.rows.size(), std::size(expected));
    for (std::size_t i = 0; i < std::size(expected); ++i)
        EXPECT_EQ(result.rows[i][0], expected[i]);
    EXPECT_EQ(
        query("SELECT message_id FROM messages WHERE timestamp > ?", params(arg(timestamp("2026-01-01T00:00:00Z"))))
            .row_count,
        2);
}

TEST_P(Database, TextsSortByTheirBytes)
{
    setup_schema();
    for (const char* id : {"a", "B", "\u00e4", "Z", "_"})
        add_user(id);
    std::string order;
    for (const Row& row : query("SELECT user_id FROM users ORDER BY user_id"))
        order += row[0].as_text();
    EXPECT_EQ(order, "BZ_a\u00e4");
}

TEST_P(Database, LikeTellsUpperFromLowerCase)
{
    setup_schema();
    for (const char* id : {"Cello", "cello", "CELLO", "viola"})
        add_user(id);
    EXPECT_EQ(count("users WHERE user_id LIKE 'c%'"), 1);
    EXPECT_EQ(count("users WHERE lower(user_id) LIKE '%ell_'"), 3);
}

TEST_P(Database, RowsOutliveTheirResultAndTellWhatTheyHave)
{
    Row kept = [&] { return query("SELECT 'x' AS a, 1 AS b, 2 AS b").rows[0]; }();
    EXPECT_EQ(kept["a"], "x");
    EXPECT_EQ(kept["b"], 1); // of equal names the first
    EXPECT_EQ(kept[2], 2);
    const StorageError error = error_of([&] { kept["c"]; });
    EXPECT_EQ(error.errc(), StorageErrc::not_found);
    EXPECT_NE(error.message().find("'a'"), std::string::npos);
    EXPECT_STORAGE_ERROR(kept[3], not_found);
    EXPECT_STORAGE_ERROR(kept[-1], not_found);
    EXPECT_STORAGE_ERROR(kept["a"].as_int(), type_mismatch);
}

TEST_P(Database, RowsLeaveAsJsonThatNobodyRounds)
{
    setup_schema();
    query("INSERT INTO messages (message_id, channel_id, user_id, content, timestamp, is_bot) "
          "VALUES (?, 'c', 'u', 'm', ?, ?)",
          params(arg(std::int64_t{1234567890123456789}), arg(timestamp("2026-01-31T09:05:00Z")), arg(true)));
    const json::object row = query("SELECT message_id, timestamp, is_bot, reply_to FROM messages").rows[0].to_json();
    EXPECT_EQ(json::serialize(row), R"({"message_id":"1234567890123456789","timestamp":"2026-01-31T09:05:00.000000Z",)"
                                    R"("is_bot":true,"reply_to":null})");
}

TEST_P(Database, ColumnsAddedMeanwhileAreSeen)
{
    query("CREATE TABLE t (a BIGINT)");
    query("INSERT INTO t VALUES (1)");
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(query("SELECT * FROM t").columns().size(), 1U);
    query("ALTER TABLE t ADD COLUMN b TEXT");
    query("UPDATE t SET b = 'x'");
    for (int i = 0; i < 4; ++i) {
        const QueryResult result = query("SELECT * FROM t");
        ASSERT_EQ(result.columns().size(), 2U);
        ASSERT_EQ(result.rows.size(), 1U);
        EXPECT_EQ(result.rows[0]["a"], 1);
        EXPECT_EQ(result.rows[0]["b"], "x");
    }
}

TEST_P(Database, ColumnsNamedOrDeclaredAnewMeanwhileAreSeen)
{
    query("CREATE TABLE t (a BIGINT)");
    query("INSERT INTO t VALUES (1)");
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(query("SELECT * FROM t").rows[0]["a"], 1);
    query("ALTER TABLE t RENAME COLUMN a TO b");
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(query("SELECT * FROM t").rows[0]["b"], 1);
    query("DROP TABLE t");
    query("CREATE TABLE t (b BOOLEAN)");
    query("INSERT INTO t VALUES (?)", params(arg(true)));
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(query("SELECT * FROM t").rows[0]["b"], true);
}

TEST_P(Database, ManyPlaceholders)
{
    std::string sql = "SELECT ?";
    Parameters values = params(arg(0));
    for (int i = 1; i < 2000; ++i) {
        sql += " + ?";
        values.add("", i);
    }
    std::string list = "SELECT count(*) AS n FROM (VALUES (0)";
    for (int i = 1; i < 2000; ++i)
        list += ", (?)";
    Parameters shorter;
    for (int i = 1; i < 2000; ++i)
        shorter.add("", std::to_string(i));
    EXPECT_EQ(query(list + ") AS t", shorter).rows[0]["n"], 2000);
    std::string too_many = "SELECT 1 WHERE 1 IN (?";
    Parameters all = params(arg(0));
    for (int i = 1; i < 32767; ++i) {
        too_many += ",?";
        all.add("", i);
    }
    EXPECT_STORAGE_ERROR(query(too_many + ")", all), invalid_argument);
}

TEST_P(Database, TheReferencesOtherNamesExist)
{
    auto other = GetParam().make(directory / "other");
    run(other->initialize());
    EXPECT_EQ(other->database_type(), db->database_type());
    EXPECT_FALSE(other->endpoints().empty());
    run(other->disconnect());
}

} // namespace
} // namespace whisperstore::test

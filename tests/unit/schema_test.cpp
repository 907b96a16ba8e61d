#include "protocol/sql/sql_lexer.hpp"
#include "sqlite/connection.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/database/schema.hpp>

#include <set>

namespace whisperstore {
namespace {

const Schema& schema() { return WhisperEngineSchema::get_core_schema(); }

/// The tables as design and documentation list them: columns with type, NOT NULL and default.
const std::pair<const char*, const char*> expected_tables[] = {
    {"users", "user_id text!, username text!, display_name text, created_at timestamp=now, last_seen timestamp=now, "
              "message_count integer=0, preferences text={}, privacy_settings text={}"},
    {"conversations",
     "id auto, user_id text!>users(user_id), channel_id text!, message_content text!, bot_response text, "
     "timestamp timestamp=now, context_used text, response_time_ms integer, ai_model_used text"},
    {"memory_entries",
     "id auto, user_id text!>users(user_id), memory_type text!, content text!, importance_score real=0.5, "
     "created_at timestamp=now, last_accessed timestamp=now, access_count integer=0, tags text=[], "
     "metadata text={}"},
    {"facts", "id auto, user_id text>users(user_id), fact_type text!, subject text!, content text!, "
              "confidence_score real=0.8, source text, created_at timestamp=now, verified boolean=false, "
              "global_fact boolean=false"},
    {"emotions", "id auto, user_id text!>users(user_id), detected_emotion text!, confidence real!, context text, "
                 "timestamp timestamp=now, response_adapted boolean=false"},
    {"relationships", "id auto, user_id text>users(user_id), source_type text=user, source_id text!, "
                      "relationship_type text!, target_type text!, target_id text!, strength real=0.5, "
                      "last_interaction timestamp=now, interaction_count integer=0, properties text={}, notes text, "
                      "created_at timestamp=now"},
    {"messages",
     "message_id bigint!, channel_id text!, user_id text!, username text, content text!, timestamp timestamp!, "
     "is_bot boolean=false, reply_to bigint, attachments text=[], metadata text={}"},
    {"graph_nodes", "node_type text!, node_id text!, user_id text>users(user_id), content text, properties text={}, "
                    "importance real=0.5, created_at timestamp=now, updated_at timestamp=now"},
    {"system_settings", "key text!, value text!, description text, updated_at timestamp=now"},
    {"performance_metrics", "id auto, metric_name text!, metric_value real!, timestamp timestamp=now, tags text={}"},
    {"schema_migrations",
     "version text!, name text!, checksum text!, applied_at timestamp=now, execution_time_ms integer=0"},
};

std::string described(const Table& table)
{
    const auto type = [](ColumnType one) -> std::string {
        switch (one) {
        case ColumnType::automatic_id:
            return "auto";
        case ColumnType::bigint:
            return "bigint";
        case ColumnType::integer:
            return "integer";
        case ColumnType::real:
            return "real";
        case ColumnType::text:
            return "text";
        case ColumnType::boolean:
            return "boolean";
        case ColumnType::timestamp:
            return "timestamp";
        }
        return "?";
    };
    std::string out;
    for (const Column& column : table.columns) {
        out += (out.empty() ? "" : ", ") + column.name + " " + type(column.type) + (column.not_null ? "!" : "");
        if (column.has_default)
            out += "=" + column.default_value;
        if (!column.references.empty())
            out += ">" + column.references;
    }
    return out;
}

TEST(Schema, IsTheOneOfTheDesign)
{
    ASSERT_EQ(schema().tables.size(), std::size(expected_tables));
    for (std::size_t i = 0; i < schema().tables.size(); ++i) {
        EXPECT_EQ(schema().tables[i].name, expected_tables[i].first);
        EXPECT_EQ(described(schema().tables[i]), expected_tables[i].second) << expected_tables[i].first;
    }
    EXPECT_EQ(schema().find("messages")->primary_key, std::vector<std::string>{"message_id"});
    EXPECT_EQ(schema().find("graph_nodes")->primary_key, (std::vector<std::string>{"node_type", "node_id"}));
    EXPECT_EQ(schema().find("relationships")->unique,
              (std::vector<std::string>{"source_type", "source_id", "relationship_type", "target_type", "target_id"}));
    EXPECT_EQ(schema().find("nothing"), nullptr);
}

bool has_index(const Table& table, const std::vector<std::string>& columns)
{
    for (const Index& index : table.indexes)
        if (index.columns.size() >= columns.size() && std::equal(columns.begin(), columns.end(), index.columns.begin()))
            return true;
    return false;
}

TEST(Schema, EveryForeignKeyAndEveryUsualQuestionHasAnIndex)
{
    for (const Table& table : schema().tables)
        for (const Column& column : table.columns)
            if (!column.references.empty()) {
                EXPECT_TRUE(has_index(table, {column.name})) << table.name << "." << column.name;
            }
    EXPECT_TRUE(has_index(*schema().find("messages"), {"channel_id", "timestamp", "message_id"}));
    EXPECT_TRUE(has_index(*schema().find("messages"), {"user_id"}));
    EXPECT_TRUE(has_index(*schema().find("relationships"), {"target_type", "target_id"}));
    EXPECT_TRUE(has_index(*schema().find("conversations"), {"channel_id", "timestamp"}));
    EXPECT_TRUE(has_index(*schema().find("memory_entries"), {"user_id", "memory_type"}));
    EXPECT_TRUE(has_index(*schema().find("performance_metrics"), {"metric_name", "timestamp"}));
}

TEST(Schema, BothRenderingsHaveTheSameObjectsInTheSameOrder)
{
    const TableDefinitions sqlite = schema().render(SqlDialect::sqlite);
    const TableDefinitions postgresql = schema().render(SqlDialect::postgresql);
    ASSERT_EQ(sqlite.size(), postgresql.size());
    std::set<std::string> names;
    for (std::size_t i = 0; i < sqlite.size(); ++i) {
        EXPECT_EQ(sqlite[i].first, postgresql[i].first);
        EXPECT_TRUE(names.insert(sqlite[i].first).second) << sqlite[i].first;
        EXPECT_FALSE(sql::translate_script(sqlite[i].second, SqlDialect::sqlite).empty());
        EXPECT_FALSE(sql::translate_script(postgresql[i].second, SqlDialect::postgresql).empty());
    }
    // every column, in its order, in both
    for (const Table& table : schema().tables)
        for (const TableDefinitions* definitions : {&sqlite, &postgresql}) {
            const auto found = std::find_if(definitions->begin(), definitions->end(),
                                            [&](const auto& one) { return one.first == table.name; });
            ASSERT_NE(found, definitions->end());
            std::size_t at = 0;
            for (const Column& column : table.columns) {
                at = found->second.find("\n    " + column.name + " ", at);
                ASSERT_NE(at, std::string::npos) << table.name << "." << column.name;
            }
        }
}

TEST(Schema, TypesAreRenderedPerDatabase)
{
    const std::pair<const char*, std::pair<const char*, const char*>> cases[] = {
        {"id", {"id INTEGER PRIMARY KEY AUTOINCREMENT", "id BIGSERIAL PRIMARY KEY"}},
        {"message_id", {"message_id BIGINT NOT NULL", "message_id BIGINT NOT NULL"}},
        {"message_count", {"message_count INTEGER DEFAULT 0", "message_count BIGINT DEFAULT 0"}},
        {"strength", {"strength REAL DEFAULT 0.5", "strength DOUBLE PRECISION DEFAULT 0.5"}},
        {"username", {"username TEXT NOT NULL", "username TEXT COLLATE \"C\" NOT NULL"}},
        {"preferences", {"preferences TEXT DEFAULT '{}'", "preferences TEXT COLLATE \"C\" DEFAULT '{}'"}},
        {"is_bot", {"is_bot BOOLEAN DEFAULT 0", "is_bot BOOLEAN DEFAULT false"}},
        {"last_seen", {"last_seen TIMESTAMP DEFAULT (strftime(", "last_seen TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP"}},
    };
    std::string sqlite;
    std::string postgresql;
    for (const auto& [name, sql] : schema().render(SqlDialect::sqlite))
        sqlite += sql;
    for (const auto& [name, sql] : schema().render(SqlDialect::postgresql))
        postgresql += sql;
    for (const auto& [column, texts] : cases) {
        EXPECT_NE(sqlite.find(texts.first), std::string::npos) << texts.first;
        EXPECT_NE(postgresql.find(texts.second), std::string::npos) << texts.second;
    }
}

TEST(Schema, TheChecksumTellsEveryChange)
{
    const std::string checksum = schema().checksum();
    EXPECT_EQ(checksum.size(), 64U);
    EXPECT_EQ(Schema(schema()).checksum(), checksum);
    std::vector<Schema> changed(8, schema());
    changed[0].version += 1;
    changed[1].name = "other";
    changed[2].tables[0].columns[2].not_null = true;
    changed[3].tables[0].columns[2].type = ColumnType::integer;
    changed[4].tables[0].columns[7].default_value = "[]";
    changed[5].tables[1].indexes.pop_back();
    changed[6].delete_rules.pop_back();
    std::swap(changed[7].tables[0].columns[2], changed[7].tables[0].columns[3]);
    for (std::size_t i = 0; i < changed.size(); ++i)
        EXPECT_NE(changed[i].checksum(), checksum) << i;
}

class SqliteSchema : public testing::Test
{
protected:
    SqliteSchema() : connection(options(directory / "database.db"))
    {
        for (int twice = 0; twice < 2; ++twice) // each statement is idempotent
            for (const auto& [name, sql] : schema().render(SqlDialect::sqlite))
                connection.execute(sql);
        connection.execute("INSERT INTO users (user_id, username) VALUES ('u', 'x')");
    }
    static sqlite::OpenOptions options(const std::filesystem::path& path)
    {
        sqlite::OpenOptions out;
        out.path = path;
        out.synchronous = "OFF";
        return out;
    }
    void update(const std::string& column, const Value& value)
    {
        sqlite::Statement statement = connection.prepare("UPDATE users SET " + column + " = ?1");
        statement.bind(1, value);
        statement.run();
    }

    test::TestDirectory directory;
    sqlite::Connection connection;
};

TEST_F(SqliteSchema, ColumnsAreThoseOfTheDefinition)
{
    for (const Table& table : schema().tables) {
        sqlite::Statement columns =
            connection.prepare("SELECT name, \"notnull\" FROM pragma_table_info(?1) ORDER BY cid");
        columns.bind_text(1, table.name);
        for (const Column& column : table.columns) {
            ASSERT_TRUE(columns.step());
            EXPECT_EQ(columns.column_text(0), column.name);
            EXPECT_EQ(columns.column_int(1) != 0, column.not_null) << table.name << "." << column.name;
        }
        EXPECT_FALSE(columns.step());
    }
}

TEST_F(SqliteSchema, ChecksAcceptTheFormOfEachType)
{
    for (const char* time :
         {"0000-01-01T00:00:00.000000Z", "2024-02-29T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"})
        EXPECT_NO_THROW(update("created_at", time)) << time;
    EXPECT_NO_THROW(update("created_at", nullptr));
    EXPECT_NO_THROW(update("message_count", std::numeric_limits<std::int64_t>::min()));
    EXPECT_NO_THROW(update("message_count", "17")); // by affinity
    EXPECT_EQ(connection.query_text("SELECT typeof(message_count) FROM users"), "integer");
    EXPECT_NO_THROW(update("username", 42)); // an int bound to TEXT is its decimal text
    EXPECT_EQ(connection.query_text("SELECT typeof(username) || username FROM users"), "text42");
}

TEST_F(SqliteSchema, ChecksRefuseEverythingElseAsTypeMismatch)
{
    const std::pair<const char*, Value> cases[] = {
        {"created_at", "yesterday"},
        {"created_at", ""},
        {"created_at", 1769850300},
        {"created_at", "2026-01-31T09:05:00Z"}, // not canonical
        {"created_at", "2026-01-31 09:05:00.000000Z"},
        {"created_at", "2026-02-29T00:00:00.000000Z"}, // no such day
        {"created_at", "2026-13-01T00:00:00.000000Z"},
        {"created_at", "2026-00-10T00:00:00.000000Z"},
        {"created_at", "2026-01-00T00:00:00.000000Z"},
        {"created_at", "2026-01-31T24:00:00.000000Z"},
        {"created_at", "2026-01-31T09:60:00.000000Z"},
        {"created_at", "2026-01-31T09:05:60.000000Z"},
        {"created_at", "2026-01-31T09:05:00.000000+"},
        {"created_at", "2026-01-31T09:05:00.00000xZ"},
        {"created_at", "2026-01-31T09:05:00.000000Z "},
        {"created_at", Blob(27)},
        {"message_count", "many"},
        {"message_count", 1.5},
        {"message_count", Blob(1)},
        {"username", Blob(1)},
        {"preferences", Blob(1)},
    };
    for (const auto& [column, value] : cases) {
        const StorageError error = test::error_of([&, column = column, &bound = value] { update(column, bound); });
        EXPECT_EQ(to_string(error.errc()), "type_mismatch") << column << " " << error.what();
    }
    EXPECT_STORAGE_ERROR(update("username", nullptr), constraint_violation);
    EXPECT_STORAGE_ERROR(connection.execute("INSERT INTO facts (fact_type, subject, content, verified) "
                                            "VALUES ('a', 'b', 'c', 2)"),
                         type_mismatch);
    EXPECT_STORAGE_ERROR(connection.execute("INSERT INTO emotions (user_id, detected_emotion, confidence) "
                                            "VALUES ('u', 'joy', 'much')"),
                         type_mismatch);
    EXPECT_STORAGE_ERROR(connection.execute("INSERT INTO emotions (id, user_id, detected_emotion, confidence) "
                                            "VALUES ('one', 'u', 'joy', 1)"),
                         type_mismatch);
}

TEST_F(SqliteSchema, DefaultsPassTheirChecks)
{
    const std::string time = connection.query_text("SELECT created_at FROM users");
    EXPECT_EQ(time.size(), 27U);
    EXPECT_TRUE(try_parse_timestamp(time).has_value()) << time;
    EXPECT_NO_THROW(connection.execute("INSERT INTO graph_nodes (node_type, node_id) VALUES ('topic', 'x');"
                                       "INSERT INTO facts (fact_type, subject, content) VALUES ('a', 'b', 'c');"
                                       "INSERT INTO system_settings (key, value) VALUES ('a', 'b');"
                                       "INSERT INTO performance_metrics (metric_name, metric_value) VALUES ('a', 1);"));
}

TEST_F(SqliteSchema, IdsAreNeverUsedAgain)
{
    connection.execute("INSERT INTO facts (id, fact_type, subject, content) VALUES (9007199254740993, 'a', 'b', 'c')");
    connection.execute("DELETE FROM facts");
    connection.execute("INSERT INTO facts (fact_type, subject, content) VALUES ('a', 'b', 'c')");
    EXPECT_EQ(connection.query_int("SELECT id FROM facts"), 9007199254740994);
}

TEST_F(SqliteSchema, UsualQuestionsUseTheirIndexes)
{
    const auto plan = [&](const std::string& sql) {
        std::string out;
        sqlite::Statement steps = connection.prepare("EXPLAIN QUERY PLAN " + sql);
        while (steps.step())
            out += std::string(steps.column_text(3)) + "; ";
        return out;
    };
    const char* questions[] = {
        "SELECT * FROM messages WHERE channel_id = 'c' ORDER BY timestamp DESC, message_id DESC LIMIT 10",
        "DELETE FROM messages WHERE user_id = 'u'",
        "SELECT * FROM relationships WHERE source_type = 'user' AND source_id = 'u'",
        "SELECT * FROM relationships WHERE target_type = 'user' AND target_id = 'u'",
        "SELECT * FROM facts WHERE user_id = 'u'",
        "SELECT * FROM conversations WHERE channel_id = 'c' ORDER BY timestamp DESC",
        "SELECT * FROM memory_entries WHERE user_id = 'u' AND memory_type = 'fact'",
        "SELECT * FROM performance_metrics WHERE metric_name = 'm' AND timestamp > 'x'",
        "SELECT * FROM graph_nodes WHERE user_id = 'u'",
    };
    for (const char* question : questions) {
        const std::string steps = plan(question);
        EXPECT_NE(steps.find("SEARCH"), std::string::npos) << question << ": " << steps;
        EXPECT_EQ(steps.find("TEMP B-TREE"), std::string::npos) << question << ": " << steps;
    }
}

} // namespace
} // namespace whisperstore

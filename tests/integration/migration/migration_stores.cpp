#include "integration/migration/migration_stores.hpp"

#include "support/child_process.hpp"

#include <whisperstore/core/time.hpp>
#include <whisperstore/database/postgresql_adapter.hpp>
#include <whisperstore/database/postgresql_cluster_adapter.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>

#include <limits>
#include <set>
#include <sstream>

namespace whisperstore::test {

namespace {

std::shared_ptr<AbstractDatabaseAdapter> make_adapter(const std::string& type, const DatabaseConfig& config)
{
    if (type == "sqlite")
        return std::make_shared<SQLiteAdapter>(config);
    if (type == "postgresql")
        return std::make_shared<PostgreSQLAdapter>(config);
    return std::make_shared<PostgreSQLClusterAdapter>(config);
}

void flush(const MigrationStore& store, std::vector<Query>& queries)
{
    run(store.adapter().execute_transaction(std::move(queries)));
    queries.clear();
}

} // namespace

MigrationStore::MigrationStore(const std::string& type)
{
    DatabaseConfig config;
    config.type = type;
    config.pool_size = 4;
    if (type == "sqlite") {
        url_ = "sqlite:///" + (directory_ / "database.db").string();
    } else {
        database_ = std::make_unique<TestDatabase>();
        ConnectionUrl url = database_->url();
        if (type == "postgresql_cluster") {
            url = database_->standby_url();
            url.hosts.push_back(database_->url().hosts.front());
            config.read_policy = "prefer_replica";
        }
        url_ = url.to_string();
    }
    config.connection_string = url_;
    adapter_ = make_adapter(type, config);
    run(adapter_->connect());
}

MigrationStore::~MigrationStore() { run(adapter_->disconnect()); }

std::string MigrationStore::value(const std::string& sql) const
{
    const QueryResult result = query(sql);
    const ValueView cell = result.rows.front()[0];
    return cell.kind() == ValueKind::integer ? std::to_string(cell.as_int()) : std::string(cell.as_text());
}

void MigrationStore::script(const std::string& sql) const
{
    TableDefinitions definitions;
    definitions.emplace_back("script", sql);
    run(adapter_->create_tables(definitions));
}

void MigrationStore::make_schema() const { run(adapter_->setup_schema(WhisperEngineSchema::get_core_schema())); }

std::string MigrationStore::dump() const
{
    ChildProcess shell({"/usr/bin/env", "sqlite3", "-readonly", (directory_ / "database.db").string(), ".dump"});
    std::string text = shell.read_rest();
    EXPECT_EQ(shell.wait(), 0);
    return text;
}

void fill_with_conversations(const MigrationStore& store)
{
    std::istringstream lines(read_file(shared_data() / "data/locomo/messages.jsonl"));
    std::set<std::string> users;
    std::vector<Query> queries;
    for (std::string line; std::getline(lines, line);) {
        const json::object message = parse_json_object(line, "messages.jsonl");
        const auto text = [&](const char* key) { return std::string(message.at(key).as_string()); };
        const std::string user = text("user_id");
        if (users.insert(user).second)
            queries.push_back(
                query("INSERT INTO users (user_id, username) VALUES (?, ?)", params(arg(user), arg(text("username")))));
        const Timestamp time = parse_timestamp(text("timestamp"));
        queries.push_back(query("INSERT INTO conversations (user_id, channel_id, message_content, timestamp, "
                                "response_time_ms) VALUES (?, ?, ?, ?, ?)",
                                params(arg(user), arg(text("channel_id")), arg(text("content")), arg(timestamp(time)),
                                       arg(static_cast<std::int64_t>(line.size())))));
        queries.push_back(query("INSERT INTO messages (message_id, channel_id, user_id, username, content, timestamp) "
                                "VALUES (?, ?, ?, ?, ?, ?)",
                                params(arg(message.at("message_id").to_number<std::int64_t>()), arg(text("channel_id")),
                                       arg(user), arg(text("username")), arg(text("content")), arg(timestamp(time)))));
        if (queries.size() > 3000)
            flush(store, queries);
    }
    flush(store, queries);
}

void fill_with_hostile_data(const MigrationStore& store)
{
    // In the form that tables have after they were elsewhere, so that a round trip gives the same text.
    store.script(R"sql(
CREATE TABLE "A ""quoted"" table, with \ and 'x'" ("BIGINT" BIGINT NOT NULL, "a b" TEXT NOT NULL, "ü€😀" TEXT, "select" BLOB, PRIMARY KEY ("a b", "BIGINT"));
CREATE TABLE "cycle_a" ("id" BIGINT NOT NULL, "b" BIGINT, PRIMARY KEY ("id"), FOREIGN KEY ("b") REFERENCES "cycle_b" ("id"));
CREATE TABLE "cycle_b" ("id" BIGINT NOT NULL, "a" BIGINT, PRIMARY KEY ("id"), FOREIGN KEY ("a") REFERENCES "cycle_a" ("id") ON DELETE CASCADE);
CREATE TABLE "keyless" ("r" REAL, "t" TIMESTAMP, "flag" BOOLEAN, "n" BIGINT DEFAULT 7, "x" TEXT DEFAULT 'it''s', "data" BLOB);
CREATE TABLE "tree" ("id" INTEGER PRIMARY KEY AUTOINCREMENT, "parent" BIGINT, "name" TEXT, FOREIGN KEY ("parent") REFERENCES "tree" ("id"));
CREATE INDEX "tree by name" ON "tree" ("name" DESC, "parent"))sql");
    const std::int64_t least = std::numeric_limits<std::int64_t>::min();
    const std::int64_t most = std::numeric_limits<std::int64_t>::max();
    const std::string texts[] = {"",
                                 " ",
                                 "\\.",
                                 "\\N",
                                 "NULL",
                                 "a\tb\nc\r\nd\\n",
                                 "it's \"q\" \\",
                                 "\x01\x7f",
                                 "😀 𝔘𝔫𝔦",
                                 "{ \"a\" : 1,\t\"a\":2, \"b\":1.0e5 }",
                                 "\u00e9 e\u0301",
                                 "\ufeffbom",
                                 ","};
    std::vector<Query> queries;
    std::int64_t number = 0;
    for (const std::string& text : texts) {
        std::vector<std::byte> bytes;
        for (const char c : text)
            bytes.push_back(static_cast<std::byte>(c));
        bytes.push_back(std::byte(0));
        queries.push_back(query("INSERT INTO \"A \"\"quoted\"\" table, with \\ and 'x'\" VALUES (?, ?, ?, ?)",
                                params(arg(number % 2 == 0 ? least + number : most - number), arg(text), arg(text),
                                       arg(number == 0 ? std::vector<std::byte>() : bytes))));
        queries.push_back(query("INSERT INTO users (user_id, username, display_name, preferences) VALUES (?, ?, ?, ?)",
                                params(arg("hostile " + text), arg(text), arg(text),
                                       arg(std::string("{\"a\": 1,  \"a\" : 1.50, \"z\":\"\\u00e9\\n\"}")))));
        ++number;
    }
    queries.push_back(query("INSERT INTO users (user_id, username, display_name) VALUES ('nothing', '', NULL)"));
    const char* times[] = {"0000-01-01T00:00:00.000000Z", "0000-12-31T23:59:59.000001Z", "0001-01-01T00:00:00.000000Z",
                           "1582-10-10T12:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "2024-02-29T00:00:00.000001Z",
                           "9999-12-31T23:59:59.999999Z"};
    for (const char* time : times) {
        queries.push_back(query("INSERT INTO users (user_id, username, created_at) VALUES (?, 't', ?)",
                                params(arg(std::string("at ") + time), arg(timestamp(parse_timestamp(time))))));
        queries.push_back(query("INSERT INTO keyless (r, t, flag) VALUES (1, ?, true)",
                                params(arg(timestamp(parse_timestamp(time))))));
    }
    queries.push_back(query("INSERT INTO keyless VALUES ('NaN', 'infinity', 0, 0, '', x'')"));
    queries.push_back(query("INSERT INTO keyless VALUES (9e999, '-infinity', 1, -9223372036854775808, ' ', x'00')"));
    queries.push_back(query("INSERT INTO keyless VALUES (-9e999, NULL, NULL, 9223372036854775807, NULL, NULL)"));
    queries.push_back(
        query("INSERT INTO keyless VALUES (5e-324, NULL, NULL, NULL, 'twice', NULL), "
              "(5e-324, NULL, NULL, NULL, 'twice', NULL), (1.7976931348623157e308, NULL, 0, 1, '1', x'5c')"));
    queries.push_back(query("INSERT INTO cycle_a VALUES (1, NULL), (2, NULL)"));
    queries.push_back(query("INSERT INTO cycle_b VALUES (10, 1), (11, 2)"));
    queries.push_back(query("UPDATE cycle_a SET b = id + 9"));
    queries.push_back(query("INSERT INTO tree VALUES (1, NULL, 'root'), (5, NULL, 'later')"));
    queries.push_back(query("INSERT INTO tree VALUES (3, 5, 'before its parent'), (9, 9, 'its own')"));
    queries.push_back(query("INSERT INTO tree VALUES (900, 9, 'gone')"));
    queries.push_back(query("DELETE FROM tree WHERE id = 900"));
    queries.push_back(query("INSERT INTO conversations (id, user_id, channel_id, message_content, bot_response) VALUES "
                            "(4294967296000, 'nothing', '', '', NULL), (7000000000000, 'nothing', '', 'gone', '')"));
    queries.push_back(query("DELETE FROM conversations WHERE id = 7000000000000"));
    flush(store, queries);
}

MigrationReport migrate(const MigrationStore& from, const MigrationStore& to, MigrationOptions options)
{
    StorageMigrationManager manager;
    return run(manager.migrate_database(from.adapter(), to.adapter(), std::move(options)));
}

MigrationOptions with(ExistingData existing)
{
    MigrationOptions options;
    options.existing = existing;
    return options;
}

std::map<std::string, std::string> hashes(const MigrationReport& report)
{
    std::map<std::string, std::string> all;
    for (const MigratedItem& item : report.items)
        if (item.rows > 0)
            all.emplace(item.name, item.content_hash);
    return all;
}

std::map<std::string, std::string> hashes(const MigrationStore& store)
{
    const MigrationStore copy("sqlite");
    return hashes(migrate(store, copy));
}

} // namespace whisperstore::test

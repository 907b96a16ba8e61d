// Databases that move from any type to any other, on real servers.
#include "integration/migration/migration_stores.hpp"

#include <whisperstore/core/error.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

namespace whisperstore::test {
namespace {

const std::vector<std::string>& every_type()
{
    static const std::vector<std::string> types{"sqlite", "postgresql", "postgresql_cluster"};
    return types;
}

bool names(const std::vector<UnmovedItem>& items, const std::string& name)
{
    return std::any_of(items.begin(), items.end(), [&](const UnmovedItem& item) { return item.name == name; });
}

/// The id that the next row of a table gets.
std::int64_t next_id(const MigrationStore& store, const std::string& insert)
{
    return store.query(insert + " RETURNING id").rows.front()[0].as_int();
}

std::string name_of(const testing::TestParamInfo<std::string>& type) { return type.param; }

// ---- every pair

class EveryPair : public testing::TestWithParam<std::string>
{
};

TEST_P(EveryPair, KeepsEveryValue)
{
    const MigrationStore seed("sqlite");
    seed.make_schema();
    fill_with_conversations(seed);
    fill_with_hostile_data(seed);
    std::map<std::string, std::string> expected;
    const MigrationStore source(GetParam());
    {
        const MigrationReport report = migrate(seed, source);
        expected = hashes(report);
        ASSERT_EQ(report.not_moved, std::vector<UnmovedItem>());
        ASSERT_EQ(expected.size(), 9U);
    }
    for (const std::string& type : every_type()) {
        SCOPED_TRACE(GetParam() + " to " + type);
        const MigrationStore target(type);
        target.make_schema();
        const MigrationReport report = migrate(source, target);
        EXPECT_TRUE(report.verified);
        EXPECT_FALSE(report.already_there);
        EXPECT_EQ(report.not_moved, std::vector<UnmovedItem>());
        EXPECT_EQ(hashes(report), expected);
        EXPECT_EQ(target.value("SELECT count(*) FROM conversations"), "4125");
        // Ids go on behind the largest that was ever given, also where its row is gone.
        EXPECT_EQ(next_id(target, "INSERT INTO conversations (user_id, channel_id, message_content) VALUES "
                                  "('nothing', '', 'first')"),
                  7000000000001);
        EXPECT_EQ(next_id(target, "INSERT INTO tree (name) VALUES ('first')"), 901);
    }
}

INSTANTIATE_TEST_SUITE_P(DatabaseMigration, EveryPair, testing::ValuesIn(every_type()), name_of);

TEST(DatabaseMigration, ThereAndBackGivesTheSameDump)
{
    const MigrationStore before("sqlite");
    before.make_schema();
    fill_with_conversations(before);
    fill_with_hostile_data(before);
    const MigrationStore between("postgresql");
    migrate(before, between);
    const MigrationStore after("sqlite");
    after.make_schema();
    migrate(between, after);
    const std::string dump = before.dump();
    EXPECT_GT(dump.size(), 1000000U);
    const std::string again = after.dump();
    const auto [here, there] = std::mismatch(dump.begin(), dump.end(), again.begin(), again.end());
    const auto place = static_cast<std::size_t>(here - dump.begin());
    EXPECT_TRUE(again == dump) << "from byte " << place << " on: " << dump.substr(place, 200)
                               << "\nand then: " << again.substr(std::min(place, again.size()), 200);
}

// ---- what the target holds already

class Existing : public testing::TestWithParam<std::string>
{
protected:
    Existing() : source("sqlite"), target(GetParam())
    {
        source.make_schema();
        source.script("CREATE TABLE notes (id BIGINT NOT NULL, note TEXT, PRIMARY KEY (id))");
        source.query("INSERT INTO notes VALUES (1, 'one'), (2, 'two')");
        source.query("INSERT INTO users (user_id, username) VALUES ('u', 'moved'), ('v', 'new')");
        source.query("INSERT INTO conversations (id, user_id, channel_id, message_content) VALUES (5, 'u', 'c', 'hi')");
        target.make_schema();
    }
    void fill_target() const
    {
        target.query("INSERT INTO users (user_id, username) VALUES ('u', 'old'), ('w', 'stays')");
        target.query(
            "INSERT INTO conversations (id, user_id, channel_id, message_content) VALUES (3, 'w', 'c', 'old')");
    }
    std::string users() const
    {
        std::string all;
        for (const Row& row : target.query("SELECT user_id, username FROM users ORDER BY user_id"))
            all.append(row[0].as_text()).append("=").append(row[1].as_text()).append(" ");
        return all;
    }

    MigrationStore source;
    MigrationStore target;
};

TEST_P(Existing, ASecondRunChangesNothing)
{
    const MigrationReport first = migrate(source, target);
    EXPECT_FALSE(first.already_there);
    for (const ExistingData existing : {ExistingData::refuse, ExistingData::replace, ExistingData::merge}) {
        const MigrationReport second = migrate(source, target, with(existing));
        EXPECT_TRUE(second.already_there);
        EXPECT_TRUE(second.verified);
        EXPECT_EQ(second.items, first.items);
    }
    source.query("UPDATE notes SET note = 'other' WHERE id = 2");
    EXPECT_STORAGE_ERROR(migrate(source, target), already_exists);
    EXPECT_EQ(target.value("SELECT note FROM notes WHERE id = 2"), "two");
}

TEST_P(Existing, OtherRowsAreNotTouchedUnasked)
{
    fill_target();
    const StorageError error = error_of([&] { migrate(source, target); });
    EXPECT_EQ(error.errc(), StorageErrc::already_exists);
    EXPECT_NE(std::string(error.message()).find("conversations, users"), std::string::npos) << error.what();
    EXPECT_EQ(users(), "u=old w=stays ");
}

TEST_P(Existing, WhatElseTheTargetHasIsNotLostUnasked)
{
    target.script("CREATE TABLE prepared (id BIGINT PRIMARY KEY); CREATE VIEW seen AS SELECT id FROM prepared");
    const StorageError error = error_of([&] { migrate(source, target); });
    EXPECT_EQ(error.errc(), StorageErrc::already_exists);
    EXPECT_NE(std::string(error.message()).find("the table prepared, the view seen"), std::string::npos)
        << error.what();
    EXPECT_EQ(target.value("SELECT count(*) FROM seen"), "0");
    EXPECT_TRUE(migrate(source, target, with(ExistingData::merge)).verified);
    EXPECT_EQ(target.value("SELECT count(*) FROM seen"), "0");
}

TEST_P(Existing, ReplacingTakesEverythingOrLeavesEverything)
{
    fill_target();
    MigrationOptions options = with(ExistingData::replace);
    options.progress = [](const MigrationProgress& progress) {
        if (progress.item == "users")
            throw std::runtime_error("enough");
    };
    EXPECT_THROW(migrate(source, target, options), std::exception);
    EXPECT_EQ(users(), "u=old w=stays ");
    options.progress = {};
    EXPECT_TRUE(migrate(source, target, options).verified);
    EXPECT_EQ(users(), "u=moved v=new ");
    EXPECT_EQ(target.value("SELECT count(*) FROM conversations"), "1");
    EXPECT_EQ(hashes(target), hashes(source));
}

TEST_P(Existing, MergingReplacesWhatHasTheSameKey)
{
    fill_target();
    source.script("CREATE TABLE keyless (x TEXT); CREATE TABLE a (id BIGINT PRIMARY KEY, b BIGINT REFERENCES b (id)); "
                  "CREATE TABLE b (id BIGINT PRIMARY KEY, a BIGINT REFERENCES a (id))");
    source.query("INSERT INTO keyless VALUES ('x')");
    source.query("INSERT INTO a VALUES (1, NULL)");
    source.query("INSERT INTO b VALUES (1, 1)");
    source.query("UPDATE a SET b = 1");
    const MigrationReport report = migrate(source, target, with(ExistingData::merge));
    EXPECT_TRUE(report.verified);
    EXPECT_EQ(report.not_moved.size(), 1U);
    EXPECT_TRUE(names(report.not_moved, "the table keyless"));
    EXPECT_EQ(users(), "u=moved v=new w=stays ");
    EXPECT_EQ(target.value("SELECT count(*) FROM conversations"), "2");
    EXPECT_EQ(target.value("SELECT note FROM notes WHERE id = 2"), "two");
    EXPECT_EQ(next_id(target, "INSERT INTO conversations (user_id, channel_id, message_content) VALUES ('w', 'c', '')"),
              6);
    // Again, into tables that refer to each other, and where nothing is left to do but what others have changed.
    target.query("UPDATE notes SET note = 'changed'");
    EXPECT_TRUE(migrate(source, target, with(ExistingData::merge)).verified);
    EXPECT_EQ(target.value("SELECT count(*) FROM notes WHERE note = 'changed'"), "0");
    EXPECT_STORAGE_ERROR(target.query("INSERT INTO a VALUES (2, 77)"), constraint_violation);
}

TEST_P(Existing, AMergeThatFailsLeavesNothing)
{
    fill_target();
    // Unique for the target alone: the second user cannot come.
    target.script("CREATE UNIQUE INDEX one_name ON users (username)");
    source.query("INSERT INTO users (user_id, username) VALUES ('x', 'stays')");
    const StorageError error = error_of([&] { migrate(source, target, with(ExistingData::merge)); });
    EXPECT_EQ(error.errc(), StorageErrc::constraint_violation);
    EXPECT_NE(std::string(error.message()).find("users"), std::string::npos) << error.what();
    EXPECT_EQ(users(), "u=old w=stays ");
    EXPECT_EQ(target.value("SELECT count(*) FROM conversations"), "1");
}

TEST_P(Existing, ADryRunChangesNothing)
{
    MigrationOptions options;
    options.dry_run = true;
    const MigrationReport report = migrate(source, target, options);
    EXPECT_TRUE(report.dry_run);
    EXPECT_FALSE(report.verified);
    EXPECT_EQ(report.rows(), 6U); // and the version of the schema
    EXPECT_EQ(target.value("SELECT count(*) FROM users"), "0");
    EXPECT_EQ(report.source, "sqlite");
    EXPECT_EQ(report.target, GetParam());
    fill_target();
    EXPECT_STORAGE_ERROR(migrate(source, target, options), already_exists);
}

TEST_P(Existing, ProgressIsTold)
{
    std::map<std::string, std::uint64_t> rows;
    MigrationOptions options;
    options.progress = [&](const MigrationProgress& progress) {
        rows[std::string(progress.phase)] = progress.rows;
        EXPECT_EQ(progress.rows_in_total, 6U);
    };
    migrate(source, target, options);
    EXPECT_EQ(rows, (std::map<std::string, std::uint64_t>{{"copy", 6}, {"verify", 6}}));
}

TEST_P(Existing, ADeadlineLeavesTheTargetAsItWas)
{
    fill_target();
    StorageMigrationManager manager;
    OperationContext context;
    context.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
    EXPECT_STORAGE_ERROR(
        run(manager.migrate_database(source.adapter(), target.adapter(), with(ExistingData::replace), context)),
        timeout);
    EXPECT_EQ(users(), "u=old w=stays ");
}

INSTANTIATE_TEST_SUITE_P(DatabaseMigration, Existing, testing::Values("sqlite", "postgresql"), name_of);

TEST(DatabaseMigration, ADatabaseIsNotMigratedIntoItself)
{
    const MigrationStore store("postgresql");
    store.make_schema();
    EXPECT_STORAGE_ERROR(migrate(store, store), invalid_argument);
    EXPECT_STORAGE_ERROR(migrate(store, store, with(ExistingData::replace)), invalid_argument);
}

// ---- what cannot be moved

TEST(DatabaseMigration, NamesWhatOnlySqliteUnderstands)
{
    const MigrationStore source("sqlite");
    source.make_schema();
    source.script("CREATE TABLE t (id BIGINT PRIMARY KEY, x TEXT CHECK (x <> 'y')); "
                  "CREATE INDEX part ON t (x) WHERE x > 'a'; CREATE VIEW seen AS SELECT x FROM t; "
                  "CREATE VIRTUAL TABLE words USING fts5(content); "
                  "CREATE TRIGGER told AFTER INSERT ON t BEGIN UPDATE t SET x = x; END");
    source.query("INSERT INTO t VALUES (1, 'z')");
    source.query("INSERT INTO words VALUES ('some text')");
    const MigrationStore target("postgresql");
    const MigrationReport report = migrate(source, target);
    for (const char* name :
         {"CHECKs of the table t", "the index part", "the view seen", "the virtual table words", "the trigger told"})
        EXPECT_TRUE(names(report.not_moved, name)) << name;
    EXPECT_EQ(report.not_moved.size(), 5U);
    EXPECT_EQ(target.value("SELECT x FROM t"), "z");
    // To SQLite everything goes.
    const MigrationStore copy("sqlite");
    EXPECT_EQ(migrate(source, copy).not_moved, std::vector<UnmovedItem>());
    EXPECT_EQ(copy.dump(), source.dump());
    EXPECT_EQ(copy.value("SELECT count(*) FROM words WHERE words MATCH 'text'"), "1");
}

TEST(DatabaseMigration, NamesWhatOnlyPostgresqlUnderstands)
{
    const MigrationStore source("postgresql");
    source.make_schema();
    source.script(
        "CREATE TYPE mood AS ENUM ('calm', 'wild'); "
        "CREATE TABLE t (id uuid PRIMARY KEY, price numeric(20,5) CHECK (price > 0), feeling mood, doc jsonb, "
        "twice bigint GENERATED ALWAYS AS (2) STORED, list int[]); "
        "CREATE VIEW seen AS SELECT price FROM t; CREATE INDEX part ON t (price) WHERE price > 1; "
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'; "
        "CREATE TABLE parts (id int) PARTITION BY LIST (id)");
    source.query(
        "INSERT INTO t VALUES ('00000000-0000-0000-0000-00000000000a', 12345678901234.50000, 'wild', '{\"b\": 1}', "
        "DEFAULT, '{1,2}')");
    const MigrationStore target("sqlite");
    const MigrationReport report = migrate(source, target);
    EXPECT_TRUE(report.verified);
    for (const char* name : {"the table parts", "the type mood", "the view seen", "the index part",
                             "the function one()", "the constraint t.t_price_check"})
        EXPECT_TRUE(names(report.not_moved, name)) << name;
    EXPECT_EQ(report.not_moved.size(), 6U);
    EXPECT_EQ(target.value("SELECT price FROM t"), "12345678901234.50000");
    EXPECT_EQ(target.value("SELECT list FROM t"), "{1,2}");
    // To PostgreSQL everything goes but the rows of partitions.
    const MigrationStore copy("postgresql");
    const MigrationReport copied = migrate(source, copy);
    EXPECT_EQ(copied.not_moved.size(), 1U);
    EXPECT_EQ(hashes(copied), hashes(report));
    EXPECT_EQ(copy.value("SELECT feeling::text || one()::text || (SELECT count(*) FROM seen)::text FROM t"), "wild11");
}

TEST(DatabaseMigration, NamesForeignKeysThatTheOtherDatabaseCannotBeTold)
{
    const MigrationStore source("postgresql");
    source.make_schema();
    source.script("CREATE TABLE topics (a text, b text, PRIMARY KEY (a, b)); "
                  "ALTER TABLE messages ADD COLUMN topic_a text, ADD COLUMN topic_b text, ADD CONSTRAINT "
                  "messages_topic FOREIGN KEY (topic_a, topic_b) REFERENCES topics, ADD CONSTRAINT answers FOREIGN KEY "
                  "(reply_to) REFERENCES messages; "
                  "CREATE TABLE prices (price numeric PRIMARY KEY); "
                  "CREATE TABLE offers (id bigint PRIMARY KEY, price numeric CONSTRAINT offer REFERENCES prices, "
                  "topic bigint CONSTRAINT told REFERENCES offers)");
    const MigrationStore target("sqlite");
    const MigrationReport report = migrate(source, target);
    for (const char* name : {"the foreign key (\"topic_a\", \"topic_b\") of the table messages to topics",
                             "the foreign key (\"reply_to\") of the table messages to messages",
                             "the foreign key offer of the table offers"})
        EXPECT_TRUE(names(report.not_moved, name)) << name;
    EXPECT_EQ(report.not_moved.size(), 3U);
    EXPECT_EQ(target.value("SELECT count(*) FROM pragma_foreign_key_list('offers')"), "1");
    const MigrationStore copy("postgresql");
    EXPECT_EQ(migrate(source, copy).not_moved, std::vector<UnmovedItem>());
}

TEST(DatabaseMigration, AValueThatTheTargetUnderstandsOtherwiseIsFound)
{
    const MigrationStore source("sqlite");
    source.script("CREATE TABLE events (at TIMESTAMP)");
    source.query("INSERT INTO events VALUES ('epoch')"); // PostgreSQL knows that word
    const MigrationStore target("postgresql");
    const StorageError error = error_of([&] { migrate(source, target); });
    EXPECT_EQ(error.errc(), StorageErrc::corrupt);
    EXPECT_NE(std::string(error.message()).find("events"), std::string::npos) << error.what();
}

TEST(DatabaseMigration, AColumnOfManyKindsIsRefusedByName)
{
    const MigrationStore source("sqlite");
    source.script("CREATE TABLE bag (anything)");
    source.query("INSERT INTO bag VALUES (1), (0.25), ('text')");
    const MigrationStore target("postgresql");
    EXPECT_TRUE(migrate(source, target).verified);
    EXPECT_EQ(target.value("SELECT string_agg(anything, ' ') FROM bag"), "1 0.25 text");
    source.query("INSERT INTO bag VALUES (x'00')");
    const StorageError error = error_of([&] { migrate(source, target, with(ExistingData::replace)); });
    EXPECT_EQ(error.errc(), StorageErrc::type_mismatch);
    EXPECT_NE(std::string(error.message()).find("column anything of the table bag"), std::string::npos) << error.what();
    EXPECT_EQ(target.value("SELECT count(*) FROM bag"), "3");
}

// ---- while others write

class Writing : public testing::TestWithParam<std::string>
{
};

TEST_P(Writing, ASourceIsReadAsItWasAtOneMoment)
{
    const MigrationStore source(GetParam());
    source.script("CREATE TABLE a (id BIGINT PRIMARY KEY, x TEXT); CREATE TABLE z (id BIGINT PRIMARY KEY, x TEXT)");
    std::atomic<bool> stop{false};
    std::atomic<std::int64_t> written{0};
    const auto write = [&]() -> awaitable<void> {
        for (std::int64_t i = 0; !stop; ++i) {
            std::vector<Query> both;
            const std::string text(1000, 'x');
            both.push_back(query("INSERT INTO a VALUES (?, ?)", params(arg(i), arg(text))));
            both.push_back(query("INSERT INTO z VALUES (?, ?)", params(arg(i), arg(text))));
            co_await source.adapter().execute_transaction(std::move(both));
            written = i + 1;
        }
    };
    std::future<void> writer = start(write());
    ASSERT_TRUE(eventually([&] { return written > 300; }));
    const MigrationStore target(GetParam() == "sqlite" ? "postgresql" : "sqlite");
    MigrationOptions options;
    bool seen = false;
    options.progress = [&](const MigrationProgress& progress) {
        // The second table is read after more has been written to both.
        if (progress.item == "a" && !std::exchange(seen, true)) {
            const std::int64_t before = written;
            EXPECT_TRUE(eventually([&] { return written > before + 20; }));
        }
    };
    const MigrationReport report = migrate(source, target, options);
    stop = true;
    wait(std::move(writer));
    EXPECT_TRUE(seen);
    EXPECT_EQ(target.value("SELECT count(*) FROM a"), target.value("SELECT count(*) FROM z"));
    EXPECT_EQ(target.value("SELECT max(id) FROM a"), target.value("SELECT max(id) FROM z"));
    EXPECT_LT(report.rows(), static_cast<std::uint64_t>(written) * 2);
}

INSTANTIATE_TEST_SUITE_P(DatabaseMigration, Writing, testing::Values("sqlite", "postgresql"), name_of);

} // namespace
} // namespace whisperstore::test

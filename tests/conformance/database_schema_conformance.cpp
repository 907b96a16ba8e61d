#include "conformance/database_fixture.hpp"

namespace whisperstore::test {
namespace {

// Seen in an earlier implementation: create_tables true on broken SQL.
TEST_P(Database, CreateTablesIsTransactionalAndLoud)
{
    TableDefinitions broken;
    broken.emplace_back("good", "CREATE TABLE good (a TEXT)");
    broken.emplace_back("bad", "CREATE TABLE bad (a TEXT");
    EXPECT_STORAGE_ERROR(run(db->create_tables(broken)), syntax);
    EXPECT_STORAGE_ERROR(query("SELECT * FROM good"), not_found);
}

TEST_P(Database, CoreSchemaIsIdempotentAndComplete)
{
    setup_schema();
    setup_schema();
    for (const Table& table : WhisperEngineSchema::get_core_schema().tables) {
        const QueryResult result = query("SELECT * FROM " + table.name + " WHERE 1 = 0");
        ASSERT_EQ(result.columns().size(), table.columns.size()) << table.name;
        for (std::size_t i = 0; i < table.columns.size(); ++i)
            EXPECT_EQ(result.columns()[i], table.columns[i].name);
    }
    Schema newer = WhisperEngineSchema::get_core_schema();
    newer.version += 1;
    run(db->setup_schema(newer));
    EXPECT_STORAGE_ERROR(setup_schema(), version_mismatch);
}

TEST_P(Database, MigrationsRunOnceInOrder)
{
    const std::vector<std::string> scripts{
        "-- version: 1 add notes\nCREATE TABLE notes (a TEXT); INSERT INTO notes VALUES ('one; two'); -- done;\n",
        "-- version: 2\nINSERT INTO notes VALUES ('three');", "INSERT INTO notes VALUES ('by checksum')"};
    run(db->migrate_schema(scripts));
    run(db->migrate_schema(scripts));
    EXPECT_EQ(count("notes"), 3);
    const QueryResult applied = query("SELECT version, name, checksum FROM schema_migrations ORDER BY version");
    ASSERT_EQ(applied.rows.size(), 3U);
    EXPECT_EQ(applied.rows[0]["name"], "add notes");
    EXPECT_TRUE(applied.rows[2]["version"].as_text().starts_with("sha256:"));
}

// Seen in an earlier implementation: failing migrations recorded as applied.
TEST_P(Database, FailedMigrationLeavesNothing)
{
    EXPECT_STORAGE_ERROR(run(db->migrate_schema(std::vector<std::string>{
                             "-- version: 1\nCREATE TABLE one (a TEXT)",
                             "-- version: 2\nCREATE TABLE two (a TEXT); INSERT INTO missing VALUES (1)"})),
                         not_found);
    EXPECT_EQ(count("schema_migrations"), 1);
    EXPECT_EQ(count("one"), 0);
    EXPECT_STORAGE_ERROR(count("two"), not_found);
}

TEST_P(Database, ChangedMigrationIsAVersionMismatch)
{
    run(db->migrate_schema(std::vector<std::string>{"-- version: 0.9.0\nCREATE TABLE one (a TEXT)"}));
    EXPECT_STORAGE_ERROR(
        run(db->migrate_schema(std::vector<std::string>{"-- version: 0.9.0\nCREATE TABLE one (a TEXT, b TEXT)"})),
        version_mismatch);
}

TEST_P(Database, MigrationScriptsMustNotControlTransactions)
{
    EXPECT_STORAGE_ERROR(run(db->migrate_schema(std::vector<std::string>{"CREATE TABLE one (a TEXT); COMMIT"})),
                         invalid_argument);
    EXPECT_STORAGE_ERROR(count("one"), not_found);
}

// Seen in an earlier implementation: versions ordered as text (0.10.0 before 0.9.0).
TEST_P(Database, SchemaVersionsAreNumbers)
{
    Schema ninth = WhisperEngineSchema::get_core_schema();
    ninth.version = 9;
    run(db->setup_schema(ninth));
    Schema tenth = ninth;
    tenth.version = 10;
    run(db->setup_schema(tenth));
    EXPECT_STORAGE_ERROR(run(db->setup_schema(ninth)), version_mismatch);
    run(db->setup_schema(tenth));
    // the application's own migrations do not disturb
    run(db->migrate_schema(std::vector<std::string>{"-- version: whisperengine_core2.x\nCREATE TABLE own (a TEXT)"}));
    run(db->setup_schema(tenth));
}

// Version 1 had another index on the graph's nodes; what it stored stays.
TEST_P(Database, AnEarlierVersionOfTheSchemaIsBroughtUpToDate)
{
    Schema first = WhisperEngineSchema::get_core_schema();
    first.version = 1;
    for (Table& table : first.tables)
        table.indexes.clear();
    run(db->setup_schema(first));
    query("INSERT INTO users (user_id, username) VALUES ('u1', 'Ada')");
    setup_schema();
    EXPECT_EQ(count("users"), 1);
    EXPECT_EQ(count("schema_migrations"), 2);
    setup_schema();
    EXPECT_EQ(count("schema_migrations"), 2);
    EXPECT_STORAGE_ERROR(run(db->setup_schema(first)), version_mismatch);
}

TEST_P(Database, AChangedSchemaUnderTheSameVersionIsAMismatch)
{
    setup_schema();
    Schema changed = WhisperEngineSchema::get_core_schema();
    changed.tables.back().columns.pop_back();
    EXPECT_STORAGE_ERROR(run(db->setup_schema(changed)), version_mismatch);
}

TEST_P(Database, DefinitionsMayHoldManyStatements)
{
    TableDefinitions tables;
    tables.emplace_back("both",
                        "CREATE TABLE a (x TEXT DEFAULT $$;$$); -- ; \nCREATE TABLE b (y TEXT); /* ; /* ; */ */");
    tables.emplace_back("nothing", " ; -- only a comment\n");
    run(db->create_tables(tables));
    EXPECT_EQ(query("INSERT INTO a DEFAULT VALUES RETURNING x").rows[0][0], ";");
    EXPECT_EQ(count("b"), 0);
    TableDefinitions with_placeholder;
    with_placeholder.emplace_back("c", "CREATE TABLE c (x TEXT DEFAULT ?)");
    EXPECT_STORAGE_ERROR(run(db->create_tables(with_placeholder)), invalid_argument);
    const StorageError error = error_of([&] {
        TableDefinitions broken;
        broken.emplace_back("named_thing", "CREATE TABEL d (x TEXT)");
        run(db->create_tables(broken));
    });
    EXPECT_EQ(error.errc(), StorageErrc::syntax);
    EXPECT_NE(error.message().find("named_thing"), std::string::npos) << error.what();
}

TEST_P(Database, MigrationsKeepTheOrderGiven)
{
    // 0.10.0 after 0.9.0, and whatever else the caller decides
    run(db->migrate_schema(std::vector<std::string>{"-- version: 0.9.0\nCREATE TABLE log (step TEXT)",
                                                    "-- version: 0.10.0\nINSERT INTO log VALUES ('second')",
                                                    "-- version: 0.2.0\nINSERT INTO log SELECT 'third' FROM log"}));
    EXPECT_EQ(count("log"), 2);
    EXPECT_EQ(count("schema_migrations"), 3);
    EXPECT_STORAGE_ERROR(run(db->migrate_schema(std::vector<std::string>{"-- version:\nSELECT 1"})), invalid_argument);
}

TEST_P(Database, MigrationsKeepQuotedSemicolonsAndUnicode)
{
    run(db->migrate_schema(std::vector<std::string>{"-- version: 1 d\u00e9j\u00e0 vu\nCREATE TABLE notes (a TEXT); "
                                                    "INSERT INTO notes VALUES ($x$a;b$x$), ('c;''d'), (E'e;\\'f');"}));
    const QueryResult notes = query("SELECT a FROM notes ORDER BY a");
    ASSERT_EQ(notes.rows.size(), 3U);
    EXPECT_EQ(notes.rows[0][0], "a;b");
    EXPECT_EQ(notes.rows[1][0], "c;'d");
    EXPECT_EQ(notes.rows[2][0], "e;'f");
    EXPECT_EQ(query("SELECT name FROM schema_migrations").rows[0][0], "d\u00e9j\u00e0 vu");
}

TEST_P(Database, MigrationsRunOnceHoweverManyAsk)
{
    const std::vector<std::string> scripts{"-- version: 1\nCREATE TABLE notes (a TEXT)",
                                           "-- version: 2\nINSERT INTO notes VALUES ('once')"};
    std::vector<std::future<void>> all;
    for (int i = 0; i < 8; ++i)
        all.push_back(start(db->migrate_schema(scripts)));
    for (auto& one : all)
        wait(std::move(one));
    EXPECT_EQ(count("notes"), 1);
}

} // namespace
} // namespace whisperstore::test

// What archives are made of: portable tables, defaults, rows, definitions.
#include "database/archive/archive_format.hpp"
#include "database/archive/archive_reader.hpp"
#include "database/archive/archive_writer.hpp"
#include "database/archive/sqlite_catalog.hpp"
#include "database/archive/type_checks.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <algorithm>
#include <limits>

namespace whisperstore {
namespace {

PortableColumn column(std::string name, PortableType type, bool not_null = false)
{
    PortableColumn out;
    out.name = std::move(name);
    out.type = type;
    out.not_null = not_null;
    return out;
}

/// With everything a table may have.
PortableTable song_table()
{
    PortableTable table;
    table.name = "a \"song\"";
    table.columns = {column("id", PortableType::integer, true),    column("title", PortableType::text, true),
                     column("length", PortableType::real),         column("live", PortableType::boolean, true),
                     column("written", PortableType::timestamp),   column("cover", PortableType::blob),
                     column("album \"no\"", PortableType::integer)};
    table.columns[1].fallback = PortableDefault{false, Value("it's")};
    table.columns[2].fallback = PortableDefault{false, Value(-0.5)};
    table.columns[3].fallback = PortableDefault{false, Value(true)};
    table.columns[4].fallback = PortableDefault{true, Value()};
    table.columns[6].fallback = PortableDefault{false, Value(-3)};
    table.primary_key = {"id"};
    table.automatic_id = true;
    table.unique = {{"title", "written"}};
    PortableForeignKey key;
    key.columns = {"album \"no\""};
    key.table = "albums";
    key.target_columns = {"number"};
    key.on_delete = "SET NULL";
    key.on_update = "CASCADE";
    table.foreign_keys = {key};
    PortableIndex index;
    index.name = "songs by length";
    index.parts = {PortableIndex::Part{"length", true}, PortableIndex::Part{"title", false}};
    index.unique = true;
    table.indexes = {index};
    return table;
}

PortableTable album_table()
{
    PortableTable table;
    table.name = "albums";
    table.columns = {column("number", PortableType::integer, true), column("name", PortableType::text)};
    table.primary_key = {"number"};
    return table;
}

/// The tables of the portable schema as a catalog shows them.
std::vector<PortableTable> core_tables()
{
    test::TestDirectory directory;
    sqlite::OpenOptions options;
    options.path = directory / "core";
    sqlite::Connection connection(options);
    for (const auto& [name, sql] : WhisperEngineSchema::get_core_schema().render(SqlDialect::sqlite))
        connection.execute(sql);
    return archive::read_tables(connection);
}

std::vector<std::string> all_sql(sqlite::Connection& connection)
{
    std::vector<std::string> out;
    sqlite::Statement rows = connection.prepare("SELECT name || ' ' || sql FROM sqlite_schema WHERE sql IS NOT NULL "
                                                "ORDER BY name");
    while (rows.step())
        out.emplace_back(rows.column_text(0));
    return out;
}

/// As a database of SQLite.
void write_empty(archive::ArchiveReader& reader, const std::filesystem::path& path)
{
    constexpr int page_size = 4096;
    test::write_file(path, "");
    reader.write_file(path, page_size);
}

TEST(PortableTable, IsReadFromSqliteAsItWasWritten)
{
    test::TestDirectory directory;
    const std::vector<PortableTable> tables{song_table(), album_table()};
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables(tables);
    archive::Contents contents;
    contents.tables = tables;
    writer.finish(contents);

    archive::ArchiveReader reader;
    reader.open(directory / "archive", "test");
    ASSERT_EQ(reader.tables().size(), 2U);
    EXPECT_TRUE(reader.tables()[0] == tables[0]);
    EXPECT_TRUE(reader.tables()[1] == tables[1]);
    EXPECT_TRUE(reader.definitions().empty());
}

TEST(PortableTable, OfThePortableSchemaIsExactlyTheSchemas)
{
    test::TestDirectory directory;
    std::vector<PortableTable> tables = core_tables();
    ASSERT_EQ(tables.size(), WhisperEngineSchema::get_core_schema().tables.size());
    for (const PortableTable& table : tables)
        EXPECT_NE(core_table(table), nullptr) << table.name;
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables(tables);
    archive::Contents contents;
    contents.tables = tables;
    writer.finish(contents);
    archive::ArchiveReader reader;
    reader.open(directory / "archive", "test");
    EXPECT_TRUE(reader.tables() == tables);
    write_empty(reader, directory / "restored");

    sqlite::OpenOptions options;
    options.path = directory / "core";
    sqlite::Connection expected(options);
    for (const auto& [name, sql] : WhisperEngineSchema::get_core_schema().render(SqlDialect::sqlite))
        expected.execute(sql);
    EXPECT_EQ(all_sql(*sqlite::open_for_check(directory / "restored", "test")), all_sql(expected));
}

TEST(ArchiveIndexes, AreListedUnlessRowsMayBreakThem)
{
    test::TestDirectory directory;
    PortableTable albums = album_table();
    PortableIndex by_name;
    by_name.name = "by \"name\"";
    by_name.parts = {PortableIndex::Part{"name", true}, PortableIndex::Part{"number", false}};
    albums.indexes = {by_name};
    const std::vector<PortableTable> tables{song_table(), albums};
    archive::Contents contents;
    contents.tables = tables;
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables(tables);
    writer.finish(contents);
    archive::ArchiveWriter whole(directory / "whole", "test");
    whole.create_tables(tables);
    whole.complete(contents);

    const auto file = sqlite::open_for_check(directory / "archive", "test");
    EXPECT_EQ(file->query_int("PRAGMA user_version"), 2);
    EXPECT_EQ(file->query_int("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"), 1);
    EXPECT_EQ(file->query_text("SELECT group_concat(name || part || table_name || column_name || descending) FROM "
                               "whisperstore_indexes"),
              "by \"name\"1albumsname1,by \"name\"2albumsnumber0");
    archive::ArchiveReader reader;
    reader.open(directory / "archive", "test");
    EXPECT_TRUE(reader.tables() == tables);
    write_empty(reader, directory / "restored");
    const auto restored = sqlite::open_for_check(directory / "restored", "test");
    EXPECT_EQ(restored->query_int("PRAGMA user_version"), 1);
    // In the same order, too.
    const std::string objects = "SELECT group_concat(name || coalesce(sql, '')) FROM (SELECT name, sql FROM "
                                "sqlite_schema ORDER BY rowid)";
    EXPECT_EQ(restored->query_text(objects), sqlite::open_for_check(whole.path(), "test")->query_text(objects));
}

TEST(ArchiveIndexes, ThatDoNotFitTheTablesAreTold)
{
    for (const std::string change :
         {"UPDATE whisperstore_indexes SET table_name = 'songs'", "UPDATE whisperstore_indexes SET column_name = 'x'",
          "ALTER TABLE albums RENAME COLUMN name TO title"}) {
        test::TestDirectory directory;
        PortableTable albums = album_table();
        albums.indexes = {PortableIndex{"by_name", {PortableIndex::Part{"name", false}}, false}};
        archive::Contents contents;
        contents.tables = {albums};
        archive::ArchiveWriter writer(directory / "archive", "test");
        writer.create_tables(contents.tables);
        writer.finish(contents);
        sqlite::OpenOptions options;
        options.path = directory / "archive";
        options.archive = true;
        sqlite::Connection(options).execute(change);
        archive::ArchiveReader reader;
        const StorageError error = test::error_of([&] { reader.open(directory / "archive", "test"); });
        EXPECT_EQ(error.errc(), StorageErrc::corrupt) << change;
        EXPECT_NE(error.message().find("by_name"), std::string::npos) << error.what();
    }
}

TEST(PortableTable, KeepsWhatAnApplicationAddedToTheSchema)
{
    test::TestDirectory directory;
    std::vector<PortableTable> tables = core_tables();
    PortableTable& users = tables[1];
    ASSERT_EQ(users.name, "users");
    users.columns.push_back(column("mood", PortableType::text, true));
    users.columns.back().fallback = PortableDefault{false, Value("calm")};
    users.columns.push_back(column("friend", PortableType::text));
    PortableForeignKey key;
    key.columns = {"friend"};
    key.table = "users";
    key.target_columns = {"user_id"};
    users.foreign_keys.push_back(key);
    PortableIndex index;
    index.name = "users_mood";
    index.parts = {PortableIndex::Part{"mood", false}};
    users.indexes.push_back(index);
    ASSERT_NE(core_table(users), nullptr);

    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables(tables);
    archive::Contents contents;
    contents.tables = tables;
    writer.finish(contents);
    archive::ArchiveReader reader;
    reader.open(directory / "archive", "test");
    EXPECT_TRUE(reader.tables()[1] == users);
    const TableStatements in_postgresql = render(users, SqlDialect::postgresql);
    EXPECT_EQ(in_postgresql.create.size(), 3U);
    EXPECT_EQ(in_postgresql.foreign_keys.size(), 1U);
}

TEST(PortableTable, OfThePortableSchemaMustNotBeWeaker)
{
    const std::vector<PortableTable> tables = core_tables();
    PortableTable conversations = tables[2];
    ASSERT_EQ(conversations.name, "conversations");
    ASSERT_NE(core_table(conversations), nullptr);
    PortableTable other = conversations;
    other.columns[2].not_null = false;
    EXPECT_EQ(core_table(other), nullptr);
    other = conversations;
    other.foreign_keys.clear();
    EXPECT_EQ(core_table(other), nullptr);
    other = conversations;
    other.automatic_id = false;
    EXPECT_EQ(core_table(other), nullptr);
    other = conversations;
    other.columns[3].type = PortableType::blob;
    EXPECT_EQ(core_table(other), nullptr);
    other = conversations;
    other.columns.erase(other.columns.begin() + 4);
    EXPECT_EQ(core_table(other), nullptr);
    const auto relationships = std::find_if(tables.begin(), tables.end(),
                                            [](const PortableTable& table) { return table.name == "relationships"; });
    other = *relationships;
    ASSERT_NE(core_table(other), nullptr);
    other.unique.clear();
    EXPECT_EQ(core_table(other), nullptr);
}

TEST(PortableTable, TypesThatSqliteLeavesOpenAreChosenByContent)
{
    test::TestDirectory directory;
    sqlite::OpenOptions options;
    options.path = directory / "open";
    sqlite::Connection connection(options);
    connection.execute(
        "CREATE TABLE t (a NUMERIC, b NUMERIC, c, d, e DATETIME, f VARCHAR(3), g BIGINT, h DECIMAL(9,2), "
        "i BOOL, j MONEY);"
        "INSERT INTO t VALUES (1, 1.5, 'x', x'00', '2026-01-01', 'abc', 1, 2, 1, NULL);"
        "INSERT INTO t VALUES (2, 2, 7, NULL, NULL, NULL, NULL, 3, NULL, NULL)");
    const PortableTable table = archive::read_tables(connection).at(0);
    std::vector<PortableType> types;
    for (const PortableColumn& one : table.columns)
        types.push_back(one.type);
    using enum PortableType;
    EXPECT_EQ(types,
              (std::vector<PortableType>{integer, real, text, blob, text, text, integer, integer, boolean, text}));
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(content)");
    EXPECT_STORAGE_ERROR(archive::read_tables(connection), unsupported);
}

TEST(PortableTable, KeysThatSqliteFillsAreToldFromOthers)
{
    test::TestDirectory directory;
    sqlite::OpenOptions options;
    options.path = directory / "keys";
    sqlite::Connection connection(options);
    connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id BIGINT PRIMARY KEY);"
                       "CREATE TABLE c (id INTEGER PRIMARY KEY, x) WITHOUT ROWID;"
                       "CREATE TABLE d (x INTEGER, y INTEGER, PRIMARY KEY (y, x));"
                       "CREATE TABLE e (x INTEGER REFERENCES D, y INTEGER, FOREIGN KEY (Y, X) REFERENCES D)");
    const std::vector<PortableTable> tables = archive::read_tables(connection);
    ASSERT_EQ(tables.size(), 5U);
    EXPECT_TRUE(tables[0].automatic_id);
    EXPECT_FALSE(tables[1].automatic_id);
    EXPECT_FALSE(tables[2].automatic_id);
    EXPECT_EQ(tables[3].primary_key, (std::vector<std::string>{"y", "x"}));
    ASSERT_EQ(tables[4].foreign_keys.size(), 2U);
    EXPECT_EQ(tables[4].foreign_keys[0].table, "d");
    EXPECT_EQ(tables[4].foreign_keys[0].columns, (std::vector<std::string>{"y", "x"}));
    EXPECT_EQ(tables[4].foreign_keys[0].target_columns, (std::vector<std::string>{"y", "x"}));
}

TEST(PortableDefault, IsReadWhereItMeansTheSameEverywhere)
{
    using enum PortableType;
    const auto value = [](Value one) { return PortableDefault{false, std::move(one)}; };
    const std::vector<std::tuple<const char*, PortableType, std::optional<PortableDefault>>> cases{
        {"0", integer, value(0)},
        {"'-1'::integer", integer, value(-1)},
        {"(-1)", integer, value(-1)},
        {"('-5'::integer)::bigint", integer, value(-5)},
        {"nextval('t_id_seq'::regclass)", integer, std::nullopt},
        {"1 + 1", integer, std::nullopt},
        {"9223372036854775808", integer, std::nullopt},
        {"NULL::integer", integer, std::nullopt},
        {"0.5", real, value(0.5)},
        {"'-0.5'::numeric", real, value(-0.5)},
        {"'NaN'::double precision", real, std::nullopt},
        {"true", boolean, value(true)},
        {"FALSE", boolean, value(false)},
        {"1", boolean, value(true)},
        {"'t'::boolean", boolean, value(true)},
        {"'it''s'::text", text, value("it's")},
        {"'[]'", text, value("[]")},
        {"''::character varying(20)", text, value("")},
        {"1.5", text, value("1.5")},
        {"'{}'::jsonb", text, value("{}")},
        {"'{}'::\"my type\"[]", text, value("{}")},
        {"'a' || 'b'", text, std::nullopt},
        {"'a'::text || 'b'::text", text, std::nullopt},
        {"md5('x')", text, std::nullopt},
        {"CURRENT_USER", text, std::nullopt},
        {"now()", timestamp, PortableDefault{true, Value()}},
        {"CURRENT_TIMESTAMP", timestamp, PortableDefault{true, Value()}},
        {"strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'", timestamp, PortableDefault{true, Value()}},
        {"now() + '1 day'::interval", timestamp, std::nullopt},
        {"'2026-01-01'::timestamp with time zone", timestamp, std::nullopt},
        {"'\\x00'::bytea", blob, std::nullopt},
        {"", text, std::nullopt},
        {"'open", text, std::nullopt},
    };
    for (const auto& [sql, type, expected] : cases)
        EXPECT_TRUE(read_default(sql, type) == expected) << sql;
}

Rows album_rows()
{
    RowsBuilder rows(std::vector<std::string>{"number", "name"});
    rows.add(std::int64_t(1));
    rows.add_text("tab\there");
    rows.add(std::int64_t(-7));
    rows.add_null();
    return rows.finish();
}

TEST(Archive, RowsComeBackInTheOrderOfColumnsAsked)
{
    test::TestDirectory directory;
    const PortableTable table = album_table();
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables({table});
    writer.insert(table, album_rows());
    archive::Contents contents;
    contents.tables = {table};
    writer.finish(contents);
    archive::ArchiveReader reader;
    reader.open(directory / "archive", "test");
    reader.select(table, {"name", "number"});
    const Rows rows = reader.read();
    ASSERT_EQ(rows.size(), 2U);
    const std::size_t second = rows[0][1] == 1 ? 1 : 0;
    EXPECT_TRUE(rows[second][0].is_null());
    EXPECT_EQ(rows[second][1], -7);
    EXPECT_EQ(rows[1 - second][0], "tab\there");
    EXPECT_TRUE(reader.read().empty());
}

TEST(Archive, ManyRowsComeInPieces)
{
    test::TestDirectory directory;
    const PortableTable table = album_table();
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables({table});
    constexpr std::int64_t count = 300;
    RowsBuilder rows(std::vector<std::string>{"number", "name"});
    for (std::int64_t i = 0; i < count; ++i) {
        rows.add(i);
        rows.add_text(std::string(10'000, 'x'));
    }
    writer.insert(table, rows.finish());
    archive::Contents contents;
    contents.tables = {table};
    writer.finish(contents);
    archive::ArchiveReader reader;
    reader.open(directory / "archive", "test");
    reader.select(table, {"number", "name"});
    std::int64_t read = 0;
    std::size_t pieces = 0;
    for (Rows piece = reader.read(); !piece.empty(); piece = reader.read()) {
        read += static_cast<std::int64_t>(piece.size());
        ++pieces;
        EXPECT_LE(piece.size(), 110U); // about 1 MiB
    }
    EXPECT_EQ(read, count);
    EXPECT_EQ(pieces, 3U);
}

TEST(Archive, AYearZeroIsKept)
{
    test::TestDirectory directory;
    PortableTable table = album_table();
    table.columns[1].type = PortableType::timestamp;
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables({table});
    RowsBuilder rows(std::vector<std::string>{"number", "name"});
    rows.add(std::int64_t(1));
    rows.add_text("0000-12-31T23:59:59.000001Z");
    writer.insert(table, rows.finish());
    archive::Contents contents;
    contents.tables = {table};
    writer.finish(contents);
    archive::ArchiveReader reader;
    reader.open(directory / "archive", "test");
    reader.select(table, {"name"});
    EXPECT_EQ(reader.read().front()[0], "0000-12-31T23:59:59.000001Z");
    EXPECT_TRUE(reader.read().empty());
}

TEST(Archive, NoFileIsLeftOfOneThatWasNotFinished)
{
    test::TestDirectory directory;
    {
        archive::ArchiveWriter writer(directory / "archive", "test");
        writer.create_tables({album_table()});
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
    test::write_file(directory / "archive", "there");
    EXPECT_STORAGE_ERROR(archive::ArchiveWriter(directory / "archive", "test"), already_exists);
}

TEST(Archive, RowsThatReferToMissingOnesAreTold)
{
    test::TestDirectory directory;
    const std::vector<PortableTable> tables{song_table(), album_table()};
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables(tables);
    RowsBuilder rows(std::vector<std::string>{"id", "title", "length", "live", "written", "cover", "album \"no\""});
    rows.add(std::int64_t(1));
    rows.add_text("t");
    rows.add_null();
    rows.add(true);
    rows.add_null();
    rows.add_null();
    rows.add(std::int64_t(12));
    writer.insert(tables[0], rows.finish());
    archive::Contents contents;
    contents.tables = tables;
    EXPECT_STORAGE_ERROR(writer.finish(contents), corrupt);
}

TEST(Archive, ValuesThatThePortableSchemaDoesNotAllowAreTold)
{
    test::TestDirectory directory;
    const std::vector<PortableTable> tables = core_tables();
    const PortableTable& metrics = *std::find_if(
        tables.begin(), tables.end(), [](const PortableTable& table) { return table.name == "performance_metrics"; });
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables({metrics});
    RowsBuilder rows(std::vector<std::string>{"id", "metric_name", "metric_value", "timestamp", "tags"});
    rows.add(std::int64_t(1));
    rows.add_text("m");
    rows.add(std::numeric_limits<double>::quiet_NaN());
    rows.add_text("2026-01-01T00:00:00.000000Z");
    rows.add_text("{}");
    writer.insert(metrics, rows.finish());
    archive::Contents contents;
    contents.tables = {metrics};
    const StorageError error = test::error_of([&] { writer.finish(contents); });
    EXPECT_EQ(error.errc(), StorageErrc::constraint_violation);
    EXPECT_NE(error.message().find("performance_metrics"), std::string::npos) << error.what();
}

/// A value for each kind of column, and values that are almost one.
std::vector<Value> candidates()
{
    std::vector<Value> out{Value(),
                           Value(true),
                           Value(0),
                           Value(1),
                           Value(2),
                           Value(-0.5),
                           Value(1.0),
                           Value("text"),
                           Value(std::numeric_limits<double>::infinity()),
                           Value(std::numeric_limits<double>::quiet_NaN()),
                           Value(Blob{std::byte{1}})};
    for (const char* time :
         {"2026-01-01T00:00:00.000000Z", "0000-02-29T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z",
          "2025-02-29T00:00:00.000000Z", "2026-01-01T00:00:60.000000Z", "2026-01-01t00:00:00.000000Z",
          "2026-01-01T24:00:00.000000Z", "2026-01-01T00:00:00.000+01:00", "infinity", "2026-01-01T00:00:00.0000000"})
        out.emplace_back(time);
    return out;
}

/// Makes the temporary table "one" of a column of the portable schema alone, as SQLite has it.
void make_table_of(sqlite::Connection& connection, const Table& table, const Column& column)
{
    for (const auto& [name, sql] : WhisperEngineSchema::get_core_schema().render(SqlDialect::sqlite)) {
        if (name != table.name)
            continue;
        const std::size_t begin = sql.find("    " + column.name + " ");
        std::string definition = sql.substr(begin, sql.find('\n', begin) - begin);
        if (definition.ends_with(','))
            definition.pop_back();
        connection.execute("DROP TABLE IF EXISTS temp.one; CREATE TEMP TABLE one (" + definition + ")");
    }
}

TEST(Archive, TypesThatAreSeenToHoldAreThoseThatSqliteTakes)
{
    test::TestDirectory directory;
    sqlite::OpenOptions options;
    options.path = directory / "empty";
    sqlite::Connection connection(options);
    connection.execute("PRAGMA foreign_keys=OFF");
    for (const PortableTable& table : core_tables()) {
        const archive::TypeChecks checks(table);
        const Table& core = *core_table(table);
        for (std::size_t place = 0; place < table.columns.size(); ++place) {
            const Column& column = core.columns.at(place);
            ASSERT_EQ(column.name, table.columns[place].name);
            if (column.type == ColumnType::automatic_id)
                continue;
            make_table_of(connection, core, column);
            std::size_t held = 0;
            for (const Value& value : candidates()) {
                EXPECT_TRUE(checks.hold(place, ValueView()));
                if (value.kind() == ValueKind::null || !checks.hold(place, value.view()))
                    continue;
                ++held;
                sqlite::Statement insert = connection.prepare_once("INSERT OR REPLACE INTO temp.one VALUES (?1)");
                insert.bind(1, value);
                EXPECT_NO_THROW(insert.run()) << table.name << "." << column.name;
            }
            EXPECT_GT(held, 0U) << table.name << "." << column.name << " is always looked at by SQLite";
        }
    }
}

TEST(Archive, IdsGivenBeforeAreRemembered)
{
    test::TestDirectory directory;
    std::vector<PortableTable> tables{song_table(), album_table()};
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables(tables);
    archive::Contents contents;
    contents.tables = tables;
    contents.last_ids.emplace_back(tables[0].name, 5000);
    writer.finish(contents);
    archive::ArchiveReader reader;
    reader.open(directory / "archive", "test");
    ASSERT_EQ(reader.last_ids().size(), 1U);
    EXPECT_EQ(reader.last_ids()[0], std::pair(tables[0].name, std::int64_t(5000)));
}

TEST(Archive, DefinitionsAreForgottenOnceTheTablesHaveChanged)
{
    test::TestDirectory directory;
    archive::ArchiveWriter writer(directory / "archive", "test");
    writer.create_tables({album_table()});
    archive::Contents contents;
    contents.tables = {album_table()};
    contents.definitions = {archive::Definition{"table", "albums", "CREATE TABLE albums (number integer)"},
                            archive::Definition{"view", "v", "CREATE VIEW v AS SELECT 1"}};
    writer.finish(contents);
    const auto read = [&] {
        archive::ArchiveReader reader;
        reader.open(directory / "archive", "test");
        EXPECT_EQ(reader.tables().size(), 1U); // that of the definitions is none of the application's
        return reader.definitions();
    };
    EXPECT_TRUE(read() == contents.definitions);
    {
        sqlite::OpenOptions options;
        options.path = directory / "archive";
        options.archive = true;
        sqlite::Connection connection(options);
        connection.execute("CREATE INDEX another ON albums (name)");
    }
    EXPECT_TRUE(read().empty());
}

} // namespace
} // namespace whisperstore

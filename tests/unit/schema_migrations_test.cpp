#include "database/migration_plan.hpp"
#include "database/migration_script.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/database/migration_folder.hpp>

#include <filesystem>

namespace whisperstore::test {
namespace {

std::string order_of(std::vector<std::string> versions)
{
    std::vector<Migration> migrations;
    for (const std::string& version : versions)
        migrations.push_back(Migration{version, "", ""});
    std::string text;
    for (const Migration& one : ordered_migrations(migrations, MigrationOrder::by_version))
        text.append(text.empty() ? "" : " ").append(one.version);
    return text;
}

TEST(MigrationVersions, AreOrderedNumberByNumber)
{
    EXPECT_EQ(order_of({"10", "2", "1.10", "1.9", "0003", "20261130120000", "1"}),
              "1 1.9 1.10 2 0003 10 20261130120000");
    for (const char* wrong : {"", "a", "1a", "v1", "1-2", "1..2", ".1", "1.", "+1", " 1", "1 "}) {
        EXPECT_FALSE(is_migration_version(wrong)) << wrong;
        EXPECT_STORAGE_ERROR(order_of({wrong}), invalid_argument);
    }
    EXPECT_STORAGE_ERROR(order_of({"99999999999999999999999"}), invalid_argument); // more than 64 bits
    EXPECT_STORAGE_ERROR(order_of({"1.2", "3", "1.2.0"}), invalid_argument);
    EXPECT_STORAGE_ERROR(order_of({"7", "007"}), invalid_argument);
}

TEST(MigrationVersions, AListAsGivenKeepsItsOrderAndItsTwins)
{
    const auto list = ordered_migrations({{"b", "", "1"}, {"", "", "2"}, {"a", "", "3"}, {"", "", "2"}, {"b", "", "1"}},
                                         MigrationOrder::as_given);
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0].version, "b");
    EXPECT_TRUE(list[1].version.starts_with("sha256:"));
    EXPECT_EQ(list[2].version, "a");
    EXPECT_STORAGE_ERROR(ordered_migrations({{"b", "", "1"}, {"b", "", "2"}}, MigrationOrder::as_given),
                         version_mismatch);
}

TEST(MigrationScript, SaysInItsFirstLinesThatItRunsWithoutATransaction)
{
    for (const char* without :
         {"-- no-transaction", "--no-transaction\nSELECT 1", "\n\n-- what\n  --  no-transaction \r\nSELECT 1",
          "-- version: 3 x\n-- no-transaction\n"})
        EXPECT_FALSE(runs_in_transaction(without)) << without;
    for (const char* within : {"", "SELECT 1", "SELECT 1;\n-- no-transaction\n", "-- no-transactions\nSELECT 1",
                               "/* \n-- no-transaction\n*/", "SELECT '\n-- no-transaction\n'"})
        EXPECT_TRUE(runs_in_transaction(within)) << within;
}

TEST(MigrationScript, HasTheSameChecksumWhateverEndsItsLines)
{
    EXPECT_EQ(migration_checksum("a;\nb;\n"), migration_checksum("a;\r\nb;\r\n"));
    EXPECT_NE(migration_checksum("a;\nb;\n"), migration_checksum("a;\nb;"));
    EXPECT_NE(migration_checksum("a\rb"), migration_checksum("ab"));
    EXPECT_EQ(migration_checksum(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

MigrationRecord record(const std::string& version, const std::string& script, bool ended = true)
{
    MigrationRecord made;
    made.version = version;
    made.checksum = migration_checksum(script);
    if (ended)
        made.execution_time_ms = 5;
    return made;
}

TEST(MigrationPlan, NothingIsPlannedPastWhatIsWrong)
{
    const auto order = MigrationOrder::by_version;
    const std::vector<Migration> given =
        ordered_migrations({{"1", "", "a"}, {"2", "", "b"}, {"3", "", "c"}, {"4", "", "d"}}, order);
    const auto plan = [&](std::vector<MigrationRecord> records, const SchemaMigrationOptions& options) {
        const auto known = compare_migrations(given, std::move(records), order);
        std::string text;
        for (const MigrationStep& step : steps_to_apply(known, order, options))
            text.append(text.empty() ? "" : " ").append(step.planned.version).append(step.planned.resumes ? "!" : "");
        return text;
    };
    SchemaMigrationOptions options;
    EXPECT_EQ(plan({}, options), "1 2 3 4");
    EXPECT_EQ(plan({record("01", "a"), record("2.0", "b")}, options), "3 4");
    EXPECT_STORAGE_ERROR(plan({record("1", "a"), record("2", "x")}, options), version_mismatch);
    EXPECT_STORAGE_ERROR(plan({record("1", "a"), record("3", "c")}, options), version_mismatch);
    EXPECT_STORAGE_ERROR(plan({record("1", "a"), record("2", "b", false)}, options), version_mismatch);
    // Also where only a part is asked for.
    options.to = "1";
    EXPECT_STORAGE_ERROR(plan({record("1", "a"), record("2", "x")}, options), version_mismatch);
    EXPECT_EQ(plan({record("3", "c")}, SchemaMigrationOptions{"", true, false, {}, {}}), "1 2 4");
    options = SchemaMigrationOptions();
    options.resume = true;
    EXPECT_EQ(plan({record("1", "a"), record("2", "mended since", false)}, options), "2! 3 4");
    options.to = "2.5";
    EXPECT_STORAGE_ERROR(plan({}, options), not_found);
    options.to = "two";
    EXPECT_STORAGE_ERROR(plan({}, options), invalid_argument);
}

class MigrationFolder : public testing::Test
{
protected:
    void write(const std::string& name, const std::string& script) { write_file(directory / name, script); }
    std::vector<Migration> read(SqlDialect dialect = SqlDialect::sqlite)
    {
        return read_migration_folder(directory.path(), dialect);
    }
    StorageError refused()
    {
        return error_of([&] { read(); });
    }

    TestDirectory directory;
};

TEST_F(MigrationFolder, IsReadInTheOrderOfVersions)
{
    EXPECT_TRUE(read().empty());
    write("10_ten.sql", "ten");
    write("0002_two_words.up.sql", "\xEF\xBB\xBFtwo");
    write("0002_two_words.down.sql", "");
    write("1.10_b.up.sql", "b");
    write("1.9_a.up.sql", "a");
    write("README.md", "no script");
    write(".10_hidden.sql", "no script");
    std::filesystem::create_directory(directory / "old.sql");
    const std::vector<Migration> list = read();
    ASSERT_EQ(list.size(), 4U);
    EXPECT_EQ(list[0].version, "1.9");
    EXPECT_EQ(list[1].version, "1.10");
    EXPECT_EQ(list[2].version, "0002");
    EXPECT_EQ(list[2].name, "two words");
    EXPECT_EQ(list[2].script, "two");
    EXPECT_FALSE(list[2].undo_script.empty()); // nothing to do is a way back
    EXPECT_TRUE(list[3].undo_script.empty());
    EXPECT_STORAGE_ERROR(read_migration_folder(directory / "nowhere", SqlDialect::sqlite), not_found);
    EXPECT_STORAGE_ERROR(read_migration_folder(directory / "README.md", SqlDialect::sqlite), not_found);
}

TEST_F(MigrationFolder, HasVariantsForOneDatabase)
{
    write("1_a.up.sql", "common");
    write("1_a.up.postgresql.sql", "postgresql");
    write("1_a.down.sqlite.sql", "back");
    write("2_b.postgresql.sql", "postgresql");
    write("2_b.sqlite.sql", "sqlite");
    const std::vector<Migration> here = read();
    const std::vector<Migration> there = read(SqlDialect::postgresql);
    EXPECT_EQ(here[0].script, "common");
    EXPECT_EQ(here[0].undo_script, "back");
    EXPECT_EQ(there[0].script, "postgresql");
    EXPECT_EQ(there[0].undo_script, "");
    EXPECT_EQ(here[0].other_checksums, std::vector<std::string>(1, migration_checksum("postgresql")));
    EXPECT_EQ(there[1].other_checksums, std::vector<std::string>(1, migration_checksum("sqlite")));
    write("3_c.postgresql.sql", "postgresql");
    EXPECT_NE(refused().message().find("has no script for sqlite"), std::string::npos);
}

TEST_F(MigrationFolder, RefusesWhatWouldBeForgotten)
{
    for (const char* name : {"a.sql", "1.sql", "1_.sql", "_a.sql", "v1_a.sql", "1-a.sql", "1_a.dwon.sql",
                             "1_a.up.postgres.sql", "1_a.sqlite.up.sql", "1a_b.sql"}) {
        write(name, "SELECT 1");
        const StorageError error = refused();
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << name;
        EXPECT_NE(error.message().find(std::string("'") + name + "'"), std::string::npos) << error.what();
        std::filesystem::remove(directory / name);
    }
    write("1_a.down.sql", "SELECT 1");
    EXPECT_NE(refused().message().find("has no .up.sql"), std::string::npos);
    write("1_a.up.sql", "SELECT 1");
    EXPECT_EQ(read().size(), 1U);
    for (const char* twin : {"01_a.up.sql", "1_b.up.sql", "1_a.sql", "1.0_a.down.sql"}) {
        write(twin, "SELECT 1");
        EXPECT_NE(refused().message().find("same version"), std::string::npos) << twin;
        std::filesystem::remove(directory / twin);
    }
    write("1_a.up.sql", "SELECT '\xFF'");
    EXPECT_EQ(refused().errc(), StorageErrc::invalid_argument);
}

} // namespace
} // namespace whisperstore::test

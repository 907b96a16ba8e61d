// What goes wrong around a database file: folders that cannot be written, damage, another process, a
// full disk, a kill in the middle of a restore.
#include "sqlite/store.hpp"
#include "support/child_process.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/database/sqlite_adapter.hpp>

#include <gtest/gtest.h>

#include <random>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::test {
namespace {

std::shared_ptr<SQLiteAdapter> adapter(const std::filesystem::path& path, bool read_only = false)
{
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + path.string();
    config.read_only = read_only;
    config.busy_timeout = std::chrono::milliseconds(500);
    return std::make_shared<SQLiteAdapter>(config);
}

std::shared_ptr<SQLiteAdapter> opened(const std::filesystem::path& path, bool read_only = false)
{
    auto database = adapter(path, read_only);
    run(database->connect());
    return database;
}

QueryResult query(SQLiteAdapter& database, std::string sql, Parameters values = Parameters())
{
    return run(database.execute_query(std::move(sql), std::move(values)));
}

std::int64_t count(SQLiteAdapter& database, const std::string& from)
{
    return query(database, "SELECT count(*) AS n FROM " + from).rows[0]["n"].as_int();
}

void make_table(const std::filesystem::path& path)
{
    auto database = opened(path);
    query(*database, "CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT)");
    run(database->disconnect());
}

ChildProcess start_process(std::vector<std::string> arguments)
{
    arguments.insert(arguments.begin(), WHISPERSTORE_DATABASE_PROCESS);
    return ChildProcess(arguments);
}

void expect_sound(const std::filesystem::path& path) { EXPECT_NO_THROW(sqlite::check_file(path, "sqlite")); }

/// Whether a backup or restore left something half-made.
bool has_partial_files(const TestDirectory& directory)
{
    for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
        if (entry.path().string().find(".partial") != std::string::npos)
            return true;
    return false;
}

// ---- folders and files

TEST(DatabaseFaults, AFolderThatCannotBeMade)
{
    const TestDirectory directory;
    write_file(directory / "file", "");
    auto database = adapter(directory / "file" / "below" / "database.db");
    const StorageError error = error_of([&] { run(database->connect()); });
    EXPECT_EQ(error.errc(), StorageErrc::permission) << error.what();
    EXPECT_NE(error.message().find((directory / "file").string()), std::string::npos) << error.what();
    EXPECT_EQ(error.backend(), "sqlite");
    EXPECT_EQ(error.operation(), "connect");
    EXPECT_STORAGE_ERROR(run(database->execute_query("SELECT 1")), closed);
    EXPECT_STORAGE_ERROR(run(adapter("/proc/no/such/database.db")->connect()), not_found);
    EXPECT_STORAGE_ERROR(run(adapter(directory.path())->connect()), permission); // a folder itself
}

TEST(DatabaseFaults, AFolderWithoutTheRightToWrite)
{
    const TestDirectory directory;
    std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
    std::filesystem::create_directory(directory / "locked");
    std::filesystem::permissions(directory / "locked", std::filesystem::perms(0555));
    ChildProcess process = start_process({"nobody", (directory / "locked" / "database.db").string()});
    const std::string line = process.read_line();
    EXPECT_EQ(line.find("error permission"), 0U) << line;
    EXPECT_NE(line.find((directory / "locked").string()), std::string::npos) << line;
    EXPECT_TRUE(std::filesystem::is_empty(directory / "locked"));
}

TEST(DatabaseFaults, FilesAndFoldersArePrivate)
{
    const TestDirectory directory;
    const auto path = directory / "new" / "folder" / "database.db";
    auto database = opened(path);
    query(*database, "CREATE TABLE t (a BIGINT)");
    const auto mode = [](const std::filesystem::path& file) {
        struct ::stat status{};
        return ::stat(file.c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
    };
    EXPECT_EQ(mode(directory / "new"), 0700U);
    EXPECT_EQ(mode(directory / "new" / "folder"), 0700U);
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path.parent_path())) {
        EXPECT_EQ(mode(entry.path()), 0600U) << entry.path();
        ++files;
    }
    EXPECT_EQ(files, 4U); // database, -wal, -shm, lock
    run(database->disconnect());
    EXPECT_FALSE(std::filesystem::exists(path.string() + "-wal")); // folded in
}

// ---- damage

TEST(DatabaseFaults, WhatIsNoDatabaseIsCorruptAndLeftAlone)
{
    const TestDirectory directory;
    const std::string texts[] = {"this is not a database", std::string(5000, 'x'),
                                 std::string("SQLite format 3\0", 16) + std::string(4080, '\xFF')};
    for (const std::string& text : texts) {
        write_file(directory / "database.db", text);
        for (const bool read_only : {false, true}) {
            const StorageError error = error_of([&] { run(adapter(directory / "database.db", read_only)->connect()); });
            EXPECT_EQ(error.errc(), StorageErrc::corrupt) << error.what();
            EXPECT_NE(error.message().find("database.db"), std::string::npos) << error.what();
            EXPECT_NE(error.message().find("restore"), std::string::npos) << error.what(); // what to do
            EXPECT_EQ(read_file(directory / "database.db"), text);
        }
    }
}

// A connection that is not closed would keep its locks as well.
TEST(DatabaseFaults, AFailedOpeningLeavesNoFileOpen)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    write_file(path, std::string(5000, 'x'));
    EXPECT_STORAGE_ERROR(run(adapter(path)->connect()), corrupt);
    for (const auto& descriptor : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code closed; // that of the iterator itself
        EXPECT_NE(std::filesystem::read_symlink(descriptor.path(), closed), path);
    }
}

TEST(DatabaseFaults, DamagedPagesAreToldAndNotMadeWorse)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    {
        auto database = opened(path);
        query(*database, "CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT)");
        query(*database, "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
                         "SELECT i, 'row number ' || i FROM n");
        run(database->disconnect());
    }
    std::string damaged = read_file(path);
    ASSERT_GT(damaged.size(), 40000U);
    std::fill(damaged.begin() + 8192, damaged.begin() + 32768, '\xAA');
    write_file(path, damaged);
    auto database = opened(path);
    EXPECT_STORAGE_ERROR(query(*database, "SELECT max(b), sum(a) FROM t"), corrupt);
    EXPECT_STORAGE_ERROR(query(*database, "DELETE FROM t"), corrupt);
    EXPECT_STORAGE_ERROR(run(database->backup_database(directory / "copy")), corrupt);
    EXPECT_FALSE(std::filesystem::exists(directory / "copy"));
    run(database->disconnect());
    EXPECT_EQ(read_file(path), damaged);

    // A truncated file is told when its missing pages are needed, at the latest.
    write_file(path, damaged.substr(0, 12288));
    const StorageError error = error_of([&] {
        auto short_database = opened(path);
        query(*short_database, "SELECT max(b), sum(a) FROM t");
    });
    EXPECT_EQ(error.errc(), StorageErrc::corrupt) << error.what();
}

// ---- other processes

TEST(DatabaseFaults, ASecondWriterIsToldWhoHoldsTheDatabase)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    ChildProcess holder = start_process({"hold", path.string()});
    EXPECT_EQ(holder.read_line(), "open " + std::to_string(holder.id()));
    const auto refused = [&](const std::filesystem::path& name) {
        const StorageError error = error_of([&] { run(adapter(name)->connect()); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
        EXPECT_TRUE(error.retryable());
        EXPECT_NE(error.message().find("process " + std::to_string(holder.id()) + " since 20"), std::string::npos)
            << error.what();
    };
    refused(path);
    std::filesystem::create_symlink(path, directory / "alias.db");
    refused(directory / "alias.db"); // one file, whatever it is called
    refused(directory.path() / "." / "database.db");

    auto reader = opened(path, true); // beside it
    EXPECT_EQ(count(*reader, "t"), 0);
    run(reader->disconnect());
    holder.kill(); // however it ends
    auto writer = opened(path);
    query(*writer, "INSERT INTO t VALUES (1, 'mine now')");
    const StorageError own = error_of([&] { run(adapter(path)->connect()); });
    EXPECT_NE(own.message().find("process " + std::to_string(::getpid())), std::string::npos) << own.what();
}

TEST(DatabaseFaults, ReadersSeeCommitsOfAnotherProcessOnTheirNextCall)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    auto reader = opened(path, true);
    ChildProcess writer = start_process({"insert", path.string()});
    for (int i = 0; i < 200; ++i) {
        const std::int64_t acknowledged = std::stoll(writer.read_line());
        ASSERT_GE(query(*reader, "SELECT max(a) AS m FROM t").rows[0]["m"].as_int(), acknowledged);
    }
    EXPECT_STORAGE_ERROR(query(*reader, "INSERT INTO t VALUES (-1, 'x')"), permission);
    EXPECT_STORAGE_ERROR(run(reader->begin_transaction()), permission);
    RowStream stream = run(reader->stream_query("SELECT a FROM t"));
    EXPECT_FALSE(run(stream.next()).empty());
    run(reader->backup_database(directory / "copy")); // allowed to readers, too
    expect_sound(directory / "copy");

    writer.kill();
    const std::int64_t after = count(*reader, "t"); // and when the writer is gone
    EXPECT_GE(after, 200);
    run(reader->disconnect());
    EXPECT_EQ(count(*opened(path, true), "t"), after);
    EXPECT_EQ(count(*opened(path), "t"), after);
}

TEST(DatabaseFaults, ReadersNeedNoWriter)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    for (const char* suffix : {"-wal", "-shm"})
        std::filesystem::remove(path.string() + suffix);
    auto reader = opened(path, true);
    EXPECT_EQ(count(*reader, "t"), 0);
    const std::vector<QueryResult> both = run(reader->execute_transaction(
        queries(whisperstore::query("SELECT 1 AS v"), whisperstore::query("SELECT count(*) AS n FROM t"))));
    EXPECT_EQ(both[1].rows[0]["n"], 0);
    EXPECT_STORAGE_ERROR(run(reader->execute_transaction(queries(whisperstore::query("DELETE FROM t")))), permission);
    EXPECT_STORAGE_ERROR(run(reader->create_tables(TableDefinitions{{"u", "CREATE TABLE u (a TEXT)"}})), permission);
    EXPECT_STORAGE_ERROR(run(reader->restore_database(directory / "copy")), permission);
    auto writer = opened(path); // comes later
    query(*writer, "INSERT INTO t VALUES (1, 'x')");
    EXPECT_EQ(count(*reader, "t"), 1);
    run(writer->disconnect());
    EXPECT_EQ(count(*reader, "t"), 1);
    EXPECT_STORAGE_ERROR(run(adapter(directory / "absent.db", true)->connect()), not_found);
}

TEST(DatabaseFaults, AForeignLockIsWaitedForWithinTheCallersTime)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    auto database = opened(path); // waits 500 ms for locks
    sqlite::OpenOptions options;
    options.path = path;
    sqlite::Connection foreign(options); // such as the sqlite3 program
    foreign.execute("BEGIN IMMEDIATE");
    const StorageError busy = error_of([&] { query(*database, "INSERT INTO t VALUES (1, 'x')"); });
    EXPECT_EQ(busy.errc(), StorageErrc::unavailable) << busy.what();
    EXPECT_TRUE(busy.retryable());
    EXPECT_NE(busy.message().find("another process"), std::string::npos) << busy.what();
    const auto begun = std::chrono::steady_clock::now();
    const OperationContext soon = OperationContext::within(std::chrono::milliseconds(50));
    EXPECT_STORAGE_ERROR(run(database->execute_query("INSERT INTO t VALUES (1, 'x')", Parameters(), soon)), timeout);
    EXPECT_STORAGE_ERROR(run(database->begin_transaction(OperationContext::within(std::chrono::milliseconds(50)))),
                         timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(450));
    EXPECT_EQ(count(*database, "t"), 0); // reading goes on
    std::future<QueryResult> waiting = start(database->execute_query("INSERT INTO t VALUES (2, 'x')"));
    foreign.execute("ROLLBACK");
    EXPECT_EQ(wait(std::move(waiting)).row_count, 1);
    EXPECT_EQ(count(*database, "t"), 1);
}

// ---- a full disk

TEST(DatabaseFaults, AFullDiskLosesNothingAcknowledged)
{
    for (const int limit : {300000, 301000, 333333}) { // in the middle of a page, too
        const TestDirectory directory;
        const auto path = directory / "database.db";
        make_table(path);
        ChildProcess process = start_process({"full", path.string(), std::to_string(limit)});
        std::int64_t acknowledged = 0;
        std::string line;
        while ((line = process.read_line()).find("error") != 0)
            acknowledged = std::stoll(line) + 1;
        EXPECT_GT(acknowledged, 10);
        EXPECT_EQ(line.find("error resource_exhausted not_applied"), 0U) << line;
        EXPECT_EQ(process.read_line(), "again"); // with space it goes on, without a restart
        EXPECT_EQ(process.wait(), 0);
        expect_sound(path);
        auto database = opened(path);
        EXPECT_EQ(count(*database, "t"), acknowledged + 1);
        EXPECT_EQ(count(*database, "t WHERE a < " + std::to_string(acknowledged)), acknowledged);
    }
}

class SmallDisk : public testing::Test
{
protected:
    /// A store whose file may have so many pages.
    explicit SmallDisk(int pages = 40)
    {
        sqlite::StoreOptions options;
        options.open.path = directory / "store.db";
        store = std::make_shared<sqlite::Store>(options, [pages](sqlite::Connection& connection) {
            connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
            connection.execute("PRAGMA max_page_count=" + std::to_string(pages));
        });
    }
    static std::function<void(sqlite::Connection&)> inserting(int number, std::size_t bytes)
    {
        return [number, bytes](sqlite::Connection& connection) {
            sqlite::Statement insert = connection.prepare("INSERT INTO t VALUES (?1, ?2)");
            const std::string text(bytes, 'x');
            insert.bind(1, std::int64_t{number}).bind_text(2, text);
            insert.run();
        };
    }
    std::int64_t rows()
    {
        std::int64_t out = 0;
        std::function<void(sqlite::Connection&)> work = [&out](sqlite::Connection& connection) {
            out = connection.query_int("SELECT count(*) FROM t");
        };
        run(store->read(work, OperationContext()));
        return out;
    }

    TestDirectory directory;
    std::shared_ptr<sqlite::Store> store;
};

TEST_F(SmallDisk, OnlyWhatDoesNotFitFails)
{
    // All at once, so that they share a commit: one of them is far too large.
    std::vector<std::future<void>> all;
    for (int i = 0; i < 40; ++i)
        all.push_back(start(store->write(inserting(i, i == 20 ? 1000000 : 100), OperationContext())));
    for (int i = 0; i < 40; ++i) {
        if (i == 20)
            EXPECT_STORAGE_ERROR(wait(std::move(all[20])), resource_exhausted);
        else
            EXPECT_NO_THROW(wait(std::move(all[static_cast<std::size_t>(i)])));
    }
    EXPECT_EQ(rows(), 39);
}

TEST_F(SmallDisk, ItWorksAgainWhenThereIsSpace)
{
    int number = 0;
    const StorageError error = error_of([&] {
        for (; number < 10000; ++number)
            run(store->write(inserting(number, 3000), OperationContext()));
    });
    EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted) << error.what();
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_NE(error.message().find("space"), std::string::npos) << error.what();
    EXPECT_EQ(rows(), number);
    std::function<void(sqlite::Connection&)> more = [](sqlite::Connection& connection) {
        connection.execute("PRAGMA max_page_count=1000");
    };
    run(store->exclusive(more, OperationContext()));
    run(store->write(inserting(number, 3000), OperationContext()));
    EXPECT_EQ(rows(), number + 1);
    store->close();
    expect_sound(directory / "store.db");
}

// ---- backups and restores

TEST(DatabaseFaults, BackupsUnderWriteLoadAreSnapshots)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    ChildProcess other = start_process({"insert", path.string()}); // the writer is another process
    auto reader = opened(path, true);
    for (int i = 0; i < 24; ++i) {
        const std::int64_t acknowledged = std::stoll(other.read_line());
        const auto copy = directory / ("copy" + std::to_string(i));
        run(reader->backup_database(copy));
        expect_sound(copy);
        sqlite::OpenOptions options;
        options.path = copy;
        options.read_only = true;
        sqlite::Connection archive(options);
        // rows 0..n without a gap, at least what was acknowledged before
        EXPECT_EQ(archive.query_int("SELECT count(*) FROM t"), archive.query_int("SELECT max(a) + 1 FROM t"));
        EXPECT_GT(archive.query_int("SELECT count(*) FROM t"), acknowledged);
        EXPECT_EQ(archive.query_text("PRAGMA journal_mode"), "delete"); // one file, for any tool
    }
}

/// A database of rows 0..rows-1 with `text`.
void fill(SQLiteAdapter& database, int rows, const std::string& text)
{
    query(database, "DELETE FROM t");
    query(database,
          "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :rows) "
          "SELECT i, :text || i FROM n",
          params(arg("rows", rows), arg("text", text)));
}

// Seen in an earlier implementation: restore destroying the live data before looking at the backup.
TEST(DatabaseFaults, AKilledRestoreLeavesTheOldOrTheNew)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    const std::string long_text(400, 'b');
    {
        auto database = opened(path);
        fill(*database, 20000, long_text);
        run(database->backup_database(directory / "copy"));
    }
    std::mt19937 random(7); // NOLINT: the same moments on every run
    int old_ones = 0;
    int new_ones = 0;
    for (int round = 0; round < 30; ++round) {
        {
            auto database = opened(path);
            fill(*database, 500, "a");
        }
        ChildProcess process = start_process({"restore", path.string(), (directory / "copy").string()});
        EXPECT_EQ(process.read_line(), "open");
        process.write_line("go");
        const auto moment = std::chrono::microseconds(random() % 120000);
        const auto until = std::chrono::steady_clock::now() + moment;
        while (std::chrono::steady_clock::now() < until) {
        }
        process.kill();
        expect_sound(path);
        auto database = opened(path);
        const std::int64_t rows = count(*database, "t");
        EXPECT_TRUE(rows == 500 || rows == 20000) << rows;
        EXPECT_EQ(count(*database, "t WHERE b LIKE 'a%'"), rows == 500 ? 500 : 0);
        (rows == 500 ? old_ones : new_ones) += 1;
    }
    EXPECT_GT(old_ones, 0);
    RecordProperty("old", old_ones);
    RecordProperty("new", new_ones);
}

TEST(DatabaseFaults, ABackupThatIsNotOneOfOursIsRefusedWithTheOldDataKept)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    auto database = opened(path);
    fill(*database, 300, "mine ");
    run(database->backup_database(directory / "copy"));
    const std::string good = read_file(directory / "copy");
    fill(*database, 400, "newer ");

    const auto changed = [&](const std::string& name, const std::string& sql) {
        write_file(directory / name, good);
        sqlite::OpenOptions options;
        options.path = directory / name;
        options.archive = true;
        sqlite::Connection(options).execute(sql);
        return directory / name;
    };
    write_file(directory / "empty", "");
    write_file(directory / "text", "not a database at all");
    std::string damaged = good;
    std::fill(damaged.begin() + 5000, damaged.begin() + 9000, 'x');
    write_file(directory / "damaged", damaged);
    write_file(directory / "short", good.substr(0, good.size() - 4096));
    std::string unknown_encoding = good;
    unknown_encoding[59] = 100; // which SQLite takes for UTF-8 once, and then for none
    write_file(directory / "unknown encoding", unknown_encoding);
    {
        sqlite::OpenOptions options;
        options.path = directory / "other encoding";
        options.archive = true;
        sqlite::Connection(options).execute("PRAGMA encoding='UTF-16'; PRAGMA application_id=0x57536462;"
                                            "CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT)");
    }
    const struct
    {
        std::filesystem::path path;
        StorageErrc code;
    } cases[] = {
        {directory / "empty", StorageErrc::corrupt},
        {directory / "text", StorageErrc::corrupt},
        {directory / "damaged", StorageErrc::corrupt},
        {directory / "short", StorageErrc::corrupt},
        {directory / "absent", StorageErrc::not_found},
        {directory.path(), StorageErrc::not_found},
        {path, StorageErrc::invalid_argument}, // itself
        {changed("foreign", "PRAGMA application_id=7"), StorageErrc::corrupt},
        {directory / "unknown encoding", StorageErrc::version_mismatch},
        {directory / "other encoding", StorageErrc::version_mismatch},
        {changed("newer format", "PRAGMA user_version=99"), StorageErrc::version_mismatch},
        {changed("newer schema", "CREATE TABLE schema_migrations (version TEXT);"
                                 "INSERT INTO schema_migrations VALUES ('whisperengine_core.9');"
                                 "INSERT INTO schema_migrations VALUES ('whisperengine_core.10')"),
         StorageErrc::version_mismatch},
        {changed("orphans", "PRAGMA foreign_keys=OFF; CREATE TABLE p (a INTEGER PRIMARY KEY);"
                            "CREATE TABLE c (a INTEGER REFERENCES p(a)); INSERT INTO c VALUES (1)"),
         StorageErrc::corrupt},
    };
    for (const auto& [archive, code] : cases) {
        const StorageError error = error_of([&, archive = archive] { run(database->restore_database(archive)); });
        EXPECT_EQ(to_string(error.errc()), to_string(code)) << archive << " " << error.what();
        EXPECT_EQ(error.operation(), "restore_database");
        EXPECT_EQ(count(*database, "t WHERE b LIKE 'newer %'"), 400) << archive;
    }
    query(*database, "INSERT INTO t VALUES (-1, 'still writable')");
    run(database->restore_database(directory / "copy"));
    EXPECT_EQ(count(*database, "t WHERE b LIKE 'mine %'"), 300);
    EXPECT_EQ(count(*database, "t"), 300);
}

TEST(DatabaseFaults, BackupsWithOtherPageSizesAreRestored)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    auto database = opened(path);
    fill(*database, 3000, "kept ");
    run(database->backup_database(directory / "copy"));
    for (const int pages : {512, 1024, 16384, 65536}) {
        const auto other = directory / ("copy" + std::to_string(pages));
        std::filesystem::copy_file(directory / "copy", other);
        {
            sqlite::OpenOptions options;
            options.path = other;
            options.archive = true;
            sqlite::Connection archive(options);
            archive.execute("PRAGMA page_size=" + std::to_string(pages) + "; VACUUM;");
            ASSERT_EQ(archive.query_int("PRAGMA page_size"), pages);
        }
        const std::string before = read_file(other);
        fill(*database, 10, "lost ");
        run(database->restore_database(other));
        EXPECT_EQ(count(*database, "t WHERE b LIKE 'kept %'"), 3000) << pages;
        EXPECT_EQ(query(*database, "PRAGMA page_size").rows[0][0], 4096);
        EXPECT_EQ(read_file(other), before); // the backup is only read
        query(*database, "INSERT INTO t VALUES (-1, 'and it is writable')");
    }
    EXPECT_FALSE(has_partial_files(directory));
    run(database->disconnect());
    expect_sound(path);
}

TEST(DatabaseFaults, BackupsAndRestoresCanBeStopped)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    auto database = opened(path);
    fill(*database, 60000, std::string(300, 'x'));
    run(database->backup_database(directory / "copy"));
    const auto at_once = [] { return OperationContext::within(std::chrono::milliseconds(3)); };
    EXPECT_STORAGE_ERROR(run(database->backup_database(directory / "late", at_once())), timeout);
    EXPECT_FALSE(std::filesystem::exists(directory / "late"));
    EXPECT_STORAGE_ERROR(run(database->restore_database(directory / "copy", at_once())), timeout);
    EXPECT_EQ(count(*database, "t"), 60000);
    EXPECT_TRUE(eventually([&] { return !has_partial_files(directory); }));
}

TEST(DatabaseFaults, TheBackupsPlaceMayBeUnusable)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    auto database = opened(path);
    write_file(directory / "file", "precious");
    EXPECT_STORAGE_ERROR(run(database->backup_database(directory / "file")), already_exists);
    EXPECT_EQ(read_file(directory / "file"), "precious");
    EXPECT_STORAGE_ERROR(run(database->backup_database(directory / "file" / "copy")), permission);
    EXPECT_STORAGE_ERROR(run(database->backup_database("/proc/no/such/copy")), not_found);
    EXPECT_STORAGE_ERROR(run(database->backup_database(path)), already_exists);
    run(database->backup_database(directory / "copy"));
}

TEST(DatabaseFaults, WhatAKilledBackupLeftIsTidied)
{
    const TestDirectory directory;
    const auto path = directory / "database.db";
    make_table(path);
    auto database = opened(path);
    // 4194304 is above the largest process id Linux gives out.
    write_file(directory / "copy.partial-4194304-0", "half");
    write_file(directory / "copy.partial-4194304-0-journal", "half");
    write_file(directory / ("copy.partial-" + std::to_string(::getppid()) + "-0"), "of a living process");
    write_file(directory / "copy.partial-notes", "somebody's");
    run(database->backup_database(directory / "copy"));
    EXPECT_FALSE(std::filesystem::exists(directory / "copy.partial-4194304-0"));
    EXPECT_FALSE(std::filesystem::exists(directory / "copy.partial-4194304-0-journal"));
    EXPECT_TRUE(std::filesystem::exists(directory / ("copy.partial-" + std::to_string(::getppid()) + "-0")));
    EXPECT_TRUE(std::filesystem::exists(directory / "copy.partial-notes"));
}

} // namespace
} // namespace whisperstore::test

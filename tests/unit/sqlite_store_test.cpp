// The SQLite core below adapter and vector store: connections, stops, group commit, files.
#include "protocol/sql/sql_lexer.hpp"
#include "sqlite/files.hpp"
#include "sqlite/store.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <random>
#include <thread>
#include <unistd.h>

namespace whisperstore::sqlite {
namespace {

using test::run;
using test::start;
using test::TestDirectory;
using test::wait;

constexpr const char* endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

OpenOptions at(const std::filesystem::path& path, bool read_only = false)
{
    OpenOptions options;
    options.path = path;
    options.read_only = read_only;
    options.synchronous = "OFF";
    return options;
}

// ---- connections

TEST(SqliteConnection, StatementsAreCachedAndLeased)
{
    const TestDirectory directory;
    Connection connection(at(directory / "a.db"));
    sqlite3_stmt* first = nullptr;
    {
        Statement statement = connection.prepare("SELECT ?1");
        first = statement.handle();
        statement.bind(1, std::int64_t{5});
        ASSERT_TRUE(statement.step());
        Statement twin = connection.prepare("SELECT ?1"); // while it is in use
        EXPECT_NE(twin.handle(), first);
        ASSERT_TRUE(twin.step());
        EXPECT_TRUE(twin.column_is_null(0));
    }
    Statement again = connection.prepare("SELECT ?1");
    EXPECT_EQ(again.handle(), first);
    ASSERT_TRUE(again.step());
    EXPECT_TRUE(again.column_is_null(0)); // unbound
    for (int i = 0; i < 500; ++i)
        EXPECT_EQ(connection.query_int("SELECT " + std::to_string(i)), i);
}

TEST(SqliteConnection, OneStatementOnly)
{
    const TestDirectory directory;
    Connection connection(at(directory / "a.db"));
    EXPECT_STORAGE_ERROR(connection.prepare("SELECT 1; SELECT 2"), invalid_argument);
    EXPECT_STORAGE_ERROR(connection.prepare(""), invalid_argument);
    EXPECT_STORAGE_ERROR(connection.prepare_once(" "), invalid_argument);
    EXPECT_NO_THROW(connection.prepare("SELECT 1; \n ;"));
}

TEST(SqliteConnection, TheNameOfAFileIsNeverMoreThanAName)
{
    const TestDirectory directory;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory.path());
    for (const char* name : {":memory:", "file:x?mode=memory", "file:y", "a b%20c#d?e"}) {
        Connection connection(at(name));
        connection.execute("CREATE TABLE t (a TEXT)");
        EXPECT_TRUE(std::filesystem::exists(directory / name)) << name;
    }
    std::filesystem::current_path(before);
}

TEST(SqliteConnection, ReadersCannotWrite)
{
    const TestDirectory directory;
    Connection writer(at(directory / "a.db"));
    writer.execute("CREATE TABLE t (a TEXT)");
    Connection reader(at(directory / "a.db", true));
    EXPECT_STORAGE_ERROR(reader.execute("INSERT INTO t VALUES ('x')"), permission);
    reader.execute("PRAGMA query_only=OFF");
    EXPECT_STORAGE_ERROR(reader.execute("INSERT INTO t VALUES ('x')"), permission);
    EXPECT_STORAGE_ERROR(Connection(at(directory / "absent.db", true)), not_found);
}

TEST(SqliteConnection, ReadersSayWhoHasToMendWhatAKilledWriterLeft)
{
    const TestDirectory directory;
    {
        OpenOptions options = at(directory / "live.db");
        options.archive = true;
        Connection connection(options);
        connection.execute("CREATE TABLE t (a); INSERT INTO t SELECT zeroblob(1000) FROM pragma_function_list; "
                           "PRAGMA cache_size=1; BEGIN; UPDATE t SET a = zeroblob(999)");
        for (const char* suffix : {"", "-journal"})
            std::filesystem::copy_file(directory / (std::string("live.db") + suffix),
                                       directory / (std::string("left.db") + suffix));
    }
    const StorageError error = test::error_of([&] { Connection(at(directory / "left.db", true)); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_NE(error.message().find("open it for writing once"), std::string::npos) << error.what();
    Connection(at(directory / "left.db"));
    Connection reader(at(directory / "left.db", true));
    EXPECT_EQ(reader.query_int("SELECT count(*) FROM t WHERE length(a) <> 1000"), 0);
}

TEST(SqliteConnection, DeletedTextDoesNotStayOnTheDisk)
{
    const TestDirectory directory;
    const std::string secret = "a very particular sentence";
    {
        Connection connection(at(directory / "a.db"));
        connection.execute("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('" + secret + "'), ('other')");
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)");
        ASSERT_NE(test::read_file(directory / "a.db").find(secret), std::string::npos);
        connection.execute("DELETE FROM t WHERE a <> 'other'");
    }
    EXPECT_EQ(test::read_file(directory / "a.db").find(secret), std::string::npos);
}

/// What our lexer calls a statement with so many placeholders, SQLite does, too.
TEST(SqliteConnection, CountsPlaceholdersAsTheLexerDoes)
{
    const TestDirectory directory;
    Connection connection(at(directory / "a.db"));
    connection.execute("CREATE TABLE t (a TEXT, b TEXT)");
    const std::string seeds[] = {"SELECT a, ? FROM t WHERE b = 'x?' AND a IN (?, ?) -- ?",
                                 "INSERT INTO t VALUES (:a, $$it's :b$$), (E'\\n\\'', :a) /* /* ? */ */",
                                 "SELECT \"a\", [b], `a` FROM t WHERE a=$1 OR b>$2 LIMIT 5",
                                 "WITH x AS (SELECT 1) UPDATE t SET a = ? RETURNING a, b"};
    const std::string_view alphabet = "'\"`[]$?:;-/*\\\n aetxb01(),.=E";
    std::mt19937 random(11); // NOLINT: the same texts on every run
    int understood = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string text = seeds[random() % std::size(seeds)];
        for (auto changes = random() % 4; changes > 0; --changes) {
            const std::size_t place = random() % (text.size() + 1);
            if (random() % 2 == 0)
                text.insert(place, 1, alphabet[random() % alphabet.size()]);
            else
                text.erase(place, 1);
        }
        sql::TranslatedQuery query;
        try {
            query = sql::translate(text, SqlDialect::sqlite);
        } catch (const StorageError&) {
            continue;
        }
        try {
            const Statement statement = connection.prepare_once(query.sql);
            ASSERT_EQ(static_cast<std::size_t>(statement.parameter_count()), query.placeholder_count) << text << "\n"
                                                                                                      << query.sql;
            ++understood;
        } catch (const StorageError& error) {
            ASSERT_NE(error.message(), "the query holds more than one statement") << text << "\n" << query.sql;
        }
    }
    EXPECT_GT(understood, 1000);
}

// ---- stops

TEST(Stopper, ReachesWorkThatHasNotBegun)
{
    const TestDirectory directory;
    Connection connection(at(directory / "a.db"));
    Stopper stopper;
    stopper.stop(); // a bare interrupt would be forgotten here
    const Stopper::Scope scope(stopper, connection);
    const StorageError error = test::error_of([&] { connection.query_int(endless); });
    EXPECT_TRUE(is_interrupt(error));
    EXPECT_TRUE(connection.stop_requested());
    EXPECT_EQ(connection.query_int("SELECT 7"), 7); // short work may end
}

TEST(Stopper, ReachesTheStatementAfterTheNext)
{
    const TestDirectory directory;
    Connection connection(at(directory / "a.db"));
    Stopper stopper;
    const Stopper::Scope scope(stopper, connection);
    EXPECT_EQ(connection.query_int("SELECT 1"), 1);
    stopper.stop(); // between two statements
    EXPECT_TRUE(is_interrupt(test::error_of([&] { connection.query_int(endless); })));
}

TEST(Stopper, ReachesRunningWorkFromAnotherThread)
{
    const TestDirectory directory;
    Connection connection(at(directory / "a.db"));
    for (int i = 0; i < 20; ++i) {
        Stopper stopper;
        std::thread other([&] {
            std::this_thread::yield();
            stopper.stop();
        });
        {
            const Stopper::Scope scope(stopper, connection);
            EXPECT_TRUE(is_interrupt(test::error_of([&] { connection.query_int(endless); })));
        }
        other.join();
    }
}

TEST(Stopper, LeavesTheNextWorkAlone)
{
    const TestDirectory directory;
    Connection connection(at(directory / "a.db"));
    Stopper first;
    {
        const Stopper::Scope scope(first, connection);
        EXPECT_EQ(connection.query_int("SELECT 1"), 1);
    }
    first.stop(); // too late
    Stopper second;
    const Stopper::Scope scope(second, connection);
    EXPECT_FALSE(connection.stop_requested());
    EXPECT_EQ(connection.query_int("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
                                   "SELECT max(i) FROM n"),
              50000);
}

TEST(Stopper, ScopesNest)
{
    const TestDirectory directory;
    Connection connection(at(directory / "a.db"));
    Stopper outer;
    const Stopper::Scope outside(outer, connection);
    {
        Stopper inner;
        const Stopper::Scope inside(inner, connection);
        inner.stop();
        EXPECT_TRUE(connection.stop_requested());
    }
    EXPECT_FALSE(connection.stop_requested());
    outer.stop();
    EXPECT_TRUE(connection.stop_requested());
}

TEST(SqliteConnection, ABudgetEndsLongWorkOnly)
{
    const TestDirectory directory;
    Connection connection(at(directory / "a.db"));
    for (int i = 0; i < 5; ++i) {
        {
            const Connection::Budget budget(connection);
            EXPECT_TRUE(is_interrupt(test::error_of([&] { connection.query_int(endless); })));
        }
        for (int k = 0; k < 1000; ++k) { // what earlier runs of the statement did does not count
            const Connection::Budget budget(connection);
            ASSERT_EQ(connection.query_int("SELECT count(*) FROM (VALUES (1), (2), (3))"), 3);
        }
    }
    EXPECT_EQ(connection.query_int("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
                                   "SELECT max(i) FROM n"),
              50000);
}

TEST(SqliteConnection, WaitingForALockCanBeStopped)
{
    const TestDirectory directory;
    Connection holder(at(directory / "a.db"));
    holder.execute("CREATE TABLE t (a TEXT); BEGIN IMMEDIATE");
    OpenOptions options = at(directory / "a.db");
    options.busy_timeout_ms = 60000;
    Connection waiting(options);
    Stopper stopper;
    const Stopper::Scope scope(stopper, waiting);
    std::thread other([&] { stopper.stop(); });
    EXPECT_STORAGE_ERROR(waiting.execute("BEGIN IMMEDIATE"), unavailable);
    other.join();
}

// ---- group commit

class GroupCommit : public testing::Test
{
protected:
    GroupCommit()
    {
        StoreOptions options;
        options.open = at(directory / "store.db");
        store = std::make_shared<Store>(options, [](Connection& connection) {
            connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
        });
    }
    std::int64_t count()
    {
        std::int64_t rows = 0;
        std::function<void(Connection&)> work = [&](Connection& c) { rows = c.query_int("SELECT count(*) FROM t"); };
        run(store->read(work, OperationContext()));
        return rows;
    }
    /// Keeps the writer busy until released, so that what is submitted meanwhile shares a transaction.
    std::future<void> hold_writer(std::shared_future<void> release)
    {
        auto begun = std::make_shared<std::promise<void>>();
        std::function<void(Connection&)> work = [release, begun](Connection&) {
            begun->set_value();
            release.wait();
        };
        auto holding = start(store->exclusive(work, OperationContext()));
        begun->get_future().wait();
        return holding;
    }

    TestDirectory directory;
    std::shared_ptr<Store> store;
};

TEST_F(GroupCommit, NeighboursOfALostTransactionRunAgainUnseen)
{
    std::promise<void> release;
    auto holding = hold_writer(release.get_future().share());
    std::atomic<int> runs{0};
    std::atomic<int> commits{0};
    std::vector<std::future<void>> all;
    for (int i = 0; i < 20; ++i) {
        std::function<void(Connection&)> work = [i, &runs](Connection& connection) {
            ++runs;
            const std::string row = "(" + std::to_string(i) + ", 'x')";
            connection.execute("INSERT INTO t VALUES " + row);
            if (i == 10)
                connection.execute("INSERT OR ROLLBACK INTO t VALUES " + row);
        };
        all.push_back(start(store->write(work, OperationContext(), [&commits] { ++commits; })));
    }
    EXPECT_TRUE(test::eventually([&] { return store->pending_writes() == 21; })); // and the one that holds it
    release.set_value();
    wait(std::move(holding));
    for (int i = 0; i < 20; ++i) {
        if (i == 10)
            EXPECT_STORAGE_ERROR(wait(std::move(all[10])), constraint_violation);
        else
            EXPECT_NO_THROW(wait(std::move(all[static_cast<std::size_t>(i)])));
    }
    EXPECT_GT(runs, 20);
    EXPECT_EQ(commits, 19); // each once
    EXPECT_EQ(count(), 19);
}

TEST_F(GroupCommit, AMembersOwnErrorUndoesItsOwnWorkOnly)
{
    std::vector<std::future<void>> all;
    for (int i = 0; i < 30; ++i) {
        std::function<void(Connection&)> work = [i](Connection& connection) {
            connection.execute("INSERT INTO t VALUES (" + std::to_string(i) + ", 'first')");
            if (i % 3 == 0)
                throw StorageError(StorageErrc::conflict, "changed its mind");
            if (i % 3 == 1)
                throw std::runtime_error("not one of ours");
        };
        all.push_back(start(store->write(work, OperationContext())));
    }
    for (int i = 0; i < 30; ++i) {
        auto& one = all[static_cast<std::size_t>(i)];
        if (i % 3 == 0)
            EXPECT_STORAGE_ERROR(wait(std::move(one)), conflict);
        else if (i % 3 == 1)
            EXPECT_THROW(wait(std::move(one)), std::runtime_error);
        else
            EXPECT_NO_THROW(wait(std::move(one)));
    }
    EXPECT_EQ(count(), 10);
}

TEST_F(GroupCommit, TheLogIsFoldedInNowAndThen)
{
    std::function<void(Connection&)> work = [](Connection& connection) {
        connection.execute(
            "INSERT INTO t (b) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
            "SELECT hex(randomblob(500)) FROM n");
    };
    for (int i = 0; i < 160; ++i)
        run(store->write(work, OperationContext()));
    // 80 MB were written, by a caller who leaves the writer no idle moment.
    EXPECT_LT(std::filesystem::file_size(directory / "store.db-wal"), 40U * 1024 * 1024);
    EXPECT_GT(std::filesystem::file_size(directory / "store.db"), 20U * 1024 * 1024);
    store->close();
    EXPECT_FALSE(std::filesystem::exists(directory / "store.db-wal") &&
                 std::filesystem::file_size(directory / "store.db-wal") > 0);
}

TEST_F(GroupCommit, AStoreMayBeEndedByItsOwnJob)
{
    class LastOwner final : public WriteJob
    {
    public:
        explicit LastOwner(std::shared_ptr<Store> last) : WriteJob(Mode::group), store_(std::move(last)) {}
        void run(Connection& connection) override { connection.execute("INSERT INTO t VALUES (1, 'x')"); }

    private:
        std::shared_ptr<Store> store_;
    };
    std::promise<void> release;
    auto holding = hold_writer(release.get_future().share());
    store->submit_unawaited(std::make_shared<LastOwner>(store));
    store.reset();
    release.set_value();
    wait(std::move(holding));
    // It closes on its own, gives its lock back, and has done the job.
    StoreOptions options;
    options.open = at(directory / "store.db");
    EXPECT_TRUE(test::eventually([&] {
        try {
            store = std::make_shared<Store>(options);
            return true;
        } catch (const StorageError&) {
            return false;
        }
    }));
    EXPECT_EQ(count(), 1);
}

TEST_F(GroupCommit, AfterCloseEverythingIsClosed)
{
    std::function<void(Connection&)> work = [](Connection& connection) { connection.query_int("SELECT 1"); };
    store->close();
    store->close();
    EXPECT_STORAGE_ERROR(run(store->write(work, OperationContext())), closed);
    EXPECT_STORAGE_ERROR(run(store->exclusive(work, OperationContext())), closed);
    EXPECT_STORAGE_ERROR(run(store->read(work, OperationContext())), closed);
    EXPECT_STORAGE_ERROR(run(store->read_inline(work, OperationContext())), closed);
}

// ---- files

TEST(FileLock, IsHeldByOneAndNamesIt)
{
    const TestDirectory directory;
    {
        const FileLock lock(directory / "a.lock", "database", "sqlite");
        const StorageError error =
            test::error_of([&] { const FileLock second(directory / "a.lock", "database", "sqlite"); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable);
        EXPECT_TRUE(error.retryable());
        EXPECT_NE(error.message().find("process " + std::to_string(::getpid())), std::string::npos) << error.what();
    }
    EXPECT_NO_THROW(FileLock(directory / "a.lock", "database", "sqlite"));
    EXPECT_STORAGE_ERROR(FileLock(directory / "absent" / "a.lock", "database", "sqlite"), not_found);
}

TEST(PartialFile, AppearsWholeOrNotAtAll)
{
    const TestDirectory directory;
    const auto target = directory / "sub" / "file";
    {
        const PartialFile dropped(target, "sqlite");
        test::write_file(dropped.path(), "half");
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory / "sub"));
    PartialFile first(target, "sqlite");
    PartialFile second(target, "sqlite");
    EXPECT_NE(first.path(), second.path());
    test::write_file(first.path(), "first");
    test::write_file(second.path(), "second");
    first.publish();
    EXPECT_STORAGE_ERROR(second.publish(), already_exists);
    EXPECT_EQ(test::read_file(target), "first");
    EXPECT_STORAGE_ERROR(PartialFile(target, "sqlite"), already_exists);
}

TEST(Folders, AreMadePrivately)
{
    const TestDirectory directory;
    make_private_directory(directory / "a" / "b" / "c", "sqlite");
    make_private_directory(directory / "a" / "b" / "c", "sqlite");
    for (const char* path : {"a", "a/b", "a/b/c"})
        EXPECT_EQ(std::filesystem::status(directory / path).permissions(), std::filesystem::perms(0700));
    test::write_file(directory / "file", "");
    EXPECT_STORAGE_ERROR(make_private_directory(directory / "file", "sqlite"), permission);
    EXPECT_STORAGE_ERROR(make_private_directory(directory / "file" / "below", "sqlite"), permission);
}

TEST(CheckFile, FindsWhatIsWrong)
{
    const TestDirectory directory;
    {
        Connection connection(at(directory / "good.db"));
        connection.execute("CREATE TABLE p (a INTEGER PRIMARY KEY); CREATE TABLE c (a INTEGER REFERENCES p(a))");
    }
    EXPECT_NO_THROW(check_file(directory / "good.db", "sqlite"));
    {
        Connection connection(at(directory / "good.db"));
        connection.execute("PRAGMA foreign_keys=OFF; INSERT INTO c VALUES (1)");
    }
    EXPECT_STORAGE_ERROR(check_file(directory / "good.db", "sqlite"), corrupt);
    test::write_file(directory / "text", std::string(600, 'x'));
    EXPECT_STORAGE_ERROR(check_file(directory / "text", "sqlite"), corrupt);
    test::write_file(directory / "empty", "");
    EXPECT_STORAGE_ERROR(check_file(directory / "empty", "sqlite"), corrupt);
    EXPECT_STORAGE_ERROR(check_file(directory / "absent", "sqlite"), not_found);
    EXPECT_STORAGE_ERROR(check_file(directory.path(), "sqlite"), not_found);
}

} // namespace
} // namespace whisperstore::sqlite

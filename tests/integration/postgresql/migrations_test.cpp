// Migrations where connections are few, shared or lost.

#include "integration/postgresql/postgresql_support.hpp"

#include <whisperstore/database/schema_migrator.hpp>

#include <future>

namespace whisperstore::test {
namespace {

std::vector<Migration> index_migrations()
{
    return {{"1", "", "CREATE TABLE notes (a BIGINT)", "DROP TABLE notes"},
            {"2", "", "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS notes_a ON notes (a)",
             "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS notes_a"}};
}

void there_and_back(PostgreSQLAdapter& db)
{
    SchemaMigrator migrator(db, index_migrations());
    SchemaMigrationOptions all;
    all.to = "0";
    const OperationContext soon = OperationContext::within(std::chrono::seconds(60));
    EXPECT_EQ(run(migrator.apply(SchemaMigrationOptions(), soon)).size(), 2U);
    EXPECT_EQ(
        run(db.execute_query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'notes_a'::regclass")).rows[0][0],
        true);
    EXPECT_EQ(run(migrator.undo(all, soon)).size(), 2U);
    EXPECT_EQ(run(migrator.apply(SchemaMigrationOptions(), soon)).size(), 2U);
}

TEST(PostgresqlMigrations, APoolOfOneConnectionIsEnough)
{
    const TestDatabase database;
    const auto db = connected(database.url(), 1);
    there_and_back(*db);
    EXPECT_EQ(db->pool_stats().leased, 0U);
    run(db->disconnect());
}

TEST(PostgresqlMigrations, RunThroughAPoolerInTransactionMode)
{
    const TestDatabase database;
    ConnectionUrl url = database.pgbouncer_url();
    url.query.emplace_back("prepared_statements", "false");
    const auto db = connected(url, 2);
    there_and_back(*db);
    run(db->disconnect());
}

/// Ends the connection that keeps the lock, as a server's administrator may.
std::size_t end_holder_of_lock(PostgreSQLAdapter& db)
{
    return run(db.execute_query(
                   "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                   "AND pid <> pg_backend_pid() AND database = "
                   "(SELECT oid FROM pg_database WHERE datname = current_database())"))
        .rows.size();
}

TEST(PostgresqlMigrations, ALostLockLetsNobodyDoTheWorkTwice)
{
    const TestDatabase database;
    const auto db = connected(database.url());
    const auto other = connected(database.url());
    std::vector<Migration> migrations = index_migrations();
    migrations[1].script = "-- no-transaction\nINSERT INTO notes VALUES (1); SELECT pg_sleep(1)";
    SchemaMigrator first(*db, migrations);
    SchemaMigrator second(*other, migrations);
    std::promise<void> begun;
    SchemaMigrationOptions options;
    options.progress = [&](const SchemaMigrationProgress& progress) {
        if (progress.number == 2 && progress.stage == SchemaMigrationProgress::Stage::begun)
            begun.set_value();
    };
    auto running = start(first.apply(options));
    wait(begun.get_future());
    const auto written = [&] { return run(other->execute_query("SELECT count(*) FROM notes")).rows[0][0] == 1; };
    ASSERT_TRUE(eventually(written));
    EXPECT_EQ(end_holder_of_lock(*other), 1U);
    EXPECT_STORAGE_ERROR(run(second.apply()), version_mismatch); // it has begun
    EXPECT_EQ(wait(std::move(running)).size(), 2U);
    EXPECT_TRUE(run(second.apply()).empty());
    EXPECT_TRUE(written());
    run(db->disconnect());
    run(other->disconnect());
}

} // namespace
} // namespace whisperstore::test

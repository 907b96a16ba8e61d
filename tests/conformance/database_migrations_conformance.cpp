#include "conformance/database_fixture.hpp"

#include <whisperstore/database/schema_migrator.hpp>

#include <atomic>

namespace whisperstore::test {
namespace {

Migration migration(const std::string& version, const std::string& script, const std::string& undo = {})
{
    Migration made;
    made.version = version;
    made.name = "step " + version;
    made.script = script;
    made.undo_script = undo;
    return made;
}

/// A table of what ran, and scripts that write into it.
Migration log_table() { return migration("1", "CREATE TABLE log (step TEXT)", "DROP TABLE log"); }
Migration logged(const std::string& version)
{
    return migration(version, "INSERT INTO log VALUES ('" + version + "')",
                     "DELETE FROM log WHERE step = '" + version + "'");
}

std::vector<std::string> versions_of(const std::vector<PlannedMigration>& list)
{
    std::vector<std::string> versions;
    for (const PlannedMigration& one : list)
        versions.push_back(one.version);
    return versions;
}

using Versions = std::vector<std::string>;

class DatabaseMigrations : public Database
{
protected:
    std::vector<PlannedMigration> apply(std::vector<Migration> migrations,
                                        SchemaMigrationOptions options = SchemaMigrationOptions())
    {
        SchemaMigrator migrator(*db, std::move(migrations));
        return run(migrator.apply(std::move(options)));
    }
    std::vector<PlannedMigration> undo(std::vector<Migration> migrations, const std::string& to = {})
    {
        SchemaMigrator migrator(*db, std::move(migrations));
        SchemaMigrationOptions options;
        options.to = to;
        return run(migrator.undo(std::move(options)));
    }
    /// "1 applied, 2 pending"
    std::string states(std::vector<Migration> migrations)
    {
        SchemaMigrator migrator(*db, std::move(migrations));
        std::string text;
        for (const MigrationStatus& one : run(migrator.status()))
            text.append(text.empty() ? "" : ", ").append(one.version).append(" ").append(to_string(one.state));
        return text;
    }
    Versions log()
    {
        Versions steps;
        for (const Row& row : query("SELECT step FROM log ORDER BY step"))
            steps.emplace_back(row["step"].as_text());
        return steps;
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, DatabaseMigrations, testing::ValuesIn(database_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(DatabaseMigrations, RunOnceInTheOrderOfTheirVersions)
{
    const std::vector<Migration> all{logged("10"), logged("1.10"), logged("2"), log_table(), logged("1.9")};
    EXPECT_EQ(states(all), "1 pending, 1.9 pending, 1.10 pending, 2 pending, 10 pending"); // without the table, too
    SchemaMigrator migrator(*db, all);
    SchemaMigrationOptions some;
    some.to = "1.10";
    EXPECT_EQ(versions_of(run(migrator.plan(some))), (Versions{"1", "1.9", "1.10"}));
    EXPECT_EQ(states(all), "1 pending, 1.9 pending, 1.10 pending, 2 pending, 10 pending"); // a plan changes nothing
    EXPECT_EQ(versions_of(apply(all, some)), (Versions{"1", "1.9", "1.10"}));
    EXPECT_EQ(log(), (Versions{"1.10", "1.9"}));
    EXPECT_EQ(versions_of(apply(all)), (Versions{"2", "10"}));
    EXPECT_EQ(versions_of(apply(all)), Versions());
    EXPECT_EQ(log(), (Versions{"1.10", "1.9", "10", "2"}));

    const std::vector<MigrationStatus> status = run(migrator.status());
    ASSERT_EQ(status.size(), 5U);
    EXPECT_EQ(status[4].name, "step 10");
    EXPECT_EQ(status[4].checksum, status[4].recorded_checksum);
    EXPECT_TRUE(status[4].can_undo && status[4].transactional);
    ASSERT_TRUE(status[4].applied_at && status[4].execution_time);
    EXPECT_LT(now() - *status[4].applied_at, std::chrono::minutes(5));
    EXPECT_GE(status[4].applied_at, status[0].applied_at);
    EXPECT_GE(status[4].execution_time->count(), 0);

    some.to = "11";
    EXPECT_STORAGE_ERROR(run(migrator.plan(some)), not_found);
    EXPECT_STORAGE_ERROR(apply({logged("2"), logged("2.0")}), invalid_argument);
    EXPECT_STORAGE_ERROR(apply({logged("two")}), invalid_argument);
    EXPECT_EQ(states({log_table()}), "1 applied, 1.9 missing, 1.10 missing, 2 missing, 10 missing");
    // Versions are numbers, however they are written.
    EXPECT_EQ(versions_of(apply({logged("11"), logged("0012")})), (Versions{"11", "0012"}));
    Migration twelve = logged("0012");
    twelve.version = "12.0";
    EXPECT_EQ(versions_of(apply({twelve})), Versions());
}

TEST_P(DatabaseMigrations, AChangedScriptIsAMismatchThatNamesBothChecksums)
{
    apply({log_table(), logged("2")});
    Migration changed = logged("2");
    changed.script += " -- and more";
    const StorageError error = error_of([&] { apply({log_table(), changed, logged("3")}); });
    EXPECT_EQ(error.errc(), StorageErrc::version_mismatch);
    EXPECT_EQ(error.operation(), "migrate_schema");
    SchemaMigrator migrator(*db, {log_table(), changed});
    const MigrationStatus status = run(migrator.status())[1];
    EXPECT_EQ(status.state, MigrationState::changed);
    EXPECT_NE(status.checksum, status.recorded_checksum);
    EXPECT_NE(error.message().find(status.recorded_checksum), std::string::npos) << error.what();
    EXPECT_NE(error.message().find(status.checksum), std::string::npos) << error.what();
    EXPECT_EQ(log(), Versions{"2"}); // nothing ran
    EXPECT_STORAGE_ERROR(undo({log_table(), changed}), version_mismatch);
    // The same script for another database, which this one was moved from.
    changed.other_checksums.push_back(status.recorded_checksum);
    EXPECT_EQ(versions_of(apply({log_table(), changed})), Versions());
}

TEST_P(DatabaseMigrations, OneOutOfOrderIsRefusedUnlessAllowed)
{
    apply({log_table(), logged("3")});
    const std::vector<Migration> all{log_table(), logged("2"), logged("3"), logged("4")};
    EXPECT_EQ(states(all), "1 applied, 2 out_of_order, 3 applied, 4 pending");
    EXPECT_STORAGE_ERROR(apply(all), version_mismatch);
    EXPECT_EQ(log(), Versions{"3"});
    SchemaMigrationOptions options;
    options.allow_out_of_order = true;
    EXPECT_EQ(versions_of(apply(all, options)), (Versions{"2", "4"}));
    EXPECT_EQ(log(), (Versions{"2", "3", "4"}));
}

TEST_P(DatabaseMigrations, UndoGoesBackTheLastOneFirst)
{
    const std::vector<Migration> all{log_table(), logged("2"), logged("3"), logged("10"), logged("11")};
    apply(all);
    EXPECT_EQ(versions_of(undo(all)), Versions{"11"});
    EXPECT_EQ(log(), (Versions{"10", "2", "3"}));
    EXPECT_EQ(versions_of(undo(all, "2")), (Versions{"10", "3"}));
    EXPECT_EQ(log(), Versions{"2"});
    EXPECT_EQ(states(all), "1 applied, 2 applied, 3 pending, 10 pending, 11 pending");
    EXPECT_EQ(versions_of(apply(all)), (Versions{"3", "10", "11"}));

    std::vector<Migration> without = all;
    without[2].undo_script.clear();
    const StorageError error = error_of([&] { undo(without, "1"); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("migration 3 (step 3)"), std::string::npos) << error.what();
    EXPECT_EQ(log(), (Versions{"10", "11", "2", "3"}));               // nothing was undone before
    EXPECT_STORAGE_ERROR(undo({log_table()}, "1"), invalid_argument); // what is not given cannot be undone

    EXPECT_EQ(undo(all, "0").size(), 5U);
    EXPECT_STORAGE_ERROR(log(), not_found);
    EXPECT_EQ(count("schema_migrations"), 0);
    EXPECT_TRUE(undo(all).empty()); // nothing is left
}

TEST_P(DatabaseMigrations, AScriptThatFailsLeavesNeitherChangeNorRecord)
{
    Migration broken = migration("3", "INSERT INTO log VALUES ('3'); INSERT INTO missing VALUES (1)",
                                 "DELETE FROM log WHERE step = '2'; DELETE FROM missing");
    const StorageError error = error_of([&] { apply({log_table(), logged("2"), broken, logged("4")}); });
    EXPECT_EQ(error.errc(), StorageErrc::not_found);
    EXPECT_TRUE(error.message().starts_with("migration 3 (step 3): ")) << error.what();
    EXPECT_EQ(states({log_table(), logged("2"), broken, logged("4")}), "1 applied, 2 applied, 3 pending, 4 pending");
    EXPECT_EQ(log(), Versions{"2"});
    broken.script = "INSERT INTO log VALUES ('3')";
    apply({log_table(), logged("2"), broken});
    EXPECT_STORAGE_ERROR(undo({log_table(), logged("2"), broken}), not_found);
    EXPECT_EQ(log(), (Versions{"2", "3"}));
    EXPECT_EQ(states({log_table(), logged("2"), broken}), "1 applied, 2 applied, 3 applied");
}

TEST_P(DatabaseMigrations, WhatIsWrongInAScriptIsSaidBeforeTheFirstOneRuns)
{
    for (const char* wrong : {"INSERT INTO log VALUES ('2'); COMMIT", "BEGIN; SELECT 1; COMMIT", "SELECT 'open",
                              "-- no-transaction\nSAVEPOINT a"}) {
        const StorageError error = error_of([&] { apply({log_table(), migration("2", wrong)}); });
        EXPECT_TRUE(error.errc() == StorageErrc::invalid_argument || error.errc() == StorageErrc::syntax) << wrong;
        EXPECT_NE(error.message().find("migration 2"), std::string::npos) << error.what();
        EXPECT_STORAGE_ERROR(log(), not_found);
    }
}

TEST_P(DatabaseMigrations, AScriptWithoutATransactionIsResumedOrUndone)
{
    const std::string marked = "-- what it is for\n-- no-transaction\n";
    const Migration broken =
        migration("2", marked + "DELETE FROM log; INSERT INTO log VALUES ('begun'); INSERT INTO missing VALUES (1)");
    const std::vector<Migration> all{log_table(), broken, logged("3")};
    SchemaMigrator migrator(*db, all);
    EXPECT_FALSE(run(migrator.plan())[1].transactional);
    const StorageError failed = error_of([&] { apply(all); });
    EXPECT_EQ(failed.errc(), StorageErrc::not_found);
    EXPECT_NE(failed.message().find("resume"), std::string::npos) << failed.what();
    EXPECT_EQ(log(), Versions{"begun"}); // as told: each statement is on its own
    EXPECT_EQ(states(all), "1 applied, 2 begun, 3 pending");
    EXPECT_TRUE(query("SELECT execution_time_ms FROM schema_migrations WHERE version = '2'").rows[0][0].is_null());

    const StorageError stopped = error_of([&] { apply(all); });
    EXPECT_EQ(stopped.errc(), StorageErrc::version_mismatch);
    EXPECT_NE(stopped.message().find("did not end"), std::string::npos) << stopped.what();
    EXPECT_STORAGE_ERROR(apply({log_table(), logged("3")}), version_mismatch); // also where it is not given
    SchemaMigrationOptions resume;
    resume.resume = true;
    EXPECT_STORAGE_ERROR(apply({log_table(), logged("3")}, resume), version_mismatch);
    EXPECT_STORAGE_ERROR(apply(all, resume), not_found); // still broken

    // What failed may be mended under its version.
    std::vector<Migration> mended = all;
    mended[1].script = marked + "DELETE FROM log; INSERT INTO log VALUES ('begun'); VACUUM;";
    mended[1].undo_script = marked + "DELETE FROM log";
    EXPECT_TRUE(run(SchemaMigrator(*db, mended).plan(resume))[0].resumes);
    EXPECT_EQ(versions_of(apply(mended, resume)), (Versions{"2", "3"}));
    EXPECT_EQ(log(), (Versions{"3", "begun"}));
    EXPECT_EQ(states(mended), "1 applied, 2 applied, 3 applied");
    EXPECT_STORAGE_ERROR(apply(all), version_mismatch);

    // Half-way back it has begun, too.
    std::vector<Migration> no_way_back = mended;
    no_way_back[1].undo_script = marked + "DELETE FROM log; DELETE FROM missing";
    EXPECT_STORAGE_ERROR(undo(no_way_back, "1"), not_found);
    EXPECT_EQ(states(mended), "1 applied, 2 begun, 3 pending");
    EXPECT_EQ(versions_of(undo(mended)), Versions{"2"});
    EXPECT_EQ(states(mended), "1 applied, 2 pending, 3 pending");
}

/// Applies on a thread of its own what begins with a script that takes until it is stopped.
class Holder
{
public:
    Holder(std::shared_ptr<AbstractDatabaseAdapter> db, const std::string& endless)
        : database_(std::move(db)),
          migrator_(*database_,
                    {migration("9", "-- no-transaction\nCREATE TABLE slow (a BIGINT); INSERT INTO slow " + endless)})
    {
        SchemaMigrationOptions options;
        options.progress = [begun = begun_](const SchemaMigrationProgress& progress) {
            if (progress.stage == SchemaMigrationProgress::Stage::begun)
                *begun = true;
        };
        running_ = start(migrator_.apply(options, OperationContext::within(std::chrono::milliseconds(1500))));
    }
    ~Holder()
    {
        static_cast<void>(error_of([&] { wait(std::move(running_)); }));
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    bool has_begun() const { return *begun_; }

private:
    const std::shared_ptr<std::atomic<bool>> begun_ = std::make_shared<std::atomic<bool>>(false);
    const std::shared_ptr<AbstractDatabaseAdapter> database_;
    SchemaMigrator migrator_;
    std::future<std::vector<PlannedMigration>> running_;
};

TEST_P(DatabaseMigrations, ARunnerWaitsForAnotherAsLongAsItsDeadlineAllows)
{
    Holder holder(db, GetParam().endless_query);
    ASSERT_TRUE(eventually([&] { return holder.has_begun(); }));
    std::string waited_for;
    SchemaMigrationOptions options;
    options.progress = [&](const SchemaMigrationProgress& progress) {
        EXPECT_EQ(progress.stage, SchemaMigrationProgress::Stage::waiting);
        waited_for = progress.holder;
    };
    // What the other one has begun is no failure as long as it is at work.
    SchemaMigrator second(*db, {log_table()});
    const StorageError error =
        error_of([&] { run(second.apply(options, OperationContext::within(std::chrono::milliseconds(300)))); });
    EXPECT_EQ(error.errc(), StorageErrc::timeout) << error.what();
    EXPECT_FALSE(waited_for.empty());
    EXPECT_NE(error.message().find(waited_for), std::string::npos) << error.what();
}

TEST_P(DatabaseMigrations, ManyRunnersDoTheWorkOnce)
{
    const std::vector<Migration> all{log_table(), logged("2"),
                                     migration("3", "-- no-transaction\nINSERT INTO log VALUES ('3')"), logged("4")};
    std::vector<std::unique_ptr<SchemaMigrator>> migrators;
    std::vector<std::future<std::vector<PlannedMigration>>> running;
    for (int i = 0; i < 6; ++i) {
        migrators.push_back(std::make_unique<SchemaMigrator>(*db, all));
        running.push_back(start(migrators.back()->apply()));
    }
    std::size_t applied = 0;
    for (auto& one : running)
        applied += wait(std::move(one)).size();
    EXPECT_EQ(applied, 4U);
    EXPECT_EQ(log(), (Versions{"2", "3", "4"}));
}

TEST_P(DatabaseMigrations, ARunMayBeEndedBetweenTwoScripts)
{
    struct Enough
    {
    };
    const std::vector<Migration> all{log_table(), logged("2"), logged("3")};
    SchemaMigrationOptions options;
    std::vector<std::string> told;
    options.progress = [&](const SchemaMigrationProgress& progress) {
        const bool done = progress.stage == SchemaMigrationProgress::Stage::done;
        told.push_back(std::to_string(progress.number) + "/" + std::to_string(progress.count) + " " +
                       progress.migration->version + (done ? " done" : " begun"));
        if (done && progress.number == 2)
            throw Enough();
    };
    EXPECT_THROW(apply(all, options), Enough);
    EXPECT_EQ(told, (std::vector<std::string>{"1/3 1 begun", "1/3 1 done", "2/3 2 begun", "2/3 2 done"}));
    EXPECT_EQ(log(), Versions{"2"});
    EXPECT_EQ(states(all), "1 applied, 2 applied, 3 pending");
    EXPECT_EQ(versions_of(apply(all)), Versions{"3"}); // the lock went with the run
}

TEST_P(DatabaseMigrations, TheSchemasOwnRecordsAreNoMigrations)
{
    setup_schema();
    EXPECT_EQ(states({log_table()}), "1 pending");
    run(db->migrate_schema(std::vector<std::string>{"CREATE TABLE by_checksum (a TEXT)"}));
    EXPECT_EQ(versions_of(apply({log_table()})), Versions{"1"});
    setup_schema();
    EXPECT_EQ(states({log_table()}), "1 applied");
}

} // namespace
} // namespace whisperstore::test

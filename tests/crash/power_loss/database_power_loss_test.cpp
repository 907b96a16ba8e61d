// The database after a power loss: every acknowledged write is there, every other one wholly or not at all.

#include "crash/power_loss/disk.hpp"
#include "crash/power_loss/entries.hpp"
#include "crash/power_loss/rounds.hpp"
#include "crash/power_loss/sqlite_vfs.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <gtest/gtest.h>

namespace whisperstore::test {

namespace {

constexpr std::size_t writers = 8;

/// What one run of the writers has left: the moments at which the power is lost, and who was told what.
struct Run
{
    std::vector<Snapshot> snapshots;
    std::shared_ptr<Oracle> oracle;
};

/// Opens the database in `folder`, lets the writers work and closes it, all under watch.
Run run_writers(const std::filesystem::path& folder, const std::vector<SlotState>& before, Rounds& rounds,
                const std::string& synchronous, int steps)
{
    Run run;
    const std::shared_ptr<Disk> disk = Disk::watch(folder);
    run.oracle = std::make_shared<Oracle>(disk, before);
    const std::uint64_t seed = rounds.random()();
    disk->take_snapshots(seed, 0.04, std::min<std::size_t>(40, rounds.wanted() + 2));
    {
        const auto database = open_entries(folder, synchronous);
        std::vector<std::future<void>> work;
        for (std::size_t i = 0; i < writers; ++i)
            work.push_back(start(write_entries(*database, *run.oracle, i, seed, steps)));
        for (auto& writer : work)
            wait(std::move(writer));
        test::run(database->disconnect());
    }
    EXPECT_EQ(disk->escaped(), "");
    disk->release();
    run.snapshots = disk->take_snapshots_away();
    rounds.add_acknowledged(run.oracle->acknowledged());
    return run;
}

/// Loses power again and again, also while the database of an earlier power loss is being opened.
void lose_power(Rounds& rounds, const std::string& synchronous, int steps)
{
    install_sqlite_vfs();
    const bool may_lose = synchronous == "NORMAL";
    auto folder = std::make_unique<TestDirectory>();
    std::vector<SlotState> state(writers);
    while (!rounds.enough()) {
        const Run run = run_writers(folder->path(), state, rounds, synchronous, steps);
        // One of the rounds goes on where its power loss has left it; now and then a new database begins.
        const std::size_t next = rounds.random()() % (run.snapshots.size() + 1);
        folder = std::make_unique<TestDirectory>();
        state.assign(writers, SlotState());
        for (std::size_t i = 0; i < run.snapshots.size() && !rounds.enough(); ++i) {
            auto left = std::make_unique<TestDirectory>();
            std::vector<SlotState> found;
            const auto check = [&](const std::filesystem::path& path) {
                const auto database = open_entries(path, synchronous);
                found = read_entries(*database, writers);
                std::string problem = run.oracle->judge(run.snapshots[i].moment, found, may_lose);
                test::run(database->disconnect());
                return problem;
            };
            if (rounds.run(run.snapshots[i], left->path(), check) && i == next) {
                folder = std::move(left);
                state = found;
            }
        }
    }
}

} // namespace

TEST(DatabasePowerLoss, WhatWasAcknowledgedIsThereAndTheRestIsWholeOrAbsent)
{
    Rounds rounds("database, synchronous=FULL", 700);
    lose_power(rounds, "FULL", 12);
}

// Large enough for checkpoints between the commits.
TEST(DatabasePowerLoss, CheckpointsLoseNothing)
{
    Rounds rounds("database, checkpoints", 100);
    lose_power(rounds, "FULL", 150);
}

TEST(DatabasePowerLoss, WithoutFullSyncOnlyTheLastCommitsAreLost)
{
    Rounds rounds("database, synchronous=NORMAL", 200);
    lose_power(rounds, "NORMAL", 12);
}

} // namespace whisperstore::test

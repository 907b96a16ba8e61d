// Every store after a power loss: what was acknowledged is there, everything else wholly or not at all.

#include "crash/power_loss/disk.hpp"
#include "crash/power_loss/power_store.hpp"
#include "crash/power_loss/rounds.hpp"
#include "crash/power_loss/sqlite_vfs.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace whisperstore::test {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t snapshots_of_a_run = 30;

struct Subject
{
    std::string name;
    OpenPowerStore open;
    bool may_lose = false; ///< the last acknowledged operations, as with synchronous=NORMAL
    bool atomic = true;    ///< a restore happens whole or not at all; that of several stores one after another
    /// Counted rounds of each test.
    std::size_t writes = 0;
    std::size_t checkpoints = 0;
    std::size_t backups = 0;
    std::size_t restores = 0;
    friend std::ostream& operator<<(std::ostream& out, const Subject& subject) { return out << subject.name; }
};

/// A backup that was made while the power might be lost.
struct Copy
{
    fs::path name;
    std::uint64_t begun = 0; // ticks of the oracle
    std::uint64_t ended = std::numeric_limits<std::uint64_t>::max();
    std::optional<std::size_t> acknowledged; // the moment of the disk
};

/// What happens between the opening and the closing of a store.
using Work = std::function<void(PowerStore& store, Disk& disk, Oracle& oracle, std::uint64_t seed)>;
/// Looks at what is left; an empty answer means that nothing is wrong.
using Check = std::function<std::string(PowerStore& store, const fs::path& folder, const Snapshot& snapshot,
                                        const Oracle& oracle, const std::vector<SlotState>& found)>;

/// Loses power again and again at random moments of opening, `work` and closing, checks what is left
/// and goes on with it.
void lose_power(Rounds& rounds, const Subject& subject, std::size_t writers, double chance, const Work& work,
                const Check& check)
{
    install_sqlite_vfs();
    auto folder = std::make_unique<TestDirectory>();
    std::vector<SlotState> state(writers);
    while (!rounds.enough()) {
        const std::shared_ptr<Disk> disk = Disk::watch(folder->path());
        const auto oracle = std::make_shared<Oracle>(disk, state);
        const std::uint64_t seed = rounds.random()();
        disk->take_snapshots(seed, chance, snapshots_of_a_run);
        {
            const auto store = subject.open(folder->path());
            work(*store, *disk, *oracle, seed);
            store->close();
        }
        EXPECT_EQ(disk->escaped(), "");
        disk->release();
        const std::vector<Snapshot> snapshots = disk->take_snapshots_away();

        // One of the rounds goes on where its power loss has left it; now and then a new store begins.
        const std::size_t next = rounds.random()() % (snapshots.size() + 1);
        folder = std::make_unique<TestDirectory>();
        state.assign(writers, SlotState());
        for (std::size_t i = 0; i < snapshots.size() && !rounds.enough(); ++i) {
            auto left = std::make_unique<TestDirectory>();
            std::vector<SlotState> found;
            const auto examine = [&](const fs::path& path) {
                const auto store = subject.open(path);
                found = store->read(writers);
                std::string problem = oracle->judge(snapshots[i].moment, found, subject.may_lose);
                if (problem.empty() && check)
                    problem = check(*store, path, snapshots[i], *oracle, found);
                store->close();
                return problem;
            };
            const std::uint64_t acknowledged = oracle->acknowledged(snapshots[i].moment);
            if (rounds.run(snapshots[i], left->path(), acknowledged, examine) && i == next) {
                fs::remove_all(left->path() / "backups");
                folder = std::move(left);
                state = found;
            }
        }
    }
}

void write_at_once(PowerStore& store, Oracle& oracle, std::uint64_t seed, int operations)
{
    std::vector<std::future<void>> work;
    for (std::size_t i = 0; i < oracle.writers(); ++i)
        work.push_back(start(store.write(oracle, i, seed, operations)));
    for (auto& writer : work)
        wait(std::move(writer));
}

void back_up(PowerStore& store, Disk& disk, const Oracle& oracle, Copy& copy)
{
    copy.begun = oracle.tick();
    run(store.back_up(disk.root() / copy.name));
    copy.ended = oracle.tick();
    copy.acknowledged = disk.acknowledge();
}

/// A backup is there when it was acknowledged, whole when it is there, and can be made when it is not.
std::string check_copy(const OpenPowerStore& open, PowerStore& store, const fs::path& folder, const Snapshot& snapshot,
                       const Oracle& oracle, const std::vector<SlotState>& found, const Copy& copy)
{
    const fs::path path = folder / copy.name;
    const bool there = fs::exists(path);
    if (!there && copy.acknowledged && *copy.acknowledged <= snapshot.moment)
        return "the acknowledged backup " + path.string() + " is gone";
    if (!there)
        run(store.back_up(path));
    const TestDirectory elsewhere;
    const auto restored = open(elsewhere.path());
    run(restored->restore(path));
    const std::vector<SlotState> content = restored->read(oracle.writers());
    restored->close();
    if (!there)
        return content == found ? "" : "a backup made after the power loss has another content than the store";
    const std::string problem = oracle.judge_copy(copy.begun, copy.ended, content);
    return problem.empty() ? "" : "backup: " + problem;
}

class PowerLoss : public testing::TestWithParam<Subject>
{
};

std::vector<Subject> subjects()
{
    std::vector<Subject> list;
    list.push_back({"database", database_store("FULL"), false, true, 650, 60, 60, 100});
    list.push_back({"database_normal", database_store("NORMAL"), true, true, 60, 10, 10, 10});
    list.push_back({"vectors", vector_store(), false, true, 120, 10, 20, 40});
    list.push_back({"layer", layer_store(), false, false, 40, 5, 15, 20});
    return list;
}

std::string name_of(const testing::TestParamInfo<Subject>& subject) { return subject.param.name; }

} // namespace

TEST_P(PowerLoss, LosesNothingThatWasAcknowledgedAndLeavesNothingHalfDone)
{
    Rounds rounds(GetParam().name + ", writes", GetParam().writes);
    const Work work = [](PowerStore& store, Disk&, Oracle& oracle, std::uint64_t seed) {
        write_at_once(store, oracle, seed, 12);
    };
    lose_power(rounds, GetParam(), 8, 0.04, work, nullptr);
}

// Long enough for checkpoints between the commits.
TEST_P(PowerLoss, LosesNothingToCheckpoints)
{
    Rounds rounds(GetParam().name + ", checkpoints", GetParam().checkpoints);
    const Work work = [](PowerStore& store, Disk&, Oracle& oracle, std::uint64_t seed) {
        write_at_once(store, oracle, seed, 150);
    };
    lose_power(rounds, GetParam(), 8, 0.004, work, nullptr);
}

TEST_P(PowerLoss, LeavesBackupsWholeOrAbsent)
{
    Rounds rounds(GetParam().name + ", backups", GetParam().backups);
    std::vector<Copy> copies;
    const Work work = [&](PowerStore& store, Disk& disk, Oracle& oracle, std::uint64_t seed) {
        copies.assign(2, Copy());
        std::future<void> writes = std::async(std::launch::async, [&] { write_at_once(store, oracle, seed, 8); });
        for (std::size_t i = 0; i < copies.size(); ++i) {
            copies[i].name = fs::path("backups") / std::to_string(i);
            back_up(store, disk, oracle, copies[i]);
        }
        wait(std::move(writes));
    };
    const Check check = [&](PowerStore& store, const fs::path& folder, const Snapshot& snapshot, const Oracle& oracle,
                            const std::vector<SlotState>& found) {
        for (const Copy& copy : copies) {
            std::string problem = check_copy(GetParam().open, store, folder, snapshot, oracle, found, copy);
            if (!problem.empty())
                return problem;
        }
        return std::string();
    };
    lose_power(rounds, GetParam(), 4, 0.04, work, check);
}

TEST_P(PowerLoss, LeavesTheOldContentOrTheRestoredOne)
{
    Rounds rounds(GetParam().name + ", restores", GetParam().restores);
    struct
    {
        std::vector<SlotState> before;
        std::vector<SlotState> after;
        std::size_t begun = 0; // moments of the disk
        std::size_t ended = 0;
    } restore;
    const Work work = [&](PowerStore& store, Disk& disk, Oracle& oracle, std::uint64_t seed) {
        const auto write = [&](std::uint64_t more) {
            for (std::size_t writer = 0; writer < oracle.writers(); ++writer)
                run(store.write(oracle, writer, seed + more, 3));
        };
        write(0);
        Copy copy;
        copy.name = fs::path("backups") / "0";
        back_up(store, disk, oracle, copy);
        restore.after = oracle.states();
        write(100);
        restore.before = oracle.states();
        restore.begun = disk.moment();
        for (std::size_t writer = 0; writer < oracle.writers(); ++writer)
            oracle.begin(writer, restore.after[writer]);
        run(store.restore(disk.root() / copy.name));
        for (std::size_t writer = 0; writer < oracle.writers(); ++writer)
            oracle.acknowledge(writer);
        restore.ended = disk.moment();
        write(200);
    };
    const Check check = [&](PowerStore&, const fs::path&, const Snapshot& snapshot, const Oracle&,
                            const std::vector<SlotState>& found) {
        const bool during = snapshot.moment >= restore.begun && snapshot.moment < restore.ended;
        const bool whole = found == restore.before || found == restore.after;
        return !GetParam().atomic || GetParam().may_lose || !during || whole
                   ? std::string()
                   : std::string("half of the restore is there");
    };
    lose_power(rounds, GetParam(), 2, 0.1, work, check);
}

INSTANTIATE_TEST_SUITE_P(Stores, PowerLoss, testing::ValuesIn(subjects()), name_of);

} // namespace whisperstore::test

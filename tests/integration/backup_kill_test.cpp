// A restore that is killed leaves the old content, the new one, or says that it is half done.
#include "integration/backup_fixture.hpp"
#include "support/child_process.hpp"

#include <cstdlib>
#include <random>
#include <thread>

namespace whisperstore::test {
namespace {

using Clock = std::chrono::steady_clock;

TEST_F(Backup, AKilledRestoreIsOldOrNewOrSaysThatItIsHalfDone)
{
    const int rounds = std::getenv("WHISPERSTORE_ALL_ROUNDS") ? 100 : 12;
    const fs::path other = directory / "backups/other";
    fill(*storage, 60);
    create();
    std::vector<Dump> contents(1, run(dump(*storage)));
    fill(*storage, 60, 500);
    run(manager.create_full_backup(*storage, other));
    contents.push_back(run(dump(*storage)));
    run(storage->close());
    const std::vector<fs::path> backups{path, other};

    std::size_t current = 1;
    std::mt19937 random(20261130);
    std::chrono::microseconds whole(300000); // how long a restore takes, once one was seen
    int old = 0;
    int made = 0;
    int half = 0;
    for (int i = 0; i < rounds; ++i) {
        const std::size_t next = 1 - current;
        ChildProcess restorer({WHISPERSTORE_BACKUP_RESTORER, (directory / "data").string(), backups[next].string()});
        ASSERT_EQ(restorer.read_line(), "begins");
        const auto begun = Clock::now();
        if (i == 0) { // the first one shows how long it takes
            ASSERT_EQ(restorer.read_line(), "done");
            whole = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
            ASSERT_EQ(restorer.wait(), 0);
        } else {
            // Every other time in the second half, in which the stores are replaced.
            const auto span = static_cast<unsigned>(whole.count() * 11 / 10);
            const std::chrono::microseconds after(i % 2 == 0 ? random() % span : span / 2 + random() % (span / 2));
            std::this_thread::sleep_until(begun + after); // a moment, not a wait for something
            restorer.kill();
        }
        storage = open("data");
        const std::string unfinished = run(unfinished_restore(storage->database()));
        Dump found = run(dump(*storage));
        if (!unfinished.empty()) {
            ++half;
            EXPECT_NE(unfinished.find(backups[next].string()), std::string::npos) << unfinished;
            const HealthReport health = run(storage->health());
            EXPECT_EQ(health.status, HealthStatus::degraded);
            EXPECT_EQ(health.components[0].reason, unfinished);
            run(manager.restore_from_backup(backups[next], *storage));
            found = run(dump(*storage));
            EXPECT_EQ(difference(found, contents[next]), "") << "round " << i;
            current = next;
        } else if (difference(found, contents[current]).empty()) {
            ++old;
        } else {
            ++made;
            EXPECT_EQ(difference(found, contents[next]), "") << "round " << i;
            current = next;
        }
        EXPECT_EQ(run(unfinished_restore(storage->database())), "");
        run(storage->close());
    }
    std::printf("killed %d times: %d old, %d new, %d half done and completed\n", rounds - 1, old, made - 1, half);
    storage = open("data");
    run(manager.restore_from_backup(path, *storage));
    EXPECT_EQ(difference(run(dump(*storage)), contents[0]), "");
    expect_no_work_folders(); // what the killed ones left went with the last one
}

} // namespace
} // namespace whisperstore::test

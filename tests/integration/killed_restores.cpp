#include "integration/killed_restores.hpp"

#include "support/child_process.hpp"
#include "support/run.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <chrono>
#include <random>
#include <sstream>
#include <thread>

namespace whisperstore::test {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// What a restore says while it is at something, and for how long it is.
struct Step
{
    std::string name;
    std::chrono::microseconds time;
};

/// Of a restore that nobody kills.
std::vector<Step> steps_of(const RestoredPlace& place, std::size_t backup)
{
    std::vector<Step> steps;
    ChildProcess restorer(place.command(backup));
    EXPECT_EQ(restorer.read_line(), "begins");
    auto begun = Clock::now();
    for (std::string line; line != "done";) {
        line = restorer.read_line();
        const auto now = Clock::now();
        if (!steps.empty())
            steps.back().time = std::chrono::duration_cast<std::chrono::microseconds>(now - begun);
        begun = now;
        if (line != "done")
            steps.push_back(Step{line, {}});
    }
    EXPECT_EQ(restorer.wait(), 0);
    return steps;
}

std::string last_line(const std::string& text)
{
    std::string last;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        last = line;
    return last;
}

class Killing
{
public:
    explicit Killing(const RestoredPlace& place) : place_(place) {}

    void run_rounds(int rounds)
    {
        steps_ = steps_of(place_, 0);
        {
            const auto storage = place_.open();
            EXPECT_EQ(difference(place_.content(*storage), place_.contents[0]), "");
            run(storage->close());
        }
        for (int i = 0; i < rounds && !testing::Test::HasFatalFailure(); ++i) {
            SCOPED_TRACE("round " + std::to_string(i));
            kill_one(i);
        }
        print(rounds);
        const auto storage = place_.open();
        run(manager_.restore_from_backup(place_.backups[0], *storage));
        EXPECT_EQ(run(unfinished_restore(storage->database())), "");
        EXPECT_EQ(difference(place_.content(*storage), place_.contents[0]), "");
        run(storage->close());
    }

private:
    struct Ends
    {
        int old = 0;
        int made = 0;
        int begun = 0;
    };

    void kill_one(int round)
    {
        const std::size_t next = begun_ ? current_ : 1 - current_;
        // From the last step to the first: those that replace something in the first rounds.
        const Step& step = steps_[steps_.size() - 1 - static_cast<std::size_t>(round) % steps_.size()];
        ChildProcess restorer(place_.command(next));
        ASSERT_EQ(restorer.read_line(), "begins");
        std::string at;
        while (at != step.name)
            at = restorer.read_line();
        const auto most = static_cast<unsigned>(step.time.count() * 11 / 10);
        // A moment, not a wait for something.
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % (most + 1)));
        restorer.kill();
        if (const std::string later = last_line(restorer.read_rest()); !later.empty())
            at = later;
        look(round, next, ends_[at]);
    }

    void look(int round, std::size_t next, Ends& ends)
    {
        const auto storage = place_.open();
        const std::string unfinished = run(unfinished_restore(storage->database()));
        if (unfinished.empty()) {
            const Dump found = place_.content(*storage);
            if (!begun_ && difference(found, place_.contents[current_]).empty()) {
                ++ends.old;
            } else {
                ++ends.made;
                EXPECT_EQ(difference(found, place_.contents[next]), "");
                current_ = next;
                begun_ = false;
            }
        } else {
            ++ends.begun;
            current_ = next;
            begun_ = true;
            expect_told(*storage, unfinished);
            if (round % 3 != 2)
                complete(*storage);
        }
        run(storage->close());
    }

    void expect_told(StorageLayer& storage, const std::string& unfinished)
    {
        EXPECT_NE(unfinished.find(place_.backups[current_].string()), std::string::npos) << unfinished;
        const HealthReport health = run(storage.health());
        EXPECT_EQ(health.status, HealthStatus::degraded);
        EXPECT_EQ(health.components[0].reason, unfinished);
        const fs::path refused = place_.backups[0].parent_path() / "refused";
        const StorageError error = error_of([&] { run(manager_.create_full_backup(storage, refused)); });
        EXPECT_EQ(error.errc(), StorageErrc::conflict) << error.what();
    }

    void complete(StorageLayer& storage)
    {
        run(manager_.restore_from_backup(place_.backups[current_], storage));
        begun_ = false;
        EXPECT_EQ(run(unfinished_restore(storage.database())), "");
        EXPECT_EQ(difference(place_.content(storage), place_.contents[current_]), "");
    }

    void print(int rounds) const
    {
        Ends all;
        for (const auto& [step, ends] : ends_) {
            std::printf("  killed at %-20s %2d old, %2d new, %2d half done\n", ("'" + step + "':").c_str(), ends.old,
                        ends.made, ends.begun);
            all.old += ends.old;
            all.made += ends.made;
            all.begun += ends.begun;
        }
        std::printf("killed %d times: %d old, %d new, %d half done and completed\n", rounds, all.old, all.made,
                    all.begun);
        std::fflush(stdout);
    }

    const RestoredPlace& place_;
    UnifiedBackupManager manager_;
    std::mt19937 random_{20261130};
    std::vector<Step> steps_;
    std::map<std::string, Ends> ends_; // by what the killed one was at
    std::size_t current_ = 0;          // the backup that is there, or half of it
    bool begun_ = false;
};

} // namespace

std::shared_ptr<StorageLayer> RestoredPlace::open() const
{
    return run(initialize_storage_layer(laptop_configuration(data_dir, settings)));
}

std::vector<std::string> RestoredPlace::command(std::size_t backup) const
{
    std::vector<std::string> words{WHISPERSTORE_BACKUP_RESTORER, data_dir.string(), backups.at(backup).string()};
    for (const auto& [variable, value] : settings)
        words.push_back(variable + "=" + value);
    return words;
}

void kill_restores(const RestoredPlace& place, int rounds) { Killing(place).run_rounds(rounds); }

} // namespace whisperstore::test

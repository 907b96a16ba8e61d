// A migrating process that is killed at any moment: the target is untouched or complete, and running it again
// completes.
#include "integration/migration/migration_stores.hpp"
#include "support/child_process.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

namespace whisperstore::test {
namespace {

using Clock = std::chrono::steady_clock;

/// A run of all tests kills twice in each direction; WHISPERSTORE_ALL_ROUNDS makes it a hundred times in all.
int rounds() { return std::getenv("WHISPERSTORE_ALL_ROUNDS") ? 17 : 2; }

struct Direction
{
    const char* name;
    const char* source;
    const char* target;
    ExistingData existing;
};

std::ostream& operator<<(std::ostream& out, const Direction& direction) { return out << direction.name; }

/// While another process has the databases: a file of SQLite has one writer.
class Away
{
public:
    Away(const MigrationStore& source, const MigrationStore& target) : source_(source), target_(target)
    {
        run(source_.adapter().disconnect());
        run(target_.adapter().disconnect());
    }
    ~Away()
    {
        run(target_.adapter().connect());
        run(source_.adapter().connect());
    }
    Away(const Away&) = delete;
    Away& operator=(const Away&) = delete;

private:
    const MigrationStore& source_;
    const MigrationStore& target_;
};

std::string word(ExistingData existing)
{
    if (existing == ExistingData::merge)
        return "merge";
    return existing == ExistingData::replace ? "replace" : "refuse";
}

class KilledMigration : public testing::TestWithParam<Direction>
{
protected:
    KilledMigration() : source(GetParam().source) {}

    std::vector<std::string> migrating(const MigrationStore& target) const
    {
        return {WHISPERSTORE_MIGRATING_PROCESS, source.url(), target.url(), word(GetParam().existing)};
    }

    /// What the target holds before: nothing, or something that is to be replaced or merged with.
    static void fill_before(const MigrationStore& target)
    {
        target.make_schema();
        if (GetParam().existing == ExistingData::refuse)
            return;
        target.query("INSERT INTO users (user_id, username) VALUES ('before', 'before')");
        target.query("INSERT INTO conversations (id, user_id, channel_id, message_content) VALUES "
                     "(99999999, 'before', 'c', 'before')");
    }

    /// "before", "complete", or what is wrong.
    std::string state_of(const MigrationStore& target) const
    {
        const std::string users = target.value("SELECT count(*) FROM users");
        const std::string conversations = target.value("SELECT count(*) FROM conversations");
        const std::string before = target.value("SELECT count(*) FROM users WHERE user_id = 'before'");
        const std::string expected_before = GetParam().existing == ExistingData::refuse ? "0" : "1";
        if (users == before && conversations == before && before == expected_before)
            return "before";
        const bool merged = GetParam().existing == ExistingData::merge;
        const std::string all = std::to_string(4124 + (merged ? 1 : 0));
        if (conversations != all || before != (merged ? "1" : "0"))
            return users + " users, " + conversations + " conversations, " + before + " of before";
        return "complete";
    }

    MigrationStore source;
};

TEST_P(KilledMigration, LeavesTheTargetUntouchedOrComplete)
{
    source.make_schema();
    fill_with_conversations(source);
    const std::map<std::string, std::string> expected = hashes(source);

    // How long it takes when nobody kills it.
    std::chrono::microseconds whole{};
    {
        const MigrationStore target(GetParam().target);
        fill_before(target);
        const Away away(source, target);
        ChildProcess process(migrating(target));
        ASSERT_EQ(process.read_line(), "begin");
        const Clock::time_point start = Clock::now();
        process.read_rest();
        ASSERT_EQ(process.wait(), 0);
        whole = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    }
    const auto seed = std::random_device()();
    std::mt19937_64 random(seed);
    std::cout << "seed " << seed << ", " << whole.count() << " us\n";
    std::map<std::string, int> found;
    for (int round = 0; round < rounds(); ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        const MigrationStore target(GetParam().target);
        fill_before(target);
        {
            const Away away(source, target);
            ChildProcess process(migrating(target));
            ASSERT_EQ(process.read_line(), "begin");
            const auto moment = std::uniform_int_distribution<std::int64_t>(0, whole.count())(random);
            std::this_thread::sleep_for(std::chrono::microseconds(moment)); // the moment is what is tried
            process.kill();
        }
        const std::string state = state_of(target);
        ++found[state];
        ASSERT_TRUE(state == "before" || state == "complete") << state;

        const MigrationReport again = migrate(source, target, with(GetParam().existing));
        EXPECT_TRUE(again.verified);
        EXPECT_EQ(hashes(again), expected);
        EXPECT_EQ(state_of(target), "complete");
        if (GetParam().existing != ExistingData::merge) {
            EXPECT_EQ(again.already_there, state == "complete");
            EXPECT_TRUE(migrate(source, target, with(GetParam().existing)).already_there);
        }
    }
    for (const auto& [state, times] : found)
        std::cout << state << ": " << times << "\n";
}

INSTANTIATE_TEST_SUITE_P(
    Database, KilledMigration,
    testing::Values(Direction{"SqliteToPostgresql", "sqlite", "postgresql", ExistingData::refuse},
                    Direction{"PostgresqlToSqlite", "postgresql", "sqlite", ExistingData::refuse},
                    Direction{"SqliteReplacesPostgresql", "sqlite", "postgresql", ExistingData::replace},
                    Direction{"PostgresqlReplacesSqlite", "postgresql", "sqlite", ExistingData::replace},
                    Direction{"SqliteMergesIntoPostgresql", "sqlite", "postgresql", ExistingData::merge},
                    Direction{"PostgresqlMergesIntoSqlite", "postgresql", "sqlite", ExistingData::merge}),
    [](const auto& one) { return one.param.name; });

} // namespace
} // namespace whisperstore::test

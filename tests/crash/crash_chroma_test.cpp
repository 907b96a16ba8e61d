// A Chroma server of our own and the process that owns it, killed while they write: what was acknowledged is there,
// and no server is left behind.
#include "crash/killed_writer.hpp"
#include "crash/oracle.hpp"
#include "crash/stores.hpp"
#include "support/processes.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

#include <atomic>
#include <csignal>
#include <future>
#include <iostream>
#include <map>
#include <random>

namespace whisperstore::test {
namespace {

class CrashChroma : public testing::Test
{
protected:
    void SetUp() override { std::cout << "seed " << seed << " (WHISPERSTORE_CRASH_SEED)" << std::endl; }

    std::string folder() const { return (directory / "chromadb").string(); }
    std::vector<pid_t> servers() const { return processes_with_argument(folder()); }

    TestDirectory directory;
    const std::uint64_t seed = crash_seed();
    std::mt19937_64 random{seed};
};

TEST_F(CrashChroma, AKilledOwnerLosesNothingAndLeavesNoServer)
{
    Oracle oracle("chroma");
    int left_behind = 0;
    for (int round = 0; round < crash_rounds(8) && !HasFailure(); ++round) {
        const std::size_t acknowledgements = random() % 3 == 0 ? random() % 5 : random() % 80;
        const KillMoment moment{acknowledgements, std::chrono::microseconds(random() % 30'000)};
        const WriterRun run_of_writer = run_and_kill("chroma", directory.path(), random(), round, moment);
        EXPECT_FALSE(run_of_writer.ended_by_itself);
        const bool gone = eventually([&] { return servers().empty(); }, std::chrono::seconds(5));
        EXPECT_TRUE(gone);
        left_behind += gone ? 0 : 1;

        const auto vectors = chroma_in(directory.path());
        run(open(*vectors));
        oracle.check(run_of_writer, run(read_entries(*vectors)));
        run(vectors->cleanup());
        EXPECT_TRUE(servers().empty());
    }
    EXPECT_FALSE(oracle.entries().empty());
    std::cout << "servers left behind by a killed owner: " << left_behind << std::endl;
}

TEST_F(CrashChroma, AKilledServerIsStartedAgainAndCallsGoOn)
{
    const auto vectors = chroma_in(directory.path());
    run(open(*vectors));
    std::atomic<bool> done = false;
    std::atomic<int> acknowledged = 0;
    // Each coroutine has documents of its own, so that the last version of each is known.
    const auto writer = [&](int number) -> awaitable<std::map<std::string, std::int64_t>> {
        std::map<std::string, std::int64_t> last;
        for (std::int64_t version = 1; !done; ++version) {
            std::string key = "k";
            key.append(std::to_string(number)).append("-").append(std::to_string(version % 25));
            const std::string content = content_of(key, version);
            const std::vector<float> embedding = embedding_of(key, version, vector_dimension);
            json::object metadata;
            metadata["version"] = version;
            co_await vectors->store_document(collection_of(key), key, content, embedding, metadata);
            last[key] = version;
            ++acknowledged;
        }
        co_return last;
    };
    std::vector<std::future<std::map<std::string, std::int64_t>>> writers;
    for (int i = 0; i < 4; ++i)
        writers.push_back(start(writer(i)));
    const int rounds = crash_rounds(8);
    std::chrono::duration<double> longest{0};
    for (int round = 0; round < rounds && !HasFailure(); ++round) {
        // Before it has run for a second as well as long after: then it is started again without a long pause.
        const int enough = acknowledged + (round % 4 == 0 ? 5 : 100 + static_cast<int>(random() % 100));
        EXPECT_TRUE(eventually([&] { return acknowledged > enough; }, std::chrono::seconds(60)));
        const std::vector<pid_t> now = servers();
        ASSERT_EQ(now.size(), 1U);
        ::kill(now.front(), SIGKILL);
        const auto killed = std::chrono::steady_clock::now();
        const int at_the_kill = acknowledged;
        // Some may have been answered before.
        EXPECT_TRUE(eventually([&] { return acknowledged > at_the_kill + 8; }, std::chrono::seconds(60)));
        longest = std::max<std::chrono::duration<double>>(longest, std::chrono::steady_clock::now() - killed);
    }
    done = true;
    std::size_t lost = 0;
    std::size_t documents = 0;
    std::map<std::string, std::int64_t> expected;
    for (auto& one : writers)
        expected.merge(wait(std::move(one))); // a failed call would throw here
    const Entries found = run(read_entries(*vectors));
    for (const auto& [key, version] : expected) {
        ++documents;
        const auto there = found.find(key);
        lost += there == found.end() || there->second != version ? 1 : 0;
    }
    EXPECT_EQ(lost, 0U);
    EXPECT_EQ(found.size(), documents);
    EXPECT_TRUE(zombies().empty());
    run(vectors->cleanup());
    EXPECT_TRUE(servers().empty());
    std::cout << rounds << " kills, " << acknowledged << " writes acknowledged, none failed, documents lost " << lost
              << ", longest pause " << longest.count() << " s" << std::endl;
}

} // namespace
} // namespace whisperstore::test

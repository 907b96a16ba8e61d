// Processes that are killed while they write: what was acknowledged is there, the rest wholly or not
// at all, round after round in the same directory.
#include "crash/killed_writer.hpp"
#include "crash/oracle.hpp"
#include "crash/stores.hpp"
#include "sqlite/connection.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"
#include "support/word_index_check.hpp"

#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <algorithm>
#include <functional>
#include <iostream>
#include <random>

namespace whisperstore::test {
namespace {

/// Kills within the first operations as well as in the middle of a large write-ahead log.
KillMoment some_moment(std::mt19937_64& random)
{
    const std::size_t acknowledgements = random() % 3 == 0 ? random() % 10 : random() % 600;
    return KillMoment{acknowledgements, std::chrono::microseconds(random() % 3000)};
}

class Crash : public testing::Test
{
protected:
    void SetUp() override { std::cout << "seed " << seed << " (WHISPERSTORE_CRASH_SEED)" << std::endl; }

    /// Writes, kills, and compares what `read` finds after reopening.
    void rounds(const std::string& what, const std::function<Entries()>& read)
    {
        Oracle oracle(what);
        for (int round = 0; round < crash_rounds(10) && !HasFailure(); ++round) {
            const WriterRun run = run_and_kill(what, directory.path(), random(), round, some_moment(random));
            EXPECT_FALSE(run.ended_by_itself);
            oracle.check(run, read());
        }
        EXPECT_FALSE(oracle.entries().empty());
    }

    TestDirectory directory;
    const std::uint64_t seed = crash_seed();
    std::mt19937_64 random{seed};
};

TEST_F(Crash, DatabaseKeepsAcknowledgedWrites)
{
    rounds("database", [&] {
        const auto database = database_in(directory.path());
        run(open(*database));
        Entries found = run(read_entries(*database));
        run(database->disconnect());
        sqlite::check_file(directory / "database.db", "sqlite");
        return found;
    });
}

TEST_F(Crash, VectorsKeepAcknowledgedWritesAndFindThem)
{
    std::size_t searched = 0;
    rounds("vectors", [&] {
        const auto vectors = vectors_in(directory.path());
        run(open(*vectors));
        Entries found = run(read_entries(*vectors));
        for (const auto& [key, version] : found) {
            if (version <= 0 || random() % 8 != 0)
                continue;
            const std::vector<float> embedding = embedding_of(key, version, vector_dimension);
            const std::vector<SearchResult> nearest = run(vectors->search_similar(collection_of(key), embedding, 1));
            EXPECT_TRUE(nearest.size() == 1 && nearest[0].id == key && nearest[0].score > 0.9999) << key;
            const std::string group = key.substr(0, key.find('.'));
            const auto same = run(
                vectors->search_similar(collection_of(key), embedding, 10, filter::eq("group", json::value(group))));
            EXPECT_EQ(same.size(), key == group ? 1U : std::size_t{group_size}) << key;
            EXPECT_TRUE(!same.empty() && same[0].id == key) << key;
            ++searched;
        }
        for (const char* collection : {"even", "odd"}) {
            const auto in_it = std::count_if(found.begin(), found.end(), [&](const auto& entry) {
                return collection_of(entry.first) == collection;
            });
            EXPECT_EQ(run(vectors->count_documents(collection)), static_cast<std::uint64_t>(in_it));
        }
        run(vectors->cleanup());
        for (const char* collection : {"even", "odd"})
            sqlite::check_file(directory / "vectors" / (std::string(collection) + ".db"), "local_qdrant");
        EXPECT_EQ(word_index_difference(directory / "vectors/even.db"), "");
        return found;
    });
    EXPECT_GT(searched, 0U);
}

TEST_F(Crash, GraphKeepsAcknowledgedNodesAndEdges)
{
    rounds("graph", [&] {
        const auto database = database_in(directory.path());
        run(open(*database));
        const auto graph = graph_on(database);
        run(graph->initialize());
        Entries found = run(read_graph(*database));
        if (found.contains("user:u0-0")) {
            const std::vector<ConnectedMemory> memories = run(graph->find_connected_memories("u0-0", "", 1, 1000));
            std::size_t remembered = 0;
            for (const auto& [key, version] : found)
                remembered += key.starts_with("edge/user:u0-0/REMEMBERS/") ? 1U : 0U;
            EXPECT_EQ(memories.size(), remembered);
        }
        run(graph->cleanup());
        run(database->disconnect());
        sqlite::check_file(directory / "database.db", "sqlite");
        return found;
    });
}

} // namespace
} // namespace whisperstore::test

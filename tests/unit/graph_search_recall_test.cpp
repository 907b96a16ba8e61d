// What graphs find, beside an exact search of the same documents.

#include "graph_support.hpp"

#include <thread>

namespace whisperstore::local_qdrant {
namespace {

using Graphs = GraphFixture;

TEST_F(Graphs, NoneBelowTheThreshold)
{
    write(0, threshold - 1);
    settle();
    EXPECT_EQ(graph_count(), 0U);
    EXPECT_EQ(recall(), 1.0);
    EXPECT_FALSE(by_graph);
}

TEST_F(Graphs, FindWhatAnExactSearchFinds)
{
    write(0, 3000);
    settle();
    EXPECT_EQ(index->get()->tail_size(), 0U);
    EXPECT_GE(recall(), 0.99);
    EXPECT_TRUE(by_graph);
}

TEST_F(Graphs, FindWhatMatchesAFilter)
{
    breadth = 20;
    write(0, 9000);
    settle();
    EXPECT_GE(recall(true), 0.99);
    EXPECT_TRUE(by_graph);
}

TEST_F(Graphs, FindItWithoutCodesToo)
{
    codes = false;
    reopen();
    write(0, 3000);
    settle();
    EXPECT_EQ(index->get()->snapshot().graphs().front()->codes.size(), 0U);
    EXPECT_GE(recall(), 0.99);
    EXPECT_TRUE(by_graph);
    EXPECT_GE(recall(true), 0.99);
    remove(1000, 1150); // the entries of searches may be among them
    write(3000, 3600);
    settle();
    EXPECT_GE(recall(), 0.99);
    reopen();
    EXPECT_GE(recall(), 0.99);
    EXPECT_TRUE(by_graph);
}

TEST_F(Graphs, NewDocumentsAreFoundAtOnce)
{
    write(0, 2000);
    settle();
    const std::vector<float> vector = vectors.next();
    write({{5000, vector}});
    const auto found = search(vector, 1);
    EXPECT_TRUE(by_graph);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].id, id_of(5000));
    EXPECT_EQ(graph_count(), 1U); // it was found in the tail
    EXPECT_EQ(index->get()->tail_size(), 1U);
}

TEST_F(Graphs, StayFewWhileDocumentsCome)
{
    for (std::size_t n = 0; n < 6000; n += 150) {
        write(n, n + 150);
        settle();
        EXPECT_LE(graph_count(), 3U) << n;
    }
    EXPECT_LT(index->get()->tail_size(), threshold / 4);
    EXPECT_GE(recall(), 0.99);
    EXPECT_GE(recall(true), 0.99);
    EXPECT_EQ(graph_files(database()).size(), graph_count());
}

TEST_F(Graphs, DeletedAndReplacedDocumentsAreNotFound)
{
    write(0, 3000);
    settle();
    remove(500, 900);
    EXPECT_GE(recall(), 0.99);
    write(0, 90); // replaced; in the tail, their slots may be those of deleted ones
    EXPECT_GE(recall(), 0.99);
    EXPECT_GE(recall(true), 0.99);
    settle();
    EXPECT_GE(recall(), 0.99);
}

TEST_F(Graphs, AreBuiltAnewWhenManyDocumentsWent)
{
    write(0, 3000);
    settle();
    remove(0, 1500);
    settle();
    std::size_t nodes = 0;
    for (const auto& segment : index->get()->snapshot().graphs())
        nodes += segment->size();
    EXPECT_EQ(nodes, 1500U);
    EXPECT_GE(recall(), 0.99);
    remove(1500, 3000);
    settle();
    EXPECT_EQ(graph_count(), 0U);
    EXPECT_EQ(graph_files(database()).size(), 0U);
    EXPECT_TRUE(search(vectors.next(), 10).empty());
}

TEST_F(Graphs, DocumentsWrittenAgainAndAgainAreNotManyDocuments)
{
    for (int i = 0; i < 40; ++i) {
        write(0, 100);
        settle();
    }
    EXPECT_EQ(graph_count(), 0U);
    EXPECT_LT(index->get()->tail_size(), 2 * 100 + Coverage::block_size + 1);
    write(0, 390);
    settle();
    EXPECT_EQ(graph_count(), 0U);
    EXPECT_EQ(recall(), 1.0);
    EXPECT_EQ(index->get()->tail_size(), 390U); // looked at, and found to be shorter than it seemed
}

TEST_F(Graphs, AWholeNeighbourhoodMayGo)
{
    // Around one direction everything is deleted: the nodes that a search comes by are all gone.
    std::vector<std::pair<std::size_t, std::vector<float>>> alike;
    ClusteredVectors one(3, dimension, 1);
    for (std::size_t n = 10000; n < 10200; ++n)
        alike.emplace_back(n, one.next());
    write(0, 2000);
    write(alike);
    settle();
    remove(10000, 10200);
    const auto query = one.next();
    const auto found = search(query, 10);
    const auto expected = exact(query, 10);
    ASSERT_EQ(found.size(), 10U);
    EXPECT_EQ(found[0].id, expected[0].id);
}

TEST_F(Graphs, EqualScoresAreOrderedById)
{
    write(0, 2000);
    const std::vector<float> vector = vectors.next();
    std::vector<std::pair<std::size_t, std::vector<float>>> equal;
    for (std::size_t n = 9000; n-- > 8000;)
        equal.emplace_back(n, vector);
    write(equal);
    settle();
    const auto found = search(vector, 10);
    EXPECT_TRUE(by_graph);
    ASSERT_EQ(found.size(), 10U);
    for (std::size_t i = 0; i < 10; ++i)
        EXPECT_EQ(found[i].id, id_of(8000 + i));
}

TEST_F(Graphs, FewMatchesAreComparedOneByOne)
{
    write(0, 3000);
    settle();
    const auto found = search(vectors.next(), 10, filter::eq("n", 77));
    EXPECT_FALSE(by_graph);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].id, id_of(77));
    // The inverted index says nothing about a negation; the graph gives up when too little matches.
    EXPECT_EQ(search(vectors.next(), 10, Filter::parse_text(R"({"$not": {"n": {"$ne": 78}}})")).size(), 1U);
    EXPECT_EQ(search(vectors.next(), 10, filter::eq("n", 100000)).size(), 0U);
}

TEST_F(Graphs, LargeLimitsAreAnsweredInFull)
{
    write(0, 2000);
    settle();
    EXPECT_EQ(search(vectors.next(), 300).size(), 300U);
    EXPECT_EQ(search(vectors.next(), 5000).size(), 2000U);
}

TEST_F(Graphs, ASearchByGraphCanBeStopped)
{
    write(0, 3000);
    settle();
    AlignedFloats query(padded(dimension));
    std::ranges::copy(vectors.next(), query.data());
    const Selection selection(*index->get(), Filter());
    SearchPlan plan;
    plan.by_graph = true;
    plan.reach = SearchReach{2000, SIZE_MAX};
    int checks = 0;
    const CheckPoint check = [&] {
        if (++checks == 2)
            throw StorageError(StorageErrc::cancelled, "stop");
    };
    EXPECT_STORAGE_ERROR(most_similar(selection, query.data(), 10, plan, check), cancelled);
}

TEST(SearchBreadth, GrowsWithLargeCollections)
{
    EXPECT_EQ(breadth_for(64, 0), 64U);
    EXPECT_EQ(breadth_for(64, 100'000), 64U);
    EXPECT_EQ(breadth_for(64, 400'000), 128U);
    EXPECT_EQ(breadth_for(64, 1'000'000), 202U);
}

TEST_F(Graphs, SearchesAndWritesGoOnBesideBuilds)
{
    write(0, threshold);
    std::atomic<bool> done{false};
    std::atomic<std::size_t> searches{0};
    std::thread searcher([&] {
        ClusteredVectors queries(7, dimension);
        AlignedFloats query(padded(dimension));
        while (!done) {
            std::ranges::copy(queries.next(), query.data());
            const Selection selection(*index->get(), searches % 2 == 0 ? Filter() : filter::eq("fifth", true));
            const SearchPlan plan = plan_search(selection, 10, 64);
            const auto hits = most_similar(selection, query.data(), 10, plan, nullptr);
            EXPECT_EQ(hits.size(), 10U);
            std::set<std::int64_t> seqs;
            for (const Hit& hit : hits)
                EXPECT_TRUE(seqs.insert(hit.seq).second);
            ++searches;
        }
    });
    for (std::size_t n = threshold; n < 4000; n += 100) {
        write(n, n + 100);
        write(n - 50, n - 20); // replaced
        remove(n - 390, n - 380);
    }
    EXPECT_GE(recall(), 0.99);
    settle();
    EXPECT_TRUE(test::eventually([&] { return searches > 20; }));
    done = true;
    searcher.join();
    EXPECT_GE(recall(), 0.99);
}

} // namespace
} // namespace whisperstore::local_qdrant

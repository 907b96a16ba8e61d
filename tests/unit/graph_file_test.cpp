// Graphs in files: what is used again after reopening, and what is not.

#include "graph_support.hpp"

#include <fstream>

namespace whisperstore::local_qdrant {
namespace {

namespace fs = std::filesystem;

class GraphFiles : public GraphFixture
{
protected:
    void make_graph()
    {
        write(0, 1000);
        settle();
        ASSERT_EQ(graph_files(database()).size(), 1U);
    }
    fs::path only_file() const { return graph_files(database()).at(0).second; }
    /// Opens with what is on disk, and builds nothing.
    std::size_t documents_in_graphs()
    {
        GraphKeeper::Options read_only = options();
        read_only.thread = nullptr;
        const auto fresh = std::make_shared<LiveIndex>(dimension);
        fresh->load(*file, nullptr);
        const auto reader = std::make_shared<GraphKeeper>(fresh, read_only);
        reader->attach();
        return fresh->get()->snapshot().documents() - fresh->get()->tail_size();
    }
    void damage(const fs::path& path, std::size_t at) const
    {
        std::string content = test::read_file(path);
        content.at(at) = static_cast<char>(content.at(at) ^ 0x10);
        std::ofstream(path, std::ios::binary) << content;
    }
};

TEST_F(GraphFiles, AreUsedAfterReopening)
{
    make_graph();
    const fs::path path = only_file();
    reopen();
    EXPECT_EQ(index->get()->tail_size(), 0U);
    EXPECT_FALSE(keeper->busy());
    EXPECT_EQ(only_file(), path);
    EXPECT_GE(recall(), 0.99);
    EXPECT_TRUE(by_graph);
}

TEST_F(GraphFiles, LeaveOutWhatWasWrittenSince)
{
    make_graph();
    keeper->stop(); // as if the process had ended while more came
    write(0, 50);
    remove(100, 150);
    write(1000, 1050);
    EXPECT_EQ(documents_in_graphs(), 900U);
    reopen();
    EXPECT_GE(recall(), 0.99);
    EXPECT_GE(recall(true), 0.99);
}

TEST_F(GraphFiles, AreMadeAgainWhenMissing)
{
    make_graph();
    close();
    fs::remove(only_file());
    open();
    settle();
    EXPECT_EQ(graph_files(database()).size(), 1U);
    EXPECT_EQ(index->get()->tail_size(), 0U);
}

TEST_F(GraphFiles, AreMadeAgainWhenTornAnywhere)
{
    make_graph();
    const fs::path path = only_file();
    const std::string whole = test::read_file(path);
    const std::vector<std::size_t> lengths{0, 1, 63, 64, 128, 639, 640, whole.size() / 2, whole.size() - 1};
    for (const std::size_t length : lengths) {
        std::ofstream(path, std::ios::binary) << whole.substr(0, length);
        EXPECT_EQ(documents_in_graphs(), 0U) << length;
    }
    std::ofstream(path, std::ios::binary) << whole << 'x';
    EXPECT_EQ(documents_in_graphs(), 0U);
    reopen();
    settle();
    EXPECT_EQ(index->get()->tail_size(), 0U);
    EXPECT_NE(only_file(), path); // the useless one was removed
    EXPECT_GE(recall(), 0.99);
}

TEST_F(GraphFiles, AreNotUsedWhenABitIsWrong)
{
    make_graph();
    const fs::path path = only_file();
    const std::string whole = test::read_file(path);
    std::mt19937 random(5);
    for (std::size_t at = 0; at < whole.size(); at += at < 640 ? 13 : 1 + random() % 4000) {
        damage(path, at);
        EXPECT_EQ(documents_in_graphs(), 0U) << at;
        std::ofstream(path, std::ios::binary) << whole;
    }
    EXPECT_EQ(documents_in_graphs(), 1000U);
}

TEST_F(GraphFiles, OfOtherVectorsAreNotUsed)
{
    // The same versions, as in a collection of the same name that was made anew; but other vectors.
    make_graph();
    keeper->stop();
    const fs::path kept = directory / "kept";
    fs::copy_file(only_file(), kept);
    close();
    for (const char* end : {"", "-wal", "-shm"})
        fs::remove(database().string() + end);
    fs::remove(only_file());
    CollectionConfig config;
    config.embedding_dimension = dimension;
    make_collection_file(database(), "docs", config);
    fs::copy_file(kept, graph_file(database(), 1));
    open();
    keeper->stop();
    write(0, 1000);
    EXPECT_EQ(documents_in_graphs(), 0U);
}

TEST_F(GraphFiles, OfAnotherDimensionAreNotUsed)
{
    make_graph();
    std::string why;
    EXPECT_TRUE(read_graph(only_file(), padded(dimension), why));
    EXPECT_FALSE(read_graph(only_file(), padded(dimension + 1), why));
    EXPECT_EQ(why, "it is about vectors of another dimension");
    EXPECT_FALSE(read_graph(directory / "nothing", padded(dimension), why));
    EXPECT_EQ(why, "it cannot be opened");
    EXPECT_FALSE(read_graph(directory.path(), padded(dimension), why));
}

TEST_F(GraphFiles, MayOverlapAfterACrash)
{
    // A crash between a new graph and the removal of the one that it replaces.
    make_graph();
    const fs::path old = directory / "old";
    fs::copy_file(only_file(), old);
    write(1000, 2000);
    settle();
    const auto files = graph_files(database());
    close();
    fs::copy_file(old, graph_file(database(), files.back().first + 7));
    open();
    EXPECT_EQ(graph_files(database()), files);
    EXPECT_GE(recall(), 0.99);
    ClusteredVectors queries = vectors;
    for (int i = 0; i < 20; ++i) {
        std::set<std::string> ids;
        for (const Found& found : search(queries.next(), 20))
            EXPECT_TRUE(ids.insert(found.id).second) << found.id << " was found twice";
    }
}

TEST_F(GraphFiles, AreNeverWrittenOrRemovedByReaders)
{
    make_graph();
    damage(only_file(), 700);
    const auto files = graph_files(database());
    EXPECT_EQ(documents_in_graphs(), 0U);
    EXPECT_EQ(graph_files(database()), files);
}

TEST_F(GraphFiles, OfTheWriterAreTakenUpByReaders)
{
    GraphKeeper::Options read_only = options();
    read_only.thread = nullptr;
    const auto seen = std::make_shared<LiveIndex>(dimension);
    seen->load(*file, nullptr);
    const auto reader = std::make_shared<GraphKeeper>(seen, read_only);
    reader->attach();
    make_graph();
    const auto catch_up = [&] {
        file->execute("BEGIN");
        seen->catch_up(*file);
        file->execute("COMMIT");
        reader->refresh();
    };
    catch_up();
    EXPECT_EQ(seen->get()->tail_size(), 0U);
    write(1000, 1010);
    catch_up();
    EXPECT_EQ(seen->get()->tail_size(), 10U);
}

TEST_F(GraphFiles, ThatCannotBeWrittenLeaveTheGraphInUse)
{
    // Where the file would go there is a folder.
    fs::create_directory(graph_file(database(), 1));
    write(0, 1000);
    ASSERT_TRUE(test::eventually([&] { return !keeper->busy(); }));
    EXPECT_NE(keeper->last_failure(), "");
    EXPECT_GE(graph_count(), 1U);
    EXPECT_GE(recall(), 0.99);
}

TEST_F(GraphFiles, AreNotWrittenAfterAStop)
{
    write(0, 1000);
    keeper->stop();
    EXPECT_FALSE(keeper->busy());
    for (const auto& [number, path] : graph_files(database())) {
        std::string why;
        EXPECT_TRUE(read_graph(path, padded(dimension), why)) << why;
    }
    write(1000, 2000);
    EXPECT_FALSE(keeper->busy());
    EXPECT_GE(recall(), 0.99);
}

TEST(GraphFileNames, NameTheirDatabase)
{
    EXPECT_EQ(graph_file("/a/docs.db", 12), "/a/docs.12.graph");
    EXPECT_EQ(database_of_graph("/a/docs.12.graph"), "/a/docs.db");
    EXPECT_EQ(database_of_graph("/a/docs.12.graph.partial-7-0"), "/a/docs.db");
    EXPECT_TRUE(is_half_written_graph("/a/docs.12.graph.partial-7-0"));
    EXPECT_FALSE(is_half_written_graph("/a/docs.12.graph"));
    for (const char* other :
         {"/a/docs.db", "/a/docs.graph", "/a/docs.x.graph", "/a/docs..graph", "/a/.graph", "/a/docs.1x.graph"})
        EXPECT_FALSE(database_of_graph(other)) << other;
}

// ---- graphs and codes by themselves

TEST(VectorCodes, EveryKernelAgreesWithIntegers)
{
    std::mt19937 random(3);
    for (const std::size_t size : {32UL, 64UL, 96UL, 384UL, 65536UL}) {
        std::vector<std::int8_t> a(size);
        std::vector<std::int8_t> b(size);
        for (const bool extreme : {false, true}) {
            std::int64_t expected = 0;
            for (std::size_t i = 0; i < size; ++i) {
                a[i] = static_cast<std::int8_t>(extreme ? 127 : static_cast<int>(random() % 255) - 127);
                b[i] = static_cast<std::int8_t>(extreme ? -127 : static_cast<int>(random() % 255) - 127);
                expected += a[i] * b[i];
            }
            for (const CodeProduct kernel : usable_code_products())
                EXPECT_EQ(kernel(a.data(), b.data(), size), expected);
        }
    }
}

TEST(VectorCodes, LieHalfAStepFromTheVectorAtMost)
{
    ClusteredVectors vectors(2, 64);
    VectorCodes codes(64);
    for (int i = 0; i < 20; ++i) {
        const std::vector<float> vector = vectors.next();
        codes.append(vector.data());
        for (std::size_t c = 0; c < 64; ++c)
            EXPECT_NEAR(codes.scale(codes.size() - 1) * static_cast<float>(codes.code(codes.size() - 1)[c]), vector[c],
                        codes.scale(codes.size() - 1) * 0.501F);
    }
    const std::vector<float> zeros(64);
    codes.append(zeros.data());
    EXPECT_EQ(codes.scale(20), 0);
}

class GraphParts : public testing::Test
{
protected:
    static VectorCodes some_codes(std::size_t count)
    {
        ClusteredVectors vectors(4, 32);
        VectorCodes codes(32);
        for (std::size_t i = 0; i < count; ++i)
            codes.append(vectors.next().data());
        return codes;
    }
};

TEST_F(GraphParts, ABuildCanBeStopped)
{
    int asked = 0;
    EXPECT_FALSE(build_graph(HnswGraph(), some_codes(500), [&] { return ++asked == 3; }));
    EXPECT_EQ(asked, 3);
}

TEST_F(GraphParts, AGraphCanBeAddedTo)
{
    const VectorCodes codes = some_codes(600);
    VectorCodes first(32);
    for (std::size_t i = 0; i < 300; ++i) {
        auto [scales, bytes] = first.resize(i + 1);
        scales[i] = codes.scale(i);
        std::copy_n(codes.code(i), 32, bytes.data() + i * 32);
    }
    const auto base = build_graph(HnswGraph(), first, nullptr);
    ASSERT_TRUE(base);
    const auto graph = build_graph(*base, codes, nullptr);
    ASSERT_TRUE(graph);
    EXPECT_EQ(graph->size(), 600U);
    std::set<HnswGraph::Node> reached{graph->entry};
    std::vector<HnswGraph::Node> ways{graph->entry};
    while (!ways.empty()) {
        const HnswGraph::Node node = ways.back();
        ways.pop_back();
        for (const HnswGraph::Node link : graph->links(node))
            if (reached.insert(link).second)
                ways.push_back(link);
    }
    EXPECT_GE(reached.size(), 595U);
}

TEST_F(GraphParts, LinksThatLeadNowhereAreRefused)
{
    const auto whole = build_graph(HnswGraph(), some_codes(300), nullptr);
    ASSERT_TRUE(whole);
    EXPECT_TRUE(HnswGraph(*whole).complete());
    EXPECT_FALSE(HnswGraph().complete());
    const auto broken = [&](const std::function<void(HnswGraph&)>& damage) {
        HnswGraph graph = *whole;
        damage(graph);
        return !graph.complete();
    };
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.entry = 300; }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.base[0] = 300; }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.base_begin[1] = HnswGraph::base_degree + 1; }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.base_begin[7] = 0; }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { ++graph.base_begin[0]; }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.base_begin.pop_back(); }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.base.pop_back(); }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.upper[0] = HnswGraph::upper_degree + 1; }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.upper[1] = 300; }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.upper.clear(); }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { ++graph.levels[graph.entry]; }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { graph.levels[graph.entry] = 200; }));
    EXPECT_TRUE(broken([](HnswGraph& graph) { // a link to a node that is not on that level
        const auto low = std::ranges::find(graph.levels, 0);
        graph.upper[1] = static_cast<HnswGraph::Node>(low - graph.levels.begin());
        graph.upper[0] = 1;
    }));
}

} // namespace
} // namespace whisperstore::local_qdrant

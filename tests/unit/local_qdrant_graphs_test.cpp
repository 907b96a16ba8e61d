// Graph files among the other files of a folder.

#include "local_qdrant_support.hpp"
#include "vector/local_qdrant/graph_file.hpp"
#include "vector/local_qdrant/store_directory.hpp"

#include <random>

namespace whisperstore::test {
namespace {

namespace fs = std::filesystem;

class LocalQdrantGraphs : public LocalQdrantFixture
{
protected:
    LocalQdrantGraphs() { hnsw_threshold = 100; }

    static std::vector<float> vector_of(std::size_t number)
    {
        std::minstd_rand random(static_cast<unsigned>(number + 1));
        std::normal_distribution<float> normal;
        std::vector<float> vector(16);
        for (float& component : vector)
            component = normal(random);
        return vector;
    }
    void fill(std::size_t begin, std::size_t end, const std::string& collection = "docs")
    {
        std::vector<VectorDocument> documents;
        for (std::size_t i = begin; i < end; ++i)
            documents.push_back(VectorDocument{numbered("d", i), "x", vector_of(i), json::object()});
        run(vectors->store_documents(collection, std::move(documents)));
    }
    void make_graphs()
    {
        create("docs", 16);
        fill(0, 1000);
        ASSERT_TRUE(has_graphs("docs"));
    }
    std::size_t files(const std::string& collection) const
    {
        return local_qdrant::graph_files(folder() / numbered_name(collection)).size();
    }
    bool has_graphs(const std::string& collection) const
    {
        return eventually([&] { return files(collection) > 0; }, std::chrono::minutes(2));
    }
    std::vector<std::string> names_in_folder() const
    {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(folder()))
            names.push_back(entry.path().filename().string());
        return names;
    }
    bool no_graph_left() const
    {
        return std::ranges::none_of(names_in_folder(),
                                    [](const std::string& name) { return name.find(".graph") != std::string::npos; });
    }
    /// Each document is the most similar one to its own vector.
    void expect_found(std::size_t begin, std::size_t end)
    {
        for (std::size_t i = begin; i < end; i += 7) {
            const std::vector<float> query = vector_of(i);
            const auto results = run(vectors->search_similar("docs", query, 3));
            ASSERT_EQ(results.size(), 3U);
            EXPECT_EQ(results[0].id, numbered("d", i));
            EXPECT_NEAR(results[0].score, 1, 1e-5);
        }
    }

private:
    static std::string numbered_name(const std::string& collection) { return collection + ".db"; }
};

TEST_F(LocalQdrantGraphs, AFailedFileIsToldByTheStats)
{
    create("docs", 16);
    // Where the file would go there is a folder.
    fs::create_directory(local_qdrant::graph_file(folder() / "docs.db", 1));
    fill(0, 1000);
    const auto failure = [&] { return run(vectors->get_collection_stats("docs")).index_failure; };
    EXPECT_TRUE(eventually([&] { return !failure().empty(); }, std::chrono::minutes(2)));
    EXPECT_NE(failure().find(".graph"), std::string::npos) << failure();
    expect_found(0, 1000);
}

TEST_F(LocalQdrantGraphs, AnswerLikeAnExactSearch)
{
    make_graphs();
    expect_found(0, 1000);
    reopen();
    expect_found(0, 1000);
    fill(1000, 1040);
    expect_found(1000, 1040);
    EXPECT_EQ(run(vectors->count_documents("docs")), 1040U);
}

TEST_F(LocalQdrantGraphs, GoWithTheirCollection)
{
    make_graphs();
    EXPECT_TRUE(run(vectors->delete_collection("docs")));
    EXPECT_TRUE(no_graph_left());
    create("docs", 16);
    fill(0, 10);
    EXPECT_EQ(run(vectors->search_similar("docs", vector_of(500), 100)).size(), 10U);
}

TEST_F(LocalQdrantGraphs, OfNoCollectionAreRemovedAtOpening)
{
    make_graphs();
    run(vectors->cleanup());
    const fs::path graph = local_qdrant::graph_files(folder() / "docs.db").at(0).second;
    fs::copy_file(graph, folder() / "gone.3.graph");
    fs::copy_file(graph, folder() / "docs.9.graph.partial-1-0");
    fs::copy_file(graph, folder() / "not of ours.txt");
    vectors = manager();
    run(vectors->initialize());
    EXPECT_FALSE(fs::exists(folder() / "gone.3.graph"));
    EXPECT_FALSE(fs::exists(folder() / "docs.9.graph.partial-1-0"));
    EXPECT_TRUE(fs::exists(folder() / "not of ours.txt"));
    EXPECT_GE(files("docs"), 1U);
    EXPECT_EQ(run(vectors->list_collections()), std::vector<std::string>{"docs"});
}

TEST_F(LocalQdrantGraphs, AreNotInBackupsAndDoNotOutliveARestore)
{
    make_graphs();
    run(vectors->backup_collections(directory / "backup.db"));
    fill(0, 1); // another version than the backup's
    create("other", 16);
    fill(0, 500, "other");
    ASSERT_TRUE(has_graphs("other"));
    run(vectors->restore_collections(directory / "backup.db"));
    EXPECT_EQ(files("other"), 0U);
    expect_found(0, 1000);
    ASSERT_TRUE(has_graphs("docs"));
    reopen();
    expect_found(0, 1000);
}

TEST_F(LocalQdrantGraphs, OfAWriterServeReaders)
{
    make_graphs();
    const auto reader = open_reader();
    for (std::size_t i = 0; i < 1000; i += 50)
        EXPECT_EQ(run(reader->search_similar("docs", vector_of(i), 1)).at(0).id, numbered("d", i));
    fill(1000, 1005);
    EXPECT_EQ(run(reader->search_similar("docs", vector_of(1002), 1)).at(0).id, "d1002");
}

TEST_F(LocalQdrantGraphs, AreCountedAsBytesOfTheirCollection)
{
    make_graphs();
    run(vectors->cleanup()); // nothing changes any more
    const auto bytes_with = local_qdrant::StoreDirectory(folder()).bytes_of("docs");
    std::uint64_t graphs = 0;
    for (const auto& [number, file] : local_qdrant::graph_files(folder() / "docs.db")) {
        graphs += fs::file_size(file);
        fs::remove(file);
    }
    EXPECT_GT(graphs, 0U);
    EXPECT_EQ(bytes_with, local_qdrant::StoreDirectory(folder()).bytes_of("docs") + graphs);
}

TEST_F(LocalQdrantGraphs, ClosingDoesNotWaitForABuild)
{
    hnsw_threshold = 100;
    create("docs", 16);
    fill(0, 20000);
    run(vectors->cleanup()); // some seconds of building are left
    vectors = manager();
    run(vectors->initialize());
    expect_found(0, 200);
}

TEST(LocalQdrantSettings, OfGraphsAreChecked)
{
    const TestDirectory directory;
    VectorDatabaseConfig config;
    config.persist_directory = directory.path();
    config.hnsw_quantization = "int4";
    EXPECT_STORAGE_ERROR(LocalQdrantManager(config), invalid_argument);
    config.hnsw_quantization = "none";
    config.hnsw_ef = 0;
    EXPECT_STORAGE_ERROR(LocalQdrantManager(config), invalid_argument);
    config.hnsw_ef = 1;
    config.hnsw_threshold = 0;
    LocalQdrantManager manager(config);
}

} // namespace
} // namespace whisperstore::test

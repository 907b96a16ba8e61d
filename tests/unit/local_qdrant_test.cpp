// What LocalQdrantManager promises beyond the interface.

#include "support/child_process.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"
#include "unit/local_qdrant_support.hpp"

#include <whisperstore/vector/local_qdrant_manager.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::test {
namespace {

using LocalQdrant = LocalQdrantFixture;

mode_t mode_of(const std::filesystem::path& path)
{
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
}

TEST_F(LocalQdrant, EverythingIsThereAfterReopening)
{
    create("docs", 3);
    store("a", {1, 0, 0}, R"({"user_id": "u1", "n": 1.0})", "first");
    store("b", {0, 1, 0}, R"({"user_id": "u2"})");
    store("c", {0, 0, 1}, R"({"user_id": "u1"})");
    store("a", {1, 1, 0}, R"({"user_id": "u1", "n": 2})", "second");
    run(vectors->delete_document("docs", "b"));
    reopen();
    EXPECT_EQ(run(vectors->list_collections()), Ids{"docs"});
    EXPECT_EQ(found({1, 0, 0}), (Ids{"a", "c"}));
    EXPECT_EQ(found({1, 0, 0}, filter::eq("user_id", "u1")), (Ids{"a", "c"}));
    EXPECT_EQ(found({1, 0, 0}, filter::eq("n", 2.0)), Ids{"a"});
    EXPECT_EQ(run(vectors->get_document("docs", "a"))->content, "second");
    store("d", {1, 0, 0});
    EXPECT_EQ(run(vectors->count_documents("docs")), 3U);
}

TEST_F(LocalQdrant, FolderAndFilesArePrivate)
{
    create("docs", 3);
    store("a", {1, 0, 0});
    EXPECT_EQ(mode_of(folder()), 0700U);
    EXPECT_EQ(mode_of(folder() / "docs.db"), 0600U);
    EXPECT_EQ(mode_of(folder() / "docs.db-wal"), 0600U);
    run(vectors->backup_collections(directory / "new folder" / "backup"));
    EXPECT_EQ(mode_of(directory / "new folder"), 0700U);
    EXPECT_EQ(mode_of(directory / "new folder" / "backup"), 0600U);
}

TEST_F(LocalQdrant, SettingsAreChecked)
{
    EXPECT_STORAGE_ERROR(LocalQdrantManager(VectorDatabaseConfig()), invalid_argument);
    VectorDatabaseConfig config;
    config.persist_directory = folder();
    config.synchronous = "OFF";
    EXPECT_STORAGE_ERROR(LocalQdrantManager(config), invalid_argument);
}

TEST_F(LocalQdrant, AFolderThatCannotBeIsAnError)
{
    write_file(directory / "file", "x");
    VectorDatabaseConfig config;
    config.persist_directory = directory / "file" / "vectors";
    LocalQdrantManager manager(config);
    const StorageError error = error_of([&] { run(manager.initialize()); });
    EXPECT_EQ(error.errc(), StorageErrc::permission) << error.what();
    EXPECT_NE(error.message().find("file"), std::string::npos);
    EXPECT_STORAGE_ERROR(run(manager.list_collections()), closed);
}

TEST_F(LocalQdrant, ASecondWriterIsToldWhoHoldsIt)
{
    const auto second = manager();
    const StorageError error = error_of([&] { run(second->initialize()); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_NE(error.message().find(numbered("process ", static_cast<unsigned>(::getpid()))), std::string::npos)
        << error.what();
    EXPECT_NE(error.message().find(folder().string()), std::string::npos);
    run(vectors->cleanup());
    run(second->initialize());
    run(second->cleanup());
}

// ---- read-only openers

TEST_F(LocalQdrant, AReadOnlyOpenerSeesOthersCommitsOnItsNextCall)
{
    create("docs", 3);
    store("a", {1, 0, 0}, R"({"k": 1})", "one");
    const auto reader = open_reader();
    EXPECT_EQ(found({1, 0, 0}, Filter(), *reader), Ids{"a"});
    for (int round = 0; round < 20; ++round) {
        store("b", {0, 1, 0}, R"({"k": 1})");
        EXPECT_EQ(found({1, 0, 0}, filter::eq("k", 1), *reader), (Ids{"a", "b"}));
        store("b", {1, 0.1F, 0}, R"({"k": 2})", numbered("round", static_cast<unsigned>(round)));
        EXPECT_EQ(found({1, 0, 0}, filter::eq("k", 2), *reader), Ids{"b"});
        EXPECT_EQ(run(reader->get_document("docs", "b"))->content, numbered("round", static_cast<unsigned>(round)));
        EXPECT_EQ(run(reader->count_documents("docs")), 2U);
        run(vectors->delete_document("docs", "b"));
        EXPECT_EQ(found({1, 0, 0}, Filter(), *reader), Ids{"a"});
    }
    store("c", {0, 0, 1}, R"({"k": 3})");
    store("d", {0, 0, 1}, R"({"k": 3})");
    EXPECT_EQ(run(vectors->delete_documents("docs", filter::eq("k", 3))), 2U);
    EXPECT_EQ(run(reader->scroll("docs")).items.size(), 1U);
}

TEST_F(LocalQdrant, AReadOnlyOpenerSeesCollectionsComeAndGo)
{
    const auto reader = open_reader();
    EXPECT_TRUE(run(reader->list_collections()).empty());
    create("docs", 3);
    EXPECT_EQ(run(reader->list_collections()), Ids{"docs"});
    store("a", {1, 0, 0});
    EXPECT_EQ(found({1, 0, 0}, Filter(), *reader), Ids{"a"});
    run(vectors->delete_collection("docs"));
    EXPECT_STORAGE_ERROR(run(reader->count_documents("docs")), not_found);
    for (int round = 0; round < 10; ++round) {
        create("docs", round % 2 == 0 ? 2 : 3);
        EXPECT_EQ(run(reader->get_collection("docs")).embedding_dimension, round % 2 == 0 ? 2U : 3U);
        EXPECT_EQ(run(reader->count_documents("docs")), 0U);
        run(vectors->store_document("docs", "b", "x",
                                    round % 2 == 0 ? std::vector<float>{1, 0} : std::vector<float>{1, 0, 0}));
        EXPECT_EQ(run(reader->count_documents("docs")), 1U);
        run(vectors->delete_collection("docs"));
        EXPECT_STORAGE_ERROR(run(reader->get_document("docs", "b")), not_found);
    }
}

TEST_F(LocalQdrant, AReadOnlyOpenerFollowsARestore)
{
    create("docs", 3);
    store("a", {1, 0, 0});
    const auto reader = open_reader();
    run(vectors->backup_collections(directory / "backup"));
    store("b", {1, 0, 0});
    EXPECT_EQ(run(reader->count_documents("docs")), 2U);
    run(vectors->restore_collections(directory / "backup"));
    EXPECT_EQ(run(reader->count_documents("docs")), 1U);
    store("c", {1, 0, 0});
    EXPECT_EQ(found({1, 0, 0}, Filter(), *reader), (Ids{"a", "c"}));
}

TEST_F(LocalQdrant, AReadOnlyOpenerThatMissedDeletionsReadsAnew)
{
    create("docs", 3);
    for (unsigned i = 0; i < 10; ++i)
        store(numbered("d", i), {1, 0, 0});
    const auto reader = open_reader();
    EXPECT_EQ(run(reader->count_documents("docs")), 10U);
    for (unsigned i = 0; i < 5; ++i)
        run(vectors->delete_document("docs", numbered("d", i)));
    // As after so many deletions that the first ones are no longer recorded.
    run(vectors->cleanup());
    edit("docs.db", "DELETE FROM deletions WHERE change <= 3");
    run(vectors->initialize());
    store("new", {1, 0, 0});
    EXPECT_EQ(found({1, 0, 0}, Filter(), *reader), (Ids{"d5", "d6", "d7", "d8", "d9", "new"}));
    run(vectors->delete_document("docs", "d5"));
    EXPECT_EQ(run(reader->count_documents("docs")), 5U);
}

TEST_F(LocalQdrant, AReadOnlyOpenerReadsBesideABusyWriter)
{
    create("docs", 3);
    const auto reader = open_reader();
    std::atomic<bool> done = false;
    const auto write = [&]() -> awaitable<void> {
        for (unsigned version = 0; !done; ++version) {
            std::vector<VectorDocument> batch;
            for (unsigned i = 0; i < 20; ++i)
                batch.push_back(VectorDocument{numbered("d", i), std::to_string(version), {1, 0, 0}, json::object()});
            co_await vectors->store_documents("docs", std::move(batch));
        }
    };
    auto writing = start(write());
    EXPECT_TRUE(eventually([&] { return run(reader->count_documents("docs")) > 0; }));
    for (int i = 0; i < 100; ++i) {
        const std::vector<float> query{1, 0, 0};
        const auto results = run(reader->search_similar("docs", query, 100));
        ASSERT_EQ(results.size(), 20U);
        for (const SearchResult& result : results)
            EXPECT_EQ(result.content, results[0].content);
    }
    done = true;
    wait(std::move(writing));
}

TEST_F(LocalQdrant, AReadOnlyOpenerChangesNothing)
{
    create("docs", 3);
    store("a", {1, 0, 0});
    const auto reader = open_reader();
    const std::vector<float> embedding{1, 0, 0};
    EXPECT_STORAGE_ERROR(run(reader->create_collection("new", CollectionConfig())), permission);
    EXPECT_STORAGE_ERROR(run(reader->delete_collection("docs")), permission);
    EXPECT_STORAGE_ERROR(run(reader->store_document("docs", "b", "x", embedding)), permission);
    EXPECT_STORAGE_ERROR(run(reader->delete_document("docs", "a")), permission);
    EXPECT_STORAGE_ERROR(run(reader->delete_documents("docs", filter::ne("k", 1))), permission);
    run(reader->backup_collections(directory / "backup"));
    EXPECT_STORAGE_ERROR(run(reader->restore_collections(directory / "backup")), permission);
    EXPECT_EQ(found({1, 0, 0}, Filter(), *reader), Ids{"a"});
}

TEST_F(LocalQdrant, AReadOnlyOpenerMakesNoFolder)
{
    VectorDatabaseConfig config;
    config.persist_directory = directory / "missing";
    config.read_only = true;
    LocalQdrantManager reader(config);
    EXPECT_STORAGE_ERROR(run(reader.initialize()), not_found);
    EXPECT_FALSE(std::filesystem::exists(directory / "missing"));
}

TEST_F(LocalQdrant, AnotherProcessReadsBesideTheWriter)
{
    create("docs", 3);
    store("first", {1, 0, 0});
    ChildProcess reader(std::vector<std::string>{WHISPERSTORE_LOCAL_QDRANT_PROCESS, folder().string()});
    const std::string refusal = reader.read_line();
    EXPECT_TRUE(refusal.starts_with("unavailable: ")) << refusal;
    EXPECT_NE(refusal.find("process " + std::to_string(::getpid())), std::string::npos) << refusal;
    EXPECT_EQ(reader.read_line(), "first");
    store("second", {0, 1, 0});
    EXPECT_EQ(reader.read_line(), "first second");
    EXPECT_EQ(reader.wait(), 0);
}

// ---- damage

class DamagedFile : public LocalQdrantFixture, public testing::WithParamInterface<const char*>
{
};

TEST_P(DamagedFile, IsCorruptAndTheOthersWork)
{
    create("good", 3);
    create("docs", 3);
    store("a", {1, 0, 0});
    run(vectors->cleanup());
    const std::string how = GetParam();
    const std::filesystem::path file = folder() / "docs.db";
    const std::string bytes = read_file(file);
    if (how == "garbage")
        write_file(file, std::string(5000, 'x'));
    else if (how == "empty")
        write_file(file, "");
    else if (how == "torn")
        write_file(file, bytes.substr(0, 8192));
    else if (how == "another database")
        edit("docs.db", "PRAGMA application_id = 1");
    else if (how == "no tables")
        edit("docs.db", "DROP TABLE documents");
    else if (how == "other columns")
        edit("docs.db", "ALTER TABLE documents RENAME COLUMN metadata TO meta");
    else if (how == "two collections")
        edit("docs.db", "INSERT INTO collections SELECT 2, 'x', 3, 'cosine', '', '{}'");
    else if (how == "bad metric")
        edit("docs.db", "UPDATE collections SET distance_metric = 'dot'");
    else if (how == "short vector")
        edit("docs.db", "UPDATE documents SET embedding = x'00000000'");
    else if (how == "vector of zeros")
        edit("docs.db", "UPDATE documents SET embedding = zeroblob(12)");
    else if (how == "vector of NaN")
        edit("docs.db", "UPDATE documents SET embedding = x'0000c07f0000c07f0000c07f'");
    else if (how == "bad metadata")
        edit("docs.db", "UPDATE documents SET metadata = '[1]'");
    run(vectors->initialize());

    const StorageError error = error_of([&] { found({1, 0, 0}); });
    EXPECT_EQ(error.errc(), StorageErrc::corrupt) << error.what();
    EXPECT_NE(error.message().find("docs.db"), std::string::npos) << error.what();
    EXPECT_STORAGE_ERROR(store("b", {1, 0, 0}), corrupt);
    EXPECT_STORAGE_ERROR(run(vectors->get_collection_stats("docs")), corrupt);
    EXPECT_STORAGE_ERROR(create("docs", 3), corrupt);
    EXPECT_STORAGE_ERROR(run(vectors->backup_collections(directory / "backup")), corrupt);
    EXPECT_FALSE(std::filesystem::exists(directory / "backup"));
    const auto reader = open_reader();
    EXPECT_STORAGE_ERROR(run(reader->count_documents("docs")), corrupt);

    const std::vector<float> embedding{1, 0, 0};
    run(vectors->store_document("good", "a", "x", embedding));
    EXPECT_EQ(run(vectors->search_similar("good", embedding, 1)).size(), 1U);
    EXPECT_EQ(run(vectors->list_collections()), (Ids{"docs", "good"}));
    EXPECT_EQ(run(vectors->get_total_documents()), 1U);
    // The damaged one can be deleted, and made again.
    EXPECT_TRUE(run(vectors->delete_collection("docs")));
    create("docs", 3);
    EXPECT_EQ(run(vectors->count_documents("docs")), 0U);
}

INSTANTIATE_TEST_SUITE_P(LocalQdrant, DamagedFile,
                         testing::Values("garbage", "empty", "torn", "another database", "no tables", "other columns",
                                         "two collections", "bad metric", "short vector", "vector of zeros",
                                         "vector of NaN", "bad metadata"));

TEST_F(LocalQdrant, AFileOfANewerVersionIsLeftAlone)
{
    create("docs", 3);
    run(vectors->cleanup());
    edit("docs.db", "PRAGMA user_version = 3");
    run(vectors->initialize());
    EXPECT_STORAGE_ERROR(run(vectors->count_documents("docs")), version_mismatch);
}

TEST_F(LocalQdrant, AForeignDatabaseIsNotChanged)
{
    run(vectors->cleanup());
    {
        sqlite::OpenOptions options;
        options.path = folder() / "foreign.db";
        options.archive = true;
        sqlite::Connection connection(options);
        connection.execute("CREATE TABLE t (a)");
    }
    const std::string bytes = read_file(folder() / "foreign.db");
    run(vectors->initialize());
    EXPECT_STORAGE_ERROR(run(vectors->count_documents("foreign")), corrupt);
    EXPECT_EQ(read_file(folder() / "foreign.db"), bytes);
}

TEST_F(LocalQdrant, AFullDiskFailsTheWriteAndKeepsTheRest)
{
    create("docs", 3);
    store("a", {1, 0, 0});
    // No file may grow: what a full disk does, for this process.
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit tight{200'000, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
    const StorageError error = error_of([&] { store("b", {0, 1, 0}, "{}", std::string(2'000'000, 'x')); });
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(error.errc() == StorageErrc::resource_exhausted || error.errc() == StorageErrc::unavailable)
        << error.what();
    EXPECT_EQ(found({1, 0, 0}), Ids{"a"});
    store("c", {0, 1, 0});
    EXPECT_EQ(found({1, 0, 0}), (Ids{"a", "c"}));
    reopen();
    EXPECT_EQ(found({1, 0, 0}), (Ids{"a", "c"}));
}

TEST_F(LocalQdrant, DeletedTextLeavesTheDisk)
{
    create("docs", 3);
    store("a", {1, 0, 0}, R"({"note": "metadata-secret-4711"})", "content-secret-4711");
    store("b", {0, 1, 0}, "{}", "stays-4711");
    store("c", {0, 1, 0}, "{}", "replaced-secret-4711");
    run(vectors->delete_document("docs", "a"));
    store("c", {0, 1, 0}, "{}", "new");
    run(vectors->cleanup());
    const std::string bytes = read_file(folder() / "docs.db");
    EXPECT_EQ(bytes.find("secret-4711"), std::string::npos);
    EXPECT_NE(bytes.find("stays-4711"), std::string::npos);
    run(vectors->initialize());
}

// ---- cancellation and deadlines of broad searches

class BroadSearch : public LocalQdrantFixture
{
protected:
    void SetUp() override
    {
        LocalQdrantFixture::SetUp();
        create("docs", 64);
        std::vector<VectorDocument> batch;
        for (unsigned i = 0; i < 40'000; ++i) {
            VectorDocument one{numbered("d", i), "x", std::vector<float>(64, 0.01F), json::object()};
            one.embedding[i % 64] = 1;
            one.metadata["n"] = i;
            batch.push_back(std::move(one));
        }
        run(vectors->store_documents("docs", std::move(batch)));
    }
    const std::vector<float> query = std::vector<float>(64, 1.0F);
};

TEST_F(BroadSearch, IsStoppedByItsCaller)
{
    std::vector<std::future<std::vector<SearchResult>>> searches;
    asio::cancellation_signal signal;
    const auto executor = asio::make_strand(pool());
    for (int i = 0; i < 300; ++i)
        searches.push_back(start(vectors->search_similar("docs", query, 10)));
    auto last = asio::co_spawn(executor, vectors->search_similar("docs", query, 10),
                               asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    asio::post(executor, [&] { signal.emit(asio::cancellation_type::terminal); });
    EXPECT_STORAGE_ERROR(wait(std::move(last)), cancelled);
    for (auto& search : searches)
        EXPECT_EQ(wait(std::move(search)).size(), 10U);
}

TEST_F(BroadSearch, IsStoppedByItsDeadline)
{
    std::vector<std::future<std::vector<SearchResult>>> searches;
    for (int i = 0; i < 300; ++i)
        searches.push_back(start(vectors->search_similar("docs", query, 10)));
    auto last = start(
        vectors->search_similar("docs", query, 10, Filter(), OperationContext::within(std::chrono::milliseconds(5))));
    EXPECT_STORAGE_ERROR(wait(std::move(last)), timeout);
    for (auto& search : searches)
        EXPECT_EQ(wait(std::move(search)).size(), 10U);
    EXPECT_STORAGE_ERROR(run(vectors->delete_documents("docs", filter::gte("n", 0),
                                                       OperationContext::within(std::chrono::microseconds(50)))),
                         timeout);
    EXPECT_EQ(run(vectors->count_documents("docs")), 40'000U);
}

TEST_F(BroadSearch, EndsWithTheManager)
{
    std::vector<std::future<std::vector<SearchResult>>> searches;
    for (int i = 0; i < 100; ++i)
        searches.push_back(start(vectors->search_similar("docs", query, 10)));
    run(vectors->cleanup());
    for (auto& search : searches) {
        try {
            EXPECT_EQ(wait(std::move(search)).size(), 10U);
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::closed) << error.what();
        }
    }
    run(vectors->initialize());
}

} // namespace
} // namespace whisperstore::test

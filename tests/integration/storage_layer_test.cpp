// The four stores as one: start, health, end, and what the layer adds to its parts.
#include "integration/fake_graph.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/message_importer.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

#include <csignal>
#include <cstdio>
#include <unistd.h>

namespace whisperstore::test {
namespace {

class StorageLayerTest : public testing::Test
{
protected:
    std::shared_ptr<StorageLayer> open()
    {
        return run(initialize_storage_layer(laptop_configuration(directory / "data")));
    }

    static std::int64_t count(StorageLayer& storage, const std::string& from)
    {
        return run(storage.database().execute_query("SELECT count(*) AS n FROM " + from)).rows[0]["n"].as_int();
    }
    /// Imports a few messages of several users.
    void import_sample(StorageLayer& storage, std::size_t count_of_messages = 20)
    {
        const std::vector<SampleMessage> messages = sample_messages(count_of_messages);
        write_messages(directory / "messages.jsonl", messages);
        write_embeddings(directory / "messages.f32", messages);
        ImportOptions options;
        options.embeddings = directory / "messages.f32";
        run(import_messages(storage, directory / "messages.jsonl", options));
    }
    static const ComponentHealth& part(const HealthReport& report, const std::string& component)
    {
        for (const ComponentHealth& health : report.components)
            if (health.component == component)
                return health;
        throw std::runtime_error("no component " + component);
    }

    TestDirectory directory;
};

using StorageLayerStart = StorageLayerTest;

TEST_F(StorageLayerStart, CreatesWhatIsMissing)
{
    const auto storage = open();
    EXPECT_EQ(count(*storage, "users"), 0);
    const std::vector<std::string> expected{"emotional_contexts", "global_facts", "user_memories"};
    EXPECT_EQ(run(storage->vector_db().list_collections()), expected);
    EXPECT_TRUE(storage->has_graph());
    EXPECT_TRUE(std::filesystem::exists(directory / "data/database.db"));
    EXPECT_TRUE(std::filesystem::exists(directory / "data/vectors/user_memories.db"));
    run(storage->close());
}

TEST_F(StorageLayerStart, AgainFindsWhatIsThere)
{
    const auto first = open();
    import_sample(*first);
    const Dump before = run(dump(*first));
    run(first->close());
    const auto again = open();
    EXPECT_EQ(difference(run(dump(*again)), before), "");
    run(again->close());
}

TEST_F(StorageLayerStart, DataIsPrivate)
{
    namespace fs = std::filesystem;
    const auto storage = open();
    const fs::perms others = fs::perms::group_all | fs::perms::others_all;
    EXPECT_EQ(fs::status(directory / "data").permissions() & others, fs::perms::none);
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory / "data"))
        EXPECT_EQ(entry.status().permissions() & others, fs::perms::none) << entry.path();
    run(storage->close());
}

TEST_F(StorageLayerStart, SecondWriterInThisProcessIsToldWhoHoldsTheData)
{
    const auto storage = open();
    const StorageError error = error_of([&] { open(); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_NE(std::string(error.what()).find(std::to_string(::getpid())), std::string::npos) << error.what();
    EXPECT_EQ(count(*storage, "users"), 0); // the first one is as it was
    run(storage->close());
    run(open()->close());
}

TEST_F(StorageLayerStart, SecondProcessIsToldWhoHoldsTheData)
{
    const std::string command = "exec " + std::string(WHISPERSTORE_DATA_HOLDER) + " " + (directory / "data").string();
    FILE* holder = ::popen(command.c_str(), "r");
    ASSERT_NE(holder, nullptr);
    int process = 0;
    ASSERT_EQ(std::fscanf(holder, "open in %d", &process), 1);
    const StorageError error = error_of([&] { open(); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_NE(std::string(error.what()).find("process " + std::to_string(process)), std::string::npos) << error.what();
    // Reading beside it is fine.
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.database.read_only = true;
    configuration.vector_database.read_only = true;
    run(run(initialize_storage_layer(configuration))->close());

    ::kill(process, SIGKILL);
    ::pclose(holder);
    run(open()->close());
}

TEST_F(StorageLayerStart, FailureLeavesNothingOpen)
{
    std::filesystem::create_directories(directory / "data");
    write_file(directory / "data/vectors", "a file where the folder should be");
    static_cast<void>(error_of([&] { open(); }));
    // The database had been opened before the vectors failed; its lock is free again.
    std::filesystem::remove(directory / "data/vectors");
    run(open()->close());
}

TEST_F(StorageLayerStart, DeadlineInThePastIsTimeout)
{
    const OperationContext late = OperationContext::within(std::chrono::seconds(-1));
    EXPECT_STORAGE_ERROR(run(initialize_storage_layer(laptop_configuration(directory / "data"), late)), timeout);
}

using StorageLayerEnd = StorageLayerTest;

TEST_F(StorageLayerEnd, CloseTwiceDoesNothing)
{
    const auto storage = open();
    run(storage->close());
    run(storage->close());
}

TEST_F(StorageLayerEnd, UseAfterCloseIsClosed)
{
    const auto storage = open();
    run(storage->close());
    EXPECT_STORAGE_ERROR(run(storage->database().execute_query("SELECT 1")), closed);
    EXPECT_STORAGE_ERROR(run(storage->vector_db().list_collections()), closed);
    EXPECT_STORAGE_ERROR(run(storage->cache().get_conversation_context("channel")), closed);
    EXPECT_STORAGE_ERROR(run(storage->graph().ping()), closed);
    EXPECT_STORAGE_ERROR(run(storage->health()), closed);
}

TEST_F(StorageLayerEnd, DroppedWithoutCloseLeavesTheDataFree)
{
    open().reset();
    run(open()->close());
}

TEST_F(StorageLayerEnd, ClosesTheOthersWhenOneFails)
{
    const StorageConfiguration configuration = laptop_configuration(directory / "data");
    const auto whole = open();
    run(whole->close());
    StorageComponents components;
    components.database = StorageManagerFactory::create_database_manager(configuration.database);
    components.vector_db = StorageManagerFactory::create_vector_manager(configuration.vector_database);
    components.cache = StorageManagerFactory::create_cache_manager(configuration.cache);
    const auto graph = std::make_shared<FakeGraph>();
    components.graph = graph;
    run(components.database->connect());
    run(components.vector_db->initialize());
    run(components.cache->initialize());
    graph->cleanup_fails = true;
    StorageLayer storage(components, configuration);
    EXPECT_STORAGE_ERROR(run(storage.close()), unavailable);
    EXPECT_STORAGE_ERROR(run(components.vector_db->list_collections()), closed);
    EXPECT_STORAGE_ERROR(run(components.database->execute_query("SELECT 1")), closed);
    run(storage.close());
}

class StorageLayerHealth : public StorageLayerTest
{
protected:
    /// A layer over the laptop's stores, with a graph whose state the test decides.
    std::shared_ptr<StorageLayer> with_graph(std::shared_ptr<GraphDatabaseManager> graph,
                                             std::exception_ptr failure = nullptr)
    {
        run(open()->close()); // creates schema and collections
        StorageConfiguration configuration = laptop_configuration(directory / "data");
        components.database = StorageManagerFactory::create_database_manager(configuration.database);
        components.vector_db = StorageManagerFactory::create_vector_manager(configuration.vector_database);
        components.cache = StorageManagerFactory::create_cache_manager(configuration.cache);
        components.graph = std::move(graph);
        run(components.database->connect());
        run(components.vector_db->initialize());
        run(components.cache->initialize());
        StorageFailures failures;
        failures.graph_database = std::move(failure);
        return std::make_shared<StorageLayer>(components, configuration, std::move(failures));
    }
    StorageComponents components;
};

TEST_F(StorageLayerHealth, EverythingUp)
{
    const auto storage = open();
    const HealthReport report = run(storage->health());
    EXPECT_EQ(report.status, HealthStatus::ok);
    ASSERT_EQ(report.components.size(), 4U);
    EXPECT_EQ(part(report, "database").type, "sqlite");
    EXPECT_EQ(part(report, "vector_database").type, "local_qdrant");
    EXPECT_EQ(part(report, "cache").type, "memory");
    EXPECT_EQ(part(report, "graph_database").type, "sqlite");
    EXPECT_EQ(part(report, "graph_database").availability, Availability::degrade);
    for (const ComponentHealth& health : report.components) {
        EXPECT_EQ(health.status, HealthStatus::ok) << health.component;
        EXPECT_EQ(health.reason, "");
        EXPECT_GE(health.latency_ms, 0.0);
    }
    const json::object out = report.to_json();
    EXPECT_EQ(out.at("status").as_string(), "ok");
    EXPECT_EQ(out.at("components").as_array().size(), 4U);
    run(storage->close());
}

TEST_F(StorageLayerHealth, ARequiredPartThatIsDownMakesItDown)
{
    const auto storage = with_graph(nullptr);
    run(components.vector_db->cleanup());
    const HealthReport report = run(storage->health());
    EXPECT_EQ(report.status, HealthStatus::down);
    EXPECT_EQ(part(report, "vector_database").status, HealthStatus::down);
    EXPECT_NE(part(report, "vector_database").reason, "");
    EXPECT_EQ(part(report, "database").status, HealthStatus::ok);
    run(storage->close());
}

TEST_F(StorageLayerHealth, AGraphThatIsDownOnlyDegrades)
{
    const auto graph = std::make_shared<FakeGraph>();
    const auto storage = with_graph(graph);
    EXPECT_EQ(run(storage->health()).status, HealthStatus::ok);
    graph->answers = false;
    const HealthReport report = run(storage->health());
    EXPECT_EQ(report.status, HealthStatus::degraded);
    EXPECT_EQ(part(report, "graph_database").status, HealthStatus::down);
    EXPECT_NE(part(report, "graph_database").reason.find("no answer"), std::string::npos);
    run(storage->close());
}

TEST_F(StorageLayerHealth, AGraphThatWasDownAtTheStartComesBack)
{
    const auto graph = std::make_shared<FakeGraph>();
    graph->answers = false;
    const auto failure = std::make_exception_ptr(StorageError(StorageErrc::unavailable, "no answer at the start"));
    const auto storage = with_graph(graph, failure);
    EXPECT_FALSE(storage->has_graph());
    EXPECT_STORAGE_ERROR(storage->graph(), unavailable);
    EXPECT_EQ(run(storage->health()).status, HealthStatus::degraded);
    EXPECT_EQ(graph->initialized, 0);
    EXPECT_FALSE(storage->has_graph());
    // Everything else works without it.
    import_sample(*storage);
    EXPECT_EQ(count(*storage, "messages"), 20);

    graph->answers = true;
    EXPECT_EQ(run(storage->health()).status, HealthStatus::ok);
    EXPECT_EQ(graph->initialized, 1);
    EXPECT_TRUE(storage->has_graph());
    EXPECT_EQ(&storage->graph(), graph.get());
    run(storage->close());
    EXPECT_EQ(graph->cleaned_up, 1);
}

TEST_F(StorageLayerHealth, AGraphThatIsSwitchedOffIsDisabled)
{
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.graph_database.type = "none";
    const auto storage = run(initialize_storage_layer(configuration));
    const HealthReport report = run(storage->health());
    EXPECT_EQ(report.status, HealthStatus::ok);
    EXPECT_EQ(part(report, "graph_database").status, HealthStatus::disabled);
    EXPECT_FALSE(storage->has_graph());
    EXPECT_STORAGE_ERROR(storage->graph(), unsupported);
    run(storage->close());
}

TEST_F(StorageLayerHealth, AComponentThatHangsIsDownAndTheOthersAreNot)
{
    const auto graph = std::make_shared<FakeGraph>();
    graph->hangs = true;
    const auto storage = with_graph(graph);
    const HealthReport report = run(storage->health());
    EXPECT_EQ(report.status, HealthStatus::degraded);
    EXPECT_EQ(part(report, "graph_database").status, HealthStatus::down);
    EXPECT_GE(part(report, "graph_database").latency_ms, 1000.0);
    EXPECT_EQ(part(report, "database").status, HealthStatus::ok);
    run(storage->close());
}

TEST_F(StorageLayerHealth, TheCallersOwnDeadlineIsNoComponentsFault)
{
    const auto graph = std::make_shared<FakeGraph>();
    graph->hangs = true;
    const auto storage = with_graph(graph);
    EXPECT_STORAGE_ERROR(run(storage->health(OperationContext::within(std::chrono::milliseconds(50)))), timeout);
    run(storage->close());
}

using StorageLayerData = StorageLayerTest;

TEST_F(StorageLayerData, ColdCacheIsFilledFromMessages)
{
    const auto first = open();
    import_sample(*first, 90);
    run(first->close());
    const auto storage = open(); // its cache is empty
    EXPECT_EQ(run(storage->cache().get_cache_stats()).cached_channels, 0U);
    const std::vector<CachedMessage> context = run(storage->cache().get_conversation_context("channel-1", 5));
    ASSERT_EQ(context.size(), 5U);
    const std::vector<SampleMessage> sample = sample_messages(90);
    for (std::size_t i = 0; i < context.size(); ++i) {
        const SampleMessage& expected =
            sample[sample.size() - 2 - 3 * (4 - i)]; // the newest of the channel, oldest first
        EXPECT_EQ(context[i]->message_id, expected.id);
        EXPECT_EQ(context[i]->content, expected.content);
        EXPECT_EQ(context[i]->user_id, expected.user);
        EXPECT_EQ(context[i]->reply_to, expected.reply_to);
    }
    run(storage->close());
}

TEST_F(StorageLayerData, HistoryHoldsWholeMessages)
{
    const auto storage = open();
    json::object line;
    line["message_id"] = "9007199254740993";
    line["channel_id"] = "kitchen";
    line["user_id"] = "ada";
    line["content"] = "with everything";
    line["timestamp"] = "2026-01-02T03:04:05.678Z";
    line["is_bot"] = true;
    line["reply_to"] = 7;
    json::object attachment;
    attachment["url"] = "https://example.org/a.png";
    line["attachments"] = json::array(1, attachment);
    json::object nested;
    nested["a"] = json::array(2, nullptr);
    line["metadata"] = nested;
    line["mood"] = "fine";
    write_file(directory / "one.jsonl", json::serialize(line));
    run(import_messages(*storage, directory / "one.jsonl"));
    const CachedMessage added = run(storage->cache().get_conversation_context("kitchen", 1)).at(0);
    run(storage->cache().clear_channel_cache("kitchen"));
    const CachedMessage read = run(storage->cache().get_conversation_context("kitchen", 1)).at(0);
    EXPECT_EQ(*read, *added);
    EXPECT_EQ(read->message_id, 9007199254740993);
    EXPECT_TRUE(read->is_bot);
    EXPECT_EQ(read->metadata.at("mood").as_string(), "fine");
    run(storage->close());
}

TEST_F(StorageLayerData, ReadOnlyLayerSeesTheWritersCommits)
{
    const auto writer = open();
    import_sample(*writer, 10);
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.database.read_only = true;
    configuration.vector_database.read_only = true;
    const auto reader = run(initialize_storage_layer(configuration));
    EXPECT_EQ(run(reader->health()).status, HealthStatus::ok);
    EXPECT_EQ(difference(run(dump(*reader)), run(dump(*writer))), "");
    import_sample(*writer, 30);
    EXPECT_EQ(difference(run(dump(*reader)), run(dump(*writer))), "");
    EXPECT_EQ(run(reader->cache().get_conversation_context("channel-0", 3)).size(), 3U);
    EXPECT_EQ(run(reader->graph().find_connected_memories("user-0", "", 1)).size(), 6U);
    const std::vector<float> embedding = sample_embedding(30);
    EXPECT_EQ(run(reader->vector_db().search_similar("user_memories", embedding, 1)).at(0).id, "30");
    EXPECT_STORAGE_ERROR(run(reader->database().execute_query("DELETE FROM users")), permission);
    EXPECT_STORAGE_ERROR(run(reader->vector_db().delete_document("user_memories", "1")), permission);
    EXPECT_STORAGE_ERROR(run(reader->graph().create_user_node("new")), permission);
    write_messages(directory / "messages.jsonl", sample_messages(31));
    EXPECT_STORAGE_ERROR(run(import_messages(*reader, directory / "messages.jsonl", ImportOptions())), permission);
    run(reader->close());
    run(writer->close());
}

TEST_F(StorageLayerData, DeletingAUserRemovesRowsNodesAndEdges)
{
    const auto storage = open();
    import_sample(*storage, 60);
    const std::string gone = "user-1";
    ASSERT_GT(count(*storage, "relationships WHERE source_id = 'user-1'"), 0);
    run(storage->database().execute_query("DELETE FROM users WHERE user_id = ?", params(arg(gone))));
    EXPECT_EQ(count(*storage, "messages WHERE user_id = 'user-1'"), 0);
    EXPECT_EQ(count(*storage, "conversations WHERE user_id = 'user-1'"), 0);
    EXPECT_EQ(count(*storage, "graph_nodes WHERE user_id = 'user-1' OR node_id = 'user-1'"), 0);
    EXPECT_EQ(count(*storage, "relationships WHERE source_id = 'user-1'"), 0);
    // No edge is left whose end is not there, the replies of others included.
    EXPECT_EQ(count(*storage, "relationships r WHERE NOT EXISTS (SELECT 1 FROM graph_nodes n WHERE n.node_type = "
                              "r.source_type AND n.node_id = r.source_id) OR NOT EXISTS (SELECT 1 FROM graph_nodes n "
                              "WHERE n.node_type = r.target_type AND n.node_id = r.target_id)"),
              0);
    EXPECT_EQ(count(*storage, "messages"), 48);
    EXPECT_STORAGE_ERROR(run(storage->graph().find_connected_memories(gone, "")), not_found);
    // The same through the graph.
    EXPECT_TRUE(run(storage->graph().delete_node(NodeRef::user("user-2"))));
    EXPECT_EQ(count(*storage, "graph_nodes WHERE user_id = 'user-2' OR node_id = 'user-2'"), 0);
    EXPECT_EQ(count(*storage, "relationships WHERE source_id = 'user-2'"), 0);
    run(storage->close());
}

} // namespace
} // namespace whisperstore::test

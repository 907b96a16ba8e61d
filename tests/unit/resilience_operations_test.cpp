// Every operation of every interface: it reaches its namesake with its arguments, also the second
// time, and is run again after an unknown outcome only where that does no harm.

#include "unit/resilience_fakes.hpp"

#include <gtest/gtest.h>

namespace whisperstore::test {
namespace {

/// One operation of a decorated store of type Interface.
template <typename Interface>
struct Case
{
    std::string expected; ///< what the backend notes
    std::function<void(Interface&)> call;
    bool repeatable = false; ///< after an unknown outcome
    bool never_retried = false;
    std::string operation = {}; ///< where it is not the first word of `expected`
};

template <typename Fake, typename Interface>
void check_operations(const std::vector<Case<Interface>>& cases)
{
    for (const Case<Interface>& each : cases) {
        SCOPED_TRACE(each.expected);
        const auto fake = std::make_shared<Fake>();
        const std::shared_ptr<Interface> store = decorate(std::shared_ptr<Interface>(fake), only_retry());
        Script& script = *fake->script;

        each.call(*store);
        ASSERT_EQ(script.calls(), std::vector<std::string>(1, each.expected));

        // Nothing happened: always again, with the same arguments, though they were given away.
        script.forget();
        script.fail(scripted(StorageErrc::unavailable));
        if (each.never_retried) {
            EXPECT_STORAGE_ERROR(each.call(*store), unavailable);
            EXPECT_EQ(script.count(), 1U);
        } else {
            each.call(*store);
            EXPECT_EQ(script.calls(), std::vector<std::string>(2, each.expected));
        }

        // It may have happened.
        script.forget();
        script.fail(scripted(StorageErrc::unavailable, true, Outcome::unknown));
        if (each.repeatable) {
            each.call(*store);
            EXPECT_EQ(script.count(), 2U);
        } else {
            const StorageError error = error_of([&] { each.call(*store); });
            EXPECT_EQ(error.outcome(), Outcome::unknown);
            EXPECT_EQ(script.count(), 1U);
        }

        // Not a passing failure.
        script.forget();
        script.fail(scripted(StorageErrc::permission, false));
        const StorageError error = error_of([&] { each.call(*store); });
        EXPECT_EQ(error.errc(), StorageErrc::permission);
        EXPECT_EQ(error.message(), "scripted");
        EXPECT_EQ(error.backend(), "fake");
        EXPECT_EQ(error.operation(),
                  each.operation.empty() ? each.expected.substr(0, each.expected.find(' ')) : each.operation);
        EXPECT_EQ(script.count(), 1U);
    }
}

TEST(DecoratedOperations, Database)
{
    using D = AbstractDatabaseAdapter;
    const auto read = [] { return query("SELECT 1"); };
    const auto write = [] { return query("INSERT INTO t VALUES (1)"); };
    const std::vector<Case<D>> cases{
        {"connect", [](D& d) { run(d.connect()); }, true},
        {"disconnect", [](D& d) { run(d.disconnect()); }, false, true},
        {"execute_query SELECT ? 1",
         [](D& d) { EXPECT_EQ(run(d.execute_query("SELECT ?", params(arg(1)))).row_count, 7U); }, true},
        {"execute_query INSERT INTO t VALUES (?) 1",
         [](D& d) { run(d.execute_query("INSERT INTO t VALUES (?)", params(arg(1)))); }},
        {"execute_query SELECT pay(1) 0", [](D& d) { run(d.execute_query("SELECT pay(1)")); }},
        {"execute_transaction 2", [&](D& d) { run(d.execute_transaction(queries(read(), read()))); }, true},
        {"execute_transaction 2", [&](D& d) { run(d.execute_transaction(queries(read(), write()))); }},
        {"begin_transaction", [](D& d) { run(d.begin_transaction()); }, true},
        {"stream_query SELECT ? 1", [](D& d) { run(d.stream_query("SELECT ?", params(arg(1)))); }, true},
        {"create_tables 1", [](D& d) { run(d.create_tables(TableDefinitions(1))); }},
        {"backup_database /b", [](D& d) { run(d.backup_database("/b")); }},
        {"restore_database /b", [](D& d) { run(d.restore_database("/b")); }},
    };
    check_operations<FakeDatabase, D>(cases);
}

TEST(DecoratedOperations, AMigrationMayRunItsScriptAgainForTheProbeFindsTheFirstRun)
{
    const auto fake = std::make_shared<FakeDatabase>();
    fake->row_count = 0; // not applied yet
    const auto store = decorate(std::shared_ptr<AbstractDatabaseAdapter>(fake), only_retry());
    const auto failed = std::make_shared<bool>(false);
    fake->script->set_hook([script = fake->script.get(), failed] {
        if (script->calls().back().starts_with("run_script") && !std::exchange(*failed, true))
            throw scripted(StorageErrc::unavailable, true, Outcome::unknown);
    });
    std::vector<Migration> migrations(1);
    migrations[0] = Migration{"3", "topics", "CREATE TABLE topics(id)"};
    run(store->migrate_schema(migrations));
    const std::vector<std::string> calls = fake->script->calls();
    ASSERT_EQ(calls.size(), 4U);
    EXPECT_EQ(calls[2], "run_script CREATE TABLE topics(id) 1 5");
    EXPECT_EQ(calls[3], calls[2]);
}

TEST(DecoratedOperations, Cache)
{
    using C = ConversationCacheManager;
    UniversalMessage message;
    message.content = "a content longer than what a small string holds in itself";
    const std::vector<Case<C>> cases{
        {"initialize", [](C& c) { run(c.initialize()); }, true},
        {"cleanup", [](C& c) { run(c.cleanup()); }, false, true},
        {"get_conversation_context c1 7 9", [](C& c) { run(c.get_conversation_context("c1", 7, 9)); }, true},
        {"add_message c1 " + message.content, [&](C& c) { run(c.add_message("c1", message)); }, true},
        {"remove_message c1 5", [](C& c) { EXPECT_TRUE(run(c.remove_message("c1", 5))); }},
        {"clear_channel_cache c1", [](C& c) { run(c.clear_channel_cache("c1")); }, true},
        {"get_cache_stats", [](C& c) { run(c.get_cache_stats()); }, true},
        {"backup_cache /b", [](C& c) { EXPECT_EQ(run(c.backup_cache("/b")), 3U); }},
        {"restore_cache /b", [](C& c) { EXPECT_EQ(run(c.restore_cache("/b")), 3U); }},
    };
    check_operations<FakeCache, C>(cases);
}

TEST(DecoratedOperations, Graph)
{
    using G = GraphDatabaseManager;
    json::object properties;
    properties["a"] = 1;
    std::vector<Relationship> counting(2);
    counting[0].keep_existing = true;
    std::vector<Relationship> keeping(2);
    keeping[0].keep_existing = keeping[1].keep_existing = true;
    GraphPart part;
    part.nodes.resize(1);
    const std::vector<Case<G>> cases{
        {"initialize", [](G& g) { run(g.initialize()); }, true},
        {"cleanup", [](G& g) { run(g.cleanup()); }, false, true},
        {"create_user_node u 1", [&](G& g) { run(g.create_user_node("u", properties)); }, true},
        {"create_memory_node m text 1", [&](G& g) { run(g.create_memory_node("m", "text", properties)); }, true},
        {"create_node topic:t text 1", [&](G& g) { run(g.create_node(NodeRef::topic("t"), "text", properties)); },
         true},
        {"create_nodes 3", [](G& g) { run(g.create_nodes(std::vector<GraphNode>(3))); }, true},
        {"create_relationship a b KNOWS 1", [&](G& g) { run(g.create_relationship("a", "b", "KNOWS", properties)); }},
        {"create_relationships 2", [&](G& g) { run(g.create_relationships(counting)); }},
        {"create_relationships 2", [&](G& g) { run(g.create_relationships(keeping)); }, true},
        {"find_connected_memories u words 4 5", [](G& g) { run(g.find_connected_memories("u", "words", 4, 5)); }, true},
        {"get_user_relationship_network u 2 6", [](G& g) { run(g.get_user_relationship_network("u", 2, 6)); }, true},
        {"delete_node fact:f", [](G& g) { EXPECT_TRUE(run(g.delete_node(NodeRef::fact("f")))); }},
        {"export_part nodes/user: 7", [](G& g) { run(g.export_part("nodes/user:", 7)); }, true},
        {"import_part 1", [&](G& g) { run(g.import_part(part)); }, true},
        {"clear", [&](G& g) { run(g.clear()); }, false},
        {"ping", [](G& g) { run(g.ping()); }, true},
    };
    check_operations<FakeGraph, G>(cases);
}

TEST(DecoratedOperations, Vectors)
{
    using V = VectorDatabaseManager;
    const std::vector<float> embedding(3, 1.0F);
    const Filter user = filter::eq("user_id", "u1");
    CollectionConfig config;
    config.embedding_dimension = 12;
    const PageCursor cursor = PageCursor::make("vectors/c", "x");
    const std::string is_user = json::serialize(user.to_json());
    const std::vector<Case<V>> cases{
        {"initialize", [](V& v) { run(v.initialize()); }, true},
        {"cleanup", [](V& v) { run(v.cleanup()); }, false, true},
        {"create_collection c 12", [&](V& v) { run(v.create_collection("c", config)); }, true},
        {"delete_collection c", [](V& v) { EXPECT_TRUE(run(v.delete_collection("c"))); }},
        {"list_collections", [](V& v) { run(v.list_collections()); }, true},
        {"get_collection c", [](V& v) { run(v.get_collection("c")); }, true},
        {"store_documents c 1 text", [&](V& v) { run(v.store_document("c", "id", "text", embedding)); }, true},
        {"search_similar c 3 5 " + is_user, [&](V& v) { run(v.search_similar("c", embedding, 5, user)); }, true},
        {"search_batch c 2", [](V& v) { run(v.search_batch("c", std::vector<SearchQuery>(2))); }, true},
        {"prepare_for_texts c model", [](V& v) { run(v.prepare_for_texts("c", "model")); }, true},
        {"search_candidates c 0", [](V& v) { run(v.search_candidates("c", CandidateQuery())); }, true},
        {"get_documents c 1", [](V& v) { run(v.get_document("c", "id")); }, true},
        {"delete_document c id", [](V& v) { EXPECT_TRUE(run(v.delete_document("c", "id"))); }},
        {"delete_documents c " + is_user, [&](V& v) { EXPECT_EQ(run(v.delete_documents("c", user)), 3U); }},
        {"scroll c 9 cursor " + is_user, [&](V& v) { run(v.scroll("c", 9, cursor, user)); }, true},
        {"count_documents c " + is_user, [&](V& v) { EXPECT_EQ(run(v.count_documents("c", user)), 4U); }, true},
        {"get_collection_stats c", [](V& v) { run(v.get_collection_stats("c")); }, true},
        {"backup_collections /b", [](V& v) { run(v.backup_collections("/b")); }},
        {"restore_collections /b", [](V& v) { run(v.restore_collections("/b")); }},
    };
    check_operations<FakeVectors, V>(cases);
}

TEST(DecoratedOperations, AccessorsGoStraightThrough)
{
    const ResilienceConfig config;
    const auto database = decorate(std::shared_ptr<AbstractDatabaseAdapter>(std::make_shared<FakeDatabase>()), config);
    EXPECT_EQ(database->database_type(), "fake");
    EXPECT_EQ(database->dialect(), SqlDialect::postgresql);
    EXPECT_EQ(database->endpoints(), std::vector<std::string>(1, "db1:5432"));
    EXPECT_EQ(run(database->get_pool_size()), 11U);
    EXPECT_EQ(run(database->get_active_connections()), 12U);
    EXPECT_EQ(run(database->get_avg_response_time()), 13.0);
    EXPECT_EQ(run(database->get_query_count()), 14U);
    EXPECT_EQ(run(database->get_error_rate()), 0.15);
    const auto cache = decorate(std::shared_ptr<ConversationCacheManager>(std::make_shared<FakeCache>()), config);
    EXPECT_EQ(cache->cache_type(), "fake");
    EXPECT_TRUE(cache->endpoints().empty());
    const auto graph = decorate(std::shared_ptr<GraphDatabaseManager>(std::make_shared<FakeGraph>()), config);
    EXPECT_EQ(graph->graph_database_type(), "fake");
    EXPECT_EQ(graph->endpoints().size(), 2U);
    const auto vectors = decorate(std::shared_ptr<VectorDatabaseManager>(std::make_shared<FakeVectors>()), config);
    EXPECT_EQ(vectors->vector_database_type(), "fake");
    EXPECT_EQ(vectors->endpoints(), std::vector<std::string>(1, "v:6333"));
    EXPECT_EQ(run(vectors->get_total_documents()), 21U);
    EXPECT_EQ(run(vectors->get_collections_count()), 22U);
    EXPECT_EQ(run(vectors->get_avg_search_time()), 23.0);
    EXPECT_EQ(run(vectors->get_cache_hit_rate()), 0.24);
}

} // namespace
} // namespace whisperstore::test

// The graph as it lies in the tables: what applications see of it there, and what the database does to it.
#include "graph/neighbourhood_query.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/graph/mock_graph_database_manager.hpp>

#include <atomic>

namespace whisperstore::test {
namespace {

using Ids = std::vector<std::string>;

class MockGraph : public testing::Test
{
protected:
    MockGraph() : database(adapter()), graph(std::make_shared<MockGraphDatabaseManager>(database))
    {
        run(database->connect());
        run(graph->initialize());
    }

    std::shared_ptr<SQLiteAdapter> adapter(bool read_only = false)
    {
        DatabaseConfig config;
        config.connection_string = "sqlite:///" + (directory / "database.db").string();
        config.read_only = read_only;
        return std::make_shared<SQLiteAdapter>(config);
    }
    QueryResult query(std::string sql, Parameters values = Parameters())
    {
        return run(database->execute_query(std::move(sql), std::move(values)));
    }
    std::int64_t count(const std::string& from)
    {
        return query("SELECT count(*) AS n FROM " + from).rows[0]["n"].as_int();
    }
    std::string text(const std::string& sql)
    {
        const QueryResult result = query(sql);
        return result.rows.empty() || result.rows[0][std::size_t{0}].is_null()
                   ? "null"
                   : std::string(result.rows[0][std::size_t{0}].as_text());
    }
    std::string username(const std::string& id)
    {
        return text("SELECT username FROM users WHERE user_id = '" + id + "'");
    }
    /// Who an edge belongs to, by the id of its target.
    std::string edge_owner(const std::string& target)
    {
        return text("SELECT user_id FROM relationships WHERE target_id = '" + target + "'");
    }
    void add_user(const std::string& id, json::object properties = {})
    {
        run(graph->create_user_node(id, std::move(properties)));
    }
    void add_memory(const std::string& id, const std::string& owner, const std::string& content = "")
    {
        json::object properties;
        if (!owner.empty())
            properties["user_id"] = owner;
        run(graph->create_memory_node(id, content, std::move(properties)));
    }
    void connect(const std::string& from, const std::string& type, const std::string& to)
    {
        run(graph->create_relationship(from, to, type));
    }
    Ids found(GraphDatabaseManager& from, const std::string& user, const std::string& words = "")
    {
        Ids ids;
        for (const ConnectedMemory& memory : run(from.find_connected_memories(user, words)))
            ids.push_back(memory.memory_id);
        return ids;
    }

    TestDirectory directory;
    std::shared_ptr<SQLiteAdapter> database;
    std::shared_ptr<MockGraphDatabaseManager> graph;
};

json::object object(const std::string& text) { return parse_json_object(text, "test"); }

// ---- users

TEST_F(MockGraph, AUserNodeHasItsRowInUsers)
{
    add_user("u");
    EXPECT_EQ(username("u"), "u"); // the default
    add_user("u", object(R"({"username": "Uma"})"));
    EXPECT_EQ(username("u"), "Uma");
    add_user("u", object(R"({"city": "Ulm"})"));
    EXPECT_EQ(username("u"), "Uma");
    query("UPDATE users SET username = 'Other' WHERE user_id = 'u'");
    add_user("u", object(R"({"username": "Uma"})")); // known to the node, not to the row
    EXPECT_EQ(username("u"), "Uma");
    add_user("u", object(R"({"username": null})"));
    EXPECT_EQ(username("u"), "Uma");
}

TEST_F(MockGraph, AUsersRowThatIsThereStays)
{
    query("INSERT INTO users (user_id, username, message_count) VALUES ('u', 'Uma', 7)");
    EXPECT_STORAGE_ERROR(found(*graph, "u"), not_found); // a row is not a node yet
    add_user("u");
    EXPECT_EQ(username("u"), "Uma");
    EXPECT_EQ(count("users WHERE message_count = 7"), 1);
    EXPECT_EQ(found(*graph, "u"), Ids());
}

TEST_F(MockGraph, DeletingAUserInTheDatabaseTakesTheirGraph)
{
    for (const std::string user : {"u", "v"}) {
        add_user(user);
        add_memory(user + "1", user);
        add_memory(user + "2", "");
        run(graph->create_node(NodeRef::fact(user + "3"), "", object(R"({"user_id": ")" + user + R"("})")));
    }
    run(graph->create_node(NodeRef::topic("t"), "shared"));
    for (const std::string user : {"u", "v"})
        for (const std::string& end :
             {"memory:" + user + "1", "memory:" + user + "2", "fact:" + user + "3", std::string("topic:t")})
            connect("user:" + user, "HAS", end);
    connect("user:v", "KNOWS", "user:u");
    connect("memory:v1", "ABOUT", "memory:u1");
    connect("memory:u1", "ABOUT", "topic:t");
    connect("topic:t", "FOR", "memory:u2");

    query("DELETE FROM users WHERE user_id = 'u'");
    EXPECT_STORAGE_ERROR(found(*graph, "u"), not_found);
    EXPECT_EQ(count("graph_nodes"), 5); // v, v1, v2, v3, t
    EXPECT_EQ(count("graph_nodes WHERE node_id LIKE 'u%'"), 0);
    EXPECT_EQ(count("relationships"), 4);
    EXPECT_EQ(count("relationships WHERE source_id LIKE 'u%' OR target_id LIKE 'u%'"), 0);
    EXPECT_EQ(found(*graph, "v"), (Ids{"v1", "v2"}));
}

TEST_F(MockGraph, DeletingAUserNodeLeavesTheRestOfTheUser)
{
    add_user("u", object(R"({"username": "Uma"})"));
    add_memory("m", "u");
    query("INSERT INTO conversations (user_id, channel_id, message_content) VALUES ('u', 'c', 'hello')");
    EXPECT_TRUE(run(graph->delete_node(NodeRef::user("u"))));
    EXPECT_EQ(count("graph_nodes"), 0);
    EXPECT_EQ(count("conversations"), 1);
    EXPECT_EQ(username("u"), "Uma");
}

// ---- columns

TEST_F(MockGraph, EdgesBelongToTheOwnerOfTheirSourceOrTarget)
{
    add_user("u");
    add_user("v");
    add_memory("m", "u");
    add_memory("free", "");
    for (const std::string topic : {"t1", "t2", "t3"})
        run(graph->create_node(NodeRef::topic(topic), ""));
    connect("user:u", "KNOWS", "user:v");
    EXPECT_EQ(edge_owner("v"), "u");
    connect("topic:t1", "FOR", "memory:m");
    EXPECT_EQ(edge_owner("m"), "u");
    connect("topic:t1", "NEAR", "topic:t2");
    EXPECT_EQ(edge_owner("t2"), "null");
    connect("memory:free", "ABOUT", "topic:t3");
    EXPECT_EQ(edge_owner("t3"), "null");
    connect("user:v", "REMEMBERS", "memory:free"); // now owned, and its edges with it
    EXPECT_EQ(edge_owner("t3"), "v");
    EXPECT_EQ(edge_owner("free"), "v");
    add_memory("free", "u"); // a new owner
    EXPECT_EQ(edge_owner("t3"), "u");
    EXPECT_EQ(edge_owner("free"), "v"); // still v's, for it comes from v
    query("DELETE FROM users WHERE user_id = 'v'");
    EXPECT_EQ(edge_owner("t3"), "u"); // not lost with the owner before
    EXPECT_EQ(count("graph_nodes WHERE node_id = 'free'"), 1);
}

TEST_F(MockGraph, ColumnsFollowTheProperties)
{
    add_user("u");
    run(graph->create_memory_node("m", "text", object(R"({"importance": 1, "user_id": "u"})")));
    run(graph->create_node(NodeRef::topic("t"), "", object(R"({"importance": "very"})")));
    run(graph->create_relationship("user:u", "memory:m", "REMEMBERS", object(R"({"strength": 1})")));
    EXPECT_EQ(query("SELECT importance FROM graph_nodes WHERE node_id = 'm'").rows[0]["importance"], 1.0);
    EXPECT_EQ(query("SELECT importance FROM graph_nodes WHERE node_id = 't'").rows[0]["importance"], 0.5);
    EXPECT_EQ(text("SELECT user_id FROM graph_nodes WHERE node_id = 'm'"), "u");
    EXPECT_EQ(text("SELECT user_id FROM graph_nodes WHERE node_id = 't'"), "null");
    EXPECT_EQ(query("SELECT strength FROM relationships").rows[0]["strength"], 1.0);
}

TEST_F(MockGraph, DamagedRowsAreCorruptAndNamed)
{
    add_user("u");
    add_memory("m", "u");
    connect("user:u", "REMEMBERS", "memory:m");
    query("UPDATE graph_nodes SET properties = '{' WHERE node_id = 'm'");
    const StorageError error = error_of([this] { found(*graph, "u"); });
    EXPECT_EQ(error.errc(), StorageErrc::corrupt);
    EXPECT_NE(error.message().find("memory:m"), std::string::npos) << error.message();
    EXPECT_STORAGE_ERROR(add_memory("m", "u"), corrupt);
    query("UPDATE graph_nodes SET properties = NULL WHERE node_id = 'm'"); // the column allows it
    EXPECT_EQ(found(*graph, "u"), Ids{"m"});
    add_memory("m", "u");
    EXPECT_EQ(text("SELECT properties FROM graph_nodes WHERE node_id = 'm'"), R"({"user_id":"u"})");
}

// ---- cost

TEST_F(MockGraph, WritesTakeFewCalls)
{
    const auto calls = [this](const std::function<void()>& action) {
        const std::uint64_t before = run(database->get_query_count());
        action();
        return run(database->get_query_count()) - before;
    };
    EXPECT_EQ(calls([this] { add_user("u"); }), 2U);
    EXPECT_EQ(calls([this] { add_memory("m", "u"); }), 1U); // a memory is taken for new
    EXPECT_LE(calls([this] { add_memory("m", "u"); }), 3U); // and looked at when it is refused
    EXPECT_EQ(calls([this] { connect("user:u", "REMEMBERS", "memory:m"); }), 1U);
    EXPECT_EQ(calls([this] { connect("u", "REMEMBERS", "m"); }), 2U);
    std::vector<GraphNode> nodes(100);
    std::vector<Relationship> edges(100);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        nodes[i].node = NodeRef::topic(std::to_string(i));
        edges[i].from_node = "user:u";
        edges[i].to_node = nodes[i].node.text();
        edges[i].relationship_type = "LIKES";
    }
    EXPECT_LE(calls([&] { run(graph->create_nodes(nodes)); }), 3U);
    EXPECT_EQ(calls([&] { run(graph->create_relationships(edges)); }), 1U);
    EXPECT_LE(calls([this] { found(*graph, "u", "word"); }), 2U);
}

TEST_F(MockGraph, AnUpsertThatChangesNothingDoesNotWrite)
{
    add_user("u", object(R"({"username": "Uma", "n": 1})"));
    add_memory("m", "u", "text");
    const std::string before = text("SELECT group_concat(updated_at) FROM graph_nodes");
    add_user("u", object(R"({"username": "Uma"})"));
    add_user("u");
    add_memory("m", "u", "text");
    EXPECT_EQ(text("SELECT group_concat(updated_at) FROM graph_nodes"), before);
    add_memory("m", "u", "other text");
    EXPECT_NE(text("SELECT group_concat(updated_at) FROM graph_nodes"), before);
}

// ---- snapshots

TEST_F(MockGraph, ASearchSeesOneState)
{
    add_user("u");
    add_memory("a", "u", "red");
    add_memory("b", "u", "blue");
    run(graph->create_node(NodeRef::topic("t"), ""));
    connect("user:u", "LIKES", "topic:t");
    connect("memory:a", "ABOUT", "topic:t");
    connect("memory:b", "ABOUT", "topic:t");
    std::atomic<bool> stop{false};
    std::atomic<int> swaps{0};
    std::thread writer([&] {
        while (!stop) { // the two always differ
            run(database->execute_transaction(
                queries(whisperstore::query(
                            "UPDATE graph_nodes SET content = CASE content WHEN 'red' THEN 'blue' ELSE 'red' END "
                            "WHERE node_id = 'a'"),
                        whisperstore::query(
                            "UPDATE graph_nodes SET content = CASE content WHEN 'red' THEN 'blue' ELSE 'red' END "
                            "WHERE node_id = 'b'"))));
            ++swaps;
        }
    });
    for (int i = 0; i < 100 || swaps < 100; ++i) {
        EXPECT_EQ(found(*graph, "u", "red").size(), 1U);
        EXPECT_EQ(run(graph->get_user_relationship_network("u")).nodes.size(), 4U);
        const auto both = run(graph->find_connected_memories("u", ""));
        ASSERT_EQ(both.size(), 2U);
        EXPECT_NE(both[0].content, both[1].content);
    }
    stop = true;
    writer.join();
}

// ---- the database below

TEST_F(MockGraph, NeedsAConnectedDatabase)
{
    EXPECT_STORAGE_ERROR(MockGraphDatabaseManager(nullptr), invalid_argument);
    run(database->disconnect());
    EXPECT_STORAGE_ERROR(add_user("u"), closed);
    MockGraphDatabaseManager another(adapter());
    EXPECT_STORAGE_ERROR(run(another.initialize()), closed);
    EXPECT_STORAGE_ERROR(run(another.ping()), closed);
}

TEST_F(MockGraph, CleanupLeavesTheDatabaseOpen)
{
    run(graph->cleanup());
    EXPECT_EQ(count("users"), 0);
}

TEST_F(MockGraph, ReadsBesideTheWriter)
{
    add_user("u");
    const auto reading = adapter(true);
    run(reading->connect());
    MockGraphDatabaseManager reader(reading);
    run(reader.initialize());
    run(reader.ping());
    add_memory("m", "u");
    connect("user:u", "REMEMBERS", "memory:m");
    EXPECT_EQ(found(reader, "u"), Ids{"m"}); // on the next call
    EXPECT_EQ(found(reader, "u", "word"), Ids());
    EXPECT_STORAGE_ERROR(run(reader.create_user_node("v")), permission);
    EXPECT_STORAGE_ERROR(run(reader.create_relationship("user:u", "memory:m", "REMEMBERS")), permission);
    EXPECT_STORAGE_ERROR(run(reader.delete_node(NodeRef::user("u"))), permission);
    run(reading->disconnect());
}

TEST_F(MockGraph, AReadOnlyDatabaseWithoutAGraphIsNotFound)
{
    for (const char* table : {"relationships", "graph_nodes"})
        query("DROP TABLE " + std::string(table));
    const auto reading = adapter(true);
    run(reading->connect());
    MockGraphDatabaseManager reader(reading);
    const StorageError error = error_of([&] { run(reader.initialize()); });
    EXPECT_EQ(error.errc(), StorageErrc::not_found);
    EXPECT_NE(error.message().find("only be read"), std::string::npos) << error.message();
    EXPECT_STORAGE_ERROR(run(reader.ping()), closed);
    run(reading->disconnect());
}

TEST_F(MockGraph, ErrorsNameTheDatabaseAndTheOperation)
{
    const StorageError error = error_of([this] { add_user(""); });
    EXPECT_EQ(error.backend(), "sqlite");
    EXPECT_EQ(error.operation(), "create_user_node");
    const StorageError missing = error_of([this] { run(graph->get_user_relationship_network("nobody")); });
    EXPECT_EQ(missing.operation(), "get_user_relationship_network");
    EXPECT_EQ(std::string(missing.what()), "sqlite: there is no node user:nobody; create it with create_user_node()");
}

// Sorting, or walking all edges of the user for each memory, would cost a search many times as much.
TEST_F(MockGraph, TheNearestMemoriesAreReadFromIndexesAsFarAsNeeded)
{
    Query direct = graph::read_direct_memories("u1", 50);
    const QueryResult plan = query("EXPLAIN QUERY PLAN " + direct.sql, direct.params);
    std::string steps;
    for (const Row& row : plan)
        steps += std::string(row["detail"].as_text()) + "\n";
    EXPECT_EQ(steps.find("TEMP B-TREE"), std::string::npos) << steps;
    EXPECT_EQ(steps.find("SCAN"), std::string::npos) << steps;
    EXPECT_NE(steps.find("(target_type=? AND target_id=?)"), std::string::npos) << steps;
}

} // namespace
} // namespace whisperstore::test

// What Neo4j's managers do beyond the conformance suite: what others see of a graph, and a cluster's ways on one
// server.
#include "neo4j_support.hpp"

namespace whisperstore::test {
namespace {

using Ids = std::vector<std::string>;

class Neo4jManager : public Neo4jTest
{
};

TEST_F(Neo4jManager, OthersCanReadTheGraph)
{
    const Manager graph = open();
    json::object properties = owned_by("mira");
    properties["mood"] = "happy";
    properties["_own"] = 1;
    run(graph->create_user_node("mira"));
    run(graph->create_memory_node("m", "the sea", properties));
    properties = json::object();
    properties["strength"] = 0.75;
    run(graph->create_relationship("user:mira", "memory:m", "REMEMBERS", properties));
    bolt::Map parameters;
    parameters.set("user", key("user:mira"));
    const auto rows = ask("MATCH (u:User {_key: $user})-[r:REMEMBERS]->(m:Memory:WhisperNode {mood: 'happy'}) "
                          "RETURN m._content, m._owner, m.user_id, m.__own, r.strength, r._count, size(labels(m))",
                          parameters);
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].get(0).as_string(), "the sea");
    EXPECT_EQ(rows[0].get(1).as_string(), key("user:mira"));
    EXPECT_EQ(rows[0].get(2).as_string(), "mira");
    EXPECT_EQ(rows[0].get(3).as_int(), 1);
    EXPECT_EQ(rows[0].get(4).as_real(), 0.75);
    EXPECT_EQ(rows[0].get(5).as_int(), 1);
    EXPECT_EQ(rows[0].get(6).as_int(), 2);
    run(graph->cleanup());
}

TEST_F(Neo4jManager, WhatOthersStoreIsLeftAloneAndNoWay)
{
    const Manager graph = open();
    run(graph->create_user_node("u"));
    run(graph->create_memory_node("near", "", owned_by("u")));
    run(graph->create_memory_node("far", "", owned_by("u")));
    run(graph->create_relationship("user:u", "memory:near", "REMEMBERS"));
    bolt::Map parameters;
    parameters.set("user", key("user:u")).set("far", key("memory:far")).set("name", name);
    ask("MATCH (u {_key: $user}), (far {_key: $far}) "
        "CREATE (u)-[:OWNS]->(:Car {name: $name, since: date('2020-01-02')})-[:CARRIES]->(far), "
        "(u)<-[:OWNS]-(:User {name: $name})",
        parameters);
    EXPECT_EQ(ids(run(graph->find_connected_memories("u", "", 10))), Ids{"near"});
    EXPECT_EQ(run(graph->get_user_relationship_network("u", 10)).nodes.size(), 2U);
    const auto count = [&] { return ask("MATCH (n {name: $name}) RETURN count(n)", parameters).at(0).get(0).as_int(); };
    EXPECT_EQ(count(), 2);
    EXPECT_TRUE(run(graph->delete_node(NodeRef::user("u"))));
    EXPECT_EQ(count(), 2);
    ask("MATCH (n {name: $name}) DETACH DELETE n", parameters);
    run(graph->cleanup());
}

TEST_F(Neo4jManager, NamespacesAreApart)
{
    GraphDatabaseConfig second = config();
    second.graph_namespace += "-2";
    const Manager one = open();
    const Manager two = open(second);
    for (const Manager& graph : {one, two}) {
        run(graph->create_user_node("u"));
        run(graph->create_memory_node("m", graph == one ? "one" : "two", owned_by("u")));
        run(graph->create_relationship("u", "m", "REMEMBERS"));
    }
    EXPECT_EQ(run(one->find_connected_memories("u", "")).at(0).content, "one");
    EXPECT_EQ(run(two->find_connected_memories("u", "")).at(0).content, "two");
    EXPECT_TRUE(run(one->delete_node(NodeRef::user("u"))));
    EXPECT_STORAGE_ERROR(run(one->find_connected_memories("u", "")), not_found);
    EXPECT_EQ(ids(run(two->find_connected_memories("u", ""))), Ids{"m"});
    std::size_t exported = 0;
    GraphPart part;
    do {
        part = run(one->export_part(part.next));
        exported += part.nodes.size() + part.edges.size();
    } while (!part.next.empty());
    EXPECT_EQ(exported, 0U);
    run(one->cleanup());
    run(two->cleanup());
}

TEST_F(Neo4jManager, TheSchemaIsMadeOnceHoweverManyBegin)
{
    std::vector<Manager> managers;
    std::vector<std::future<void>> beginning;
    for (int i = 0; i < 8; ++i) {
        managers.push_back(std::make_shared<Neo4jGraphDatabaseManager>(config()));
        for (int twice = 0; twice < 2; ++twice)
            beginning.push_back(start(managers.back()->initialize()));
    }
    for (std::future<void>& each : beginning)
        wait(std::move(each));
    for (const Manager& graph : managers) {
        run(graph->ping());
        run(graph->cleanup());
        EXPECT_STORAGE_ERROR(run(graph->ping()), closed);
    }
    const auto marker = ask("MATCH (s:WhisperSchema) OPTIONAL MATCH (s)-[r]->(s) RETURN s.version, count(r)");
    ASSERT_EQ(marker.size(), 1U);
    EXPECT_EQ(marker[0].get(0).as_int(), 1);
    EXPECT_EQ(marker[0].get(1).as_int(), 16);
    // Without the name the statements would lock nothing.
    EXPECT_EQ(ask("CALL db.propertyKeys() YIELD propertyKey WHERE propertyKey = '_lock' RETURN propertyKey").size(),
              1U);
    const auto constraints = ask("SHOW CONSTRAINTS YIELD name, labelsOrTypes, properties WHERE name STARTS WITH "
                                 "'whisper_' RETURN name ORDER BY name");
    ASSERT_EQ(constraints.size(), 2U);
    EXPECT_EQ(constraints[0].get(0).as_string(), "whisper_node_key");
    EXPECT_EQ(constraints[1].get(0).as_string(), "whisper_schema_name");
}

// A server that announces itself alone is a cluster of one.
TEST_F(Neo4jManager, AClusterOfOneRoutesAndLeavesBookmarks)
{
    GraphDatabaseConfig settings = config("neo4j");
    settings.type = "neo4j_cluster";
    const auto graph = std::make_shared<Neo4jClusterGraphDatabaseManager>(settings);
    EXPECT_EQ(graph->graph_database_type(), "neo4j_cluster");
    EXPECT_EQ(graph->endpoints(), Ids{"127.0.0.1:" + std::to_string(server.port)});
    run(graph->initialize());
    OperationContext context;
    context.session = std::make_shared<Session>();
    run(graph->create_user_node("u", json::object(), context));
    const std::string first = context.session->token("neo4j");
    EXPECT_FALSE(first.empty());
    run(graph->create_memory_node("m", "", owned_by("u"), context));
    run(graph->create_relationship("u", "m", "REMEMBERS", json::object(), context));
    EXPECT_NE(context.session->token("neo4j"), first);
    EXPECT_EQ(context.session->token("neo4j").find('\n'), std::string::npos) << "what was read before is replaced";
    EXPECT_EQ(ids(run(graph->find_connected_memories("u", "", 3, 50, context))), Ids{"m"});
    EXPECT_EQ(ids(run(graph->find_connected_memories("u", ""))), Ids{"m"});
    EXPECT_STORAGE_ERROR(run(graph->create_memory_node("x", "", owned_by("nobody"))), not_found);
    run(graph->cleanup());
}

TEST_F(Neo4jManager, ATopicOfManyOthersCostsAUserLittle)
{
    const Manager graph = open();
    std::vector<GraphNode> nodes(2);
    nodes[0].node = NodeRef::user("u");
    nodes[1].node = NodeRef::topic("t");
    std::vector<Relationship> edges;
    for (int i = 0; i < 3000; ++i) {
        GraphNode memory;
        memory.node = NodeRef::memory(std::to_string(i));
        memory.properties = owned_by(i < 3 ? "u" : "other");
        nodes.push_back(std::move(memory));
        Relationship about;
        about.from_node = "memory:" + std::to_string(i);
        about.to_node = "topic:t";
        about.relationship_type = "ABOUT";
        edges.push_back(about);
    }
    nodes.emplace_back().node = NodeRef::user("other");
    run(graph->create_nodes(nodes));
    run(graph->create_relationships(edges));
    run(graph->create_relationship("user:u", "topic:t", "LIKES"));
    EXPECT_EQ(ids(run(graph->find_connected_memories("u", ""))), (Ids{"0", "1", "2"}));
    EXPECT_EQ(run(graph->get_user_relationship_network("u")).nodes.size(), 5U);
    run(graph->delete_node(NodeRef::user("other")));
    run(graph->cleanup());
}

} // namespace
} // namespace whisperstore::test

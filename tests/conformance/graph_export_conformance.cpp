// What every graph backend owes those who take the whole graph elsewhere.
#include "conformance/graph_conformance.hpp"

#include <algorithm>

namespace whisperstore::test {
namespace {

using Ids = std::vector<std::string>;

class GraphExport : public Graph
{
protected:
    void SetUp() override
    {
        Graph::SetUp();
        if (GetParam().place)
            other_place = GetParam().place(other_directory.path());
        other = GetParam().make(other_directory.path());
        run(other->initialize());
    }
    void TearDown() override
    {
        run(other->cleanup());
        Graph::TearDown();
    }

    /// The whole graph, `limit` at a time.
    std::vector<GraphPart> parts(GraphDatabaseManager& of, std::int64_t limit)
    {
        std::vector<GraphPart> all;
        do
            all.push_back(run(of.export_part(all.empty() ? std::string() : all.back().next, limit)));
        while (!all.back().next.empty());
        return all;
    }
    void import_all(const std::vector<GraphPart>& all)
    {
        for (const GraphPart& part : all)
            run(other->import_part(part));
    }
    /// Everything of a graph that an application sees: nodes and edges in any order.
    static std::string everything(const std::vector<GraphPart>& all)
    {
        Ids lines;
        for (const GraphPart& part : all) {
            for (const GraphNode& node : part.nodes) {
                std::string line = node.node.text();
                line.append(" '").append(node.content).append("'");
                lines.push_back(std::move(line));
                add_properties(lines, node.node.text(), node.properties);
            }
            for (const NetworkEdge& edge : part.edges) {
                std::string name = edge.from.text();
                name.append(" ").append(edge.relationship_type).append(" ").append(edge.to.text());
                std::string line = name;
                line.append(" ").append(std::to_string(edge.strength)).append(" ");
                line.append(std::to_string(edge.interaction_count)).append(" ").append(edge.last_interaction);
                lines.push_back(std::move(line));
                add_properties(lines, name, edge.properties);
            }
        }
        std::sort(lines.begin(), lines.end());
        std::string text;
        for (const std::string& line : lines)
            text.append(line).append("\n");
        return text;
    }
    void fill()
    {
        add_user("u", object(R"({"username": "Uma", "large": 9007199254740993})"));
        add_user("v");
        add_memory("by property", "u", "first ünï",
                   object(R"({"importance": 0.9, "_key": "mine", "tags": ["a", "b"]})"));
        add_memory("by edge", "", "second");
        add_memory("of nobody", "", "third");
        add_node(NodeRef::topic("t"), "topic", object(R"({"reals": [1.0, 2.5], "none": []})"));
        add_node(NodeRef::emotion("e"), "emotion");
        add_node(NodeRef::fact("f"), "fact", object(R"({"user_id": "v"})"));
        connect("user:v", "REMEMBERS", "memory:by edge", object(R"({"since": 2001})"));
        connect("user:u", "REMEMBERS", "memory:by edge");
        connect("user:u", "REMEMBERS", "memory:by property");
        connect("user:u", "REMEMBERS", "memory:by property", object(R"({"strength": 0.25})"));
        connect("memory:by property", "LEADS_TO", "memory:by edge");
        connect("memory:by property", "ABOUT", "topic:t");
        connect("topic:t", "FELT", "emotion:e");
        connect("user:v", "KNOWS", "user:u");
        connect("user:v", "KNOWS", "fact:f");
        connect("user:u", "KNOWS", "user:u");
    }

    TestDirectory other_directory;
    std::shared_ptr<const void> other_place;
    std::shared_ptr<GraphDatabaseManager> other;

private:
    static void add_properties(Ids& lines, const std::string& name, const json::object& properties)
    {
        for (const auto& [key, value] : properties) {
            std::string line = name;
            line.append(" .").append(key).append(" = ").append(json::serialize(value));
            lines.push_back(std::move(line));
        }
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, GraphExport, testing::ValuesIn(graph_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(GraphExport, AnEmptyGraphHasEmptyParts)
{
    for (const GraphPart& part : parts(*graph, 10))
        EXPECT_TRUE(part.nodes.empty() && part.edges.empty());
}

TEST_P(GraphExport, WhatIsImportedIsWhatWasExported)
{
    fill();
    const std::vector<GraphPart> whole = parts(*graph, 1000);
    const std::string before = everything(whole);
    EXPECT_EQ(std::count(before.begin(), before.end(), '\n'), 28) << before;
    EXPECT_NE(before.find("user:u .large = 9007199254740993"), std::string::npos) << before;
    import_all(whole);
    EXPECT_EQ(everything(parts(*other, 1000)), before);
    import_all(whole); // twice is as good as once
    EXPECT_EQ(everything(parts(*other, 1000)), before);

    for (const std::string& user : {std::string("u"), std::string("v")}) {
        const RelationshipNetwork here = network(user, 10);
        const RelationshipNetwork there = run(other->get_user_relationship_network(user, 10));
        EXPECT_EQ(json::serialize(there.to_json()["edges"].get_array().size()),
                  json::serialize(here.to_json()["edges"].get_array().size()));
        Ids ids;
        for (const ConnectedMemory& memory : run(other->find_connected_memories(user, "")))
            ids.push_back(memory.memory_id);
        EXPECT_EQ(ids, found(user));
    }
}

TEST_P(GraphExport, AClearedGraphIsEmptyAndTakesAnotherOne)
{
    fill();
    import_all(parts(*graph, 1000));
    const std::string whole = everything(parts(*graph, 1000));
    run(graph->clear());
    run(graph->clear());
    EXPECT_EQ(everything(parts(*graph, 1000)), "");
    EXPECT_EQ(everything(parts(*other, 1000)), whole) << "that of others stays";
    for (const GraphPart& part : parts(*other, 1000))
        run(graph->import_part(part));
    EXPECT_EQ(everything(parts(*graph, 1000)), whole);
}

TEST_P(GraphExport, PartsOfAnySizeMakeTheSameGraph)
{
    fill();
    const std::string whole = everything(parts(*graph, 1000));
    for (const std::int64_t limit : {1, 2, 3, 5}) {
        const std::vector<GraphPart> all = parts(*graph, limit);
        EXPECT_EQ(everything(all), whole) << limit;
        bool edges_have_begun = false;
        for (const GraphPart& part : all) {
            EXPECT_LE(part.nodes.size(), static_cast<std::size_t>(limit));
            edges_have_begun = edges_have_begun || !part.edges.empty();
            EXPECT_TRUE(part.nodes.empty() || !edges_have_begun) << "nodes come before edges";
        }
    }
    import_all(parts(*graph, 1));
    EXPECT_EQ(everything(parts(*other, 1000)), whole);
}

TEST_P(GraphExport, TheFirstEdgeStaysTheFirst)
{
    for (const std::string user : {"u", "v", "a"})
        add_user(user);
    add_memory("m", "");
    connect("user:v", "REMEMBERS", "memory:m"); // neither the smallest nor the largest id
    connect("user:a", "REMEMBERS", "memory:m");
    connect("user:u", "REMEMBERS", "memory:m");
    add_memory("m", "u"); // owned by another's word
    import_all(parts(*graph, 1));
    run(other->create_memory_node("m", "", object(R"({"user_id": null})")));
    EXPECT_EQ(run(other->find_connected_memories("v", "")).size(), 1U);
    EXPECT_EQ(run(other->find_connected_memories("u", "")).size(), 0U);
}

TEST_P(GraphExport, ImportingMergesAndMakesOwners)
{
    run(other->create_memory_node("m", "old", object(R"({"kept": 1, "replaced": 1})")));
    GraphPart part;
    part.nodes.push_back(graph_node(NodeRef::memory("m"), "new", object(R"({"user_id": "owner", "replaced": 2})")));
    run(other->import_part(part));
    GraphPart edges;
    edges.edges.resize(1);
    edges.edges[0].from = NodeRef::user("owner");
    edges.edges[0].to = NodeRef::memory("m");
    edges.edges[0].relationship_type = "REMEMBERS";
    edges.edges[0].interaction_count = 7;
    edges.edges[0].last_interaction = "2020-01-02T03:04:05.000006Z";
    run(other->import_part(edges));
    const auto memories = run(other->find_connected_memories("owner", ""));
    ASSERT_EQ(memories.size(), 1U);
    EXPECT_EQ(memories[0].content, "new");
    EXPECT_EQ(memories[0].properties, object(R"({"kept": 1, "replaced": 2, "user_id": "owner"})"));
    const RelationshipNetwork network = run(other->get_user_relationship_network("owner"));
    ASSERT_EQ(network.edges.size(), 1U);
    EXPECT_EQ(network.edges[0].interaction_count, 7);
    EXPECT_EQ(network.edges[0].last_interaction, "2020-01-02T03:04:05.000006Z");

    edges.edges[0].to = NodeRef::topic("missing");
    EXPECT_STORAGE_ERROR(run(other->import_part(edges)), not_found);
    edges.edges[0].to = NodeRef::memory("m");
    edges.edges[0].interaction_count = -1;
    EXPECT_STORAGE_ERROR(run(other->import_part(edges)), invalid_argument);
    edges.edges[0].interaction_count = 1;
    edges.edges[0].last_interaction = "yesterday";
    EXPECT_STORAGE_ERROR(run(other->import_part(edges)), invalid_argument);
    run(other->import_part(GraphPart()));
}

TEST_P(GraphExport, PlacesAreChecked)
{
    for (const std::string from : {"x", "nodes", "nodes/", "nodes/user", "nodes/nobody:", "edges/x:1", "/user:1"})
        EXPECT_STORAGE_ERROR(run(graph->export_part(from)), invalid_argument);
    EXPECT_STORAGE_ERROR(run(graph->export_part("", 0)), invalid_argument);
    EXPECT_STORAGE_ERROR(run(graph->export_part("", 10001)), invalid_argument);
}

} // namespace
} // namespace whisperstore::test

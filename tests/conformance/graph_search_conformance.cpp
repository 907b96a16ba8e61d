// What every graph backend owes its callers when it searches.
#include "conformance/graph_conformance.hpp"
#include "support/graph_oracle.hpp"

#include <algorithm>

namespace whisperstore::test {
namespace {

using Ids = std::vector<std::string>;
using Types = std::vector<std::string>;

class GraphSearching : public Graph
{
protected:
    /// `user:u` remembers memories, each `about` topics.
    void remember(const std::string& user, const std::string& id, const std::string& content,
                  const std::vector<std::string>& topics = {}, json::object properties = {})
    {
        add_memory(id, user, content, std::move(properties));
        connect("user:" + user, "REMEMBERS", "memory:" + id);
        for (const std::string& topic : topics)
            connect("memory:" + id, "ABOUT", "topic:" + topic);
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, GraphSearching, testing::ValuesIn(graph_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(GraphSearching, AnUnknownUserIsNotFound)
{
    EXPECT_STORAGE_ERROR(memories("nobody"), not_found);
    EXPECT_STORAGE_ERROR(memories("nobody", "word", 3, 0), not_found);
    EXPECT_STORAGE_ERROR(network("nobody"), not_found);
    add_user("u");
    EXPECT_EQ(found("u"), Ids());
    EXPECT_EQ(found("u", "word"), Ids());
    const RelationshipNetwork alone = network("u");
    ASSERT_EQ(alone.nodes.size(), 1U);
    EXPECT_EQ(alone.nodes[0].node, NodeRef::user("u"));
    EXPECT_TRUE(alone.edges.empty() && alone.counts.empty() && !alone.truncated);
    EXPECT_EQ(alone.user_id, "u");
}

// ---- whose memories

// A defect of graphs that look at the path and not at the owner.
TEST_P(GraphSearching, AnotherUsersMemoryIsNeverReachedOverASharedTopic)
{
    add_user("u");
    add_user("v");
    add_node(NodeRef::topic("music"), "music");
    remember("u", "mine", "I play jazz", {"music"});
    remember("u", "mine too", "I sing", {"music"});
    remember("v", "secret", "v plays jazz", {"music"});
    add_memory("far", "u", "beyond v");
    connect("memory:secret", "LEADS_TO", "memory:far"); // nor passed through
    for (int depth = 1; depth <= 10; ++depth) {
        EXPECT_EQ(found("u", "", depth), (Ids{"mine", "mine too"})) << depth;
        EXPECT_EQ(found("v", "", depth), Ids{"secret"}) << depth;
        for (const NetworkNode& each : network("u", depth).nodes)
            EXPECT_NE(each.node, NodeRef::memory("secret")) << depth;
    }
    EXPECT_EQ(found("u", "plays"), Ids());
    EXPECT_EQ(found("u", "jazz"), Ids{"mine"});
}

TEST_P(GraphSearching, MemoriesOfNobodyAreNeverReturned)
{
    add_user("u");
    add_node(NodeRef::topic("t"));
    add_memory("free", "");
    add_memory("behind", "u");
    connect("user:u", "LIKES", "topic:t");
    connect("memory:free", "ABOUT", "topic:t");
    connect("memory:free", "LEADS_TO", "memory:behind");
    EXPECT_EQ(found("u", "", 10), Ids());
    connect("memory:free", "KEPT_BY", "user:u"); // from the memory to the user: that gives no owner
    EXPECT_EQ(found("u", "", 10), Ids());
    connect("user:u", "REMEMBERS", "memory:free");
    EXPECT_EQ(found("u", "", 10), (Ids{"free", "behind"}));
}

TEST_P(GraphSearching, TheFirstEdgeFromAUserGivesTheOwner)
{
    for (const std::string user : {"u", "v", "w"})
        add_user(user);
    add_memory("m", "");
    connect("user:u", "REMEMBERS", "memory:m");
    connect("user:v", "REMEMBERS", "memory:m");
    EXPECT_EQ(found("u"), Ids{"m"});
    EXPECT_EQ(found("v"), Ids());
    add_memory("m", "", "new text"); // nothing said about the owner
    EXPECT_EQ(found("u"), Ids{"m"});
    EXPECT_EQ(memories("u").at(0).properties, json::object());

    add_memory("m", "v"); // the property decides
    EXPECT_EQ(found("u"), Ids());
    EXPECT_EQ(found("v"), Ids{"m"});
    add_memory("m", "", "", object(R"({"user_id": null})")); // and without it the first edge again
    EXPECT_EQ(found("u"), Ids{"m"});
    EXPECT_EQ(found("v"), Ids());

    add_memory("w's", "w");
    connect("user:u", "READ", "memory:w's");
    EXPECT_EQ(found("u"), Ids{"m"});
}

TEST_P(GraphSearching, AnOwnerMustExist)
{
    EXPECT_STORAGE_ERROR(add_memory("m", "nobody"), not_found);
    EXPECT_STORAGE_ERROR(add_node(NodeRef::fact("f"), "", object(R"({"user_id": "nobody"})")), not_found);
    add_user("u");
    EXPECT_STORAGE_ERROR(connect("user:u", "REMEMBERS", "memory:m"), not_found); // it was not stored
    add_memory("m", "u");
    EXPECT_STORAGE_ERROR(add_memory("m", "nobody"), not_found);
    connect("user:u", "REMEMBERS", "memory:m");
    EXPECT_EQ(found("u"), Ids{"m"}); // as it was
}

TEST_P(GraphSearching, NodesOfOthersAreNoWayAndSharedOnesAre)
{
    add_user("u");
    add_user("v");
    add_node(NodeRef::topic("shared"));
    add_node(NodeRef::fact("v's"), "v's salary", object(R"({"user_id": "v"})"));
    add_memory("by topic", "u");
    add_memory("by fact", "u");
    connect("user:u", "KNOWS", "user:v");
    connect("user:v", "LIKES", "topic:shared"); // through another user, over what nobody owns
    connect("memory:by topic", "ABOUT", "topic:shared");
    connect("user:v", "KNOWS", "fact:v's");
    connect("memory:by fact", "ABOUT", "fact:v's");
    EXPECT_EQ(found("u"), Ids{"by topic"});
    EXPECT_EQ(memories("u").at(0).relationship_types, (Types{"KNOWS", "LIKES", "ABOUT"}));
    for (const NetworkNode& each : network("u", 10).nodes)
        EXPECT_NE(each.node, NodeRef::fact("v's"));
    add_node(NodeRef::fact("v's"), "", object(R"({"user_id": null})"));
    EXPECT_EQ(found("u"), (Ids{"by fact", "by topic"}));
}

// ---- paths

TEST_P(GraphSearching, EdgesAreFollowedBothWaysUpToTheDepth)
{
    add_user("u");
    std::string previous = "user:u";
    for (int i = 1; i <= 12; ++i) {
        const std::string id = std::string(1, static_cast<char>('a' + i - 1));
        add_memory(id, "u");
        if (i % 2 == 0)
            connect(previous, "NEXT", "memory:" + id);
        else
            connect("memory:" + id, "BEFORE", previous);
        previous = "memory:" + id;
    }
    EXPECT_EQ(found("u", "", 1), Ids{"a"});
    EXPECT_EQ(found("u"), (Ids{"a", "b", "c"})); // three by default
    EXPECT_EQ(found("u", "", 10).size(), 10U);
    const auto all = memories("u", "", 10);
    EXPECT_EQ(all.at(3).depth, 4);
    EXPECT_EQ(all.at(3).relationship_types, (Types{"BEFORE", "NEXT", "BEFORE", "NEXT"}));
}

TEST_P(GraphSearching, CyclesEnd)
{
    add_user("u");
    for (const std::string id : {"a", "b", "c"})
        add_memory(id, "u");
    connect("user:u", "R", "memory:a");
    connect("memory:a", "R", "memory:b");
    connect("memory:b", "R", "memory:c");
    connect("memory:c", "R", "memory:a");
    connect("memory:c", "R", "user:u");
    connect("memory:a", "R", "memory:a");
    connect("user:u", "R", "user:u");
    EXPECT_EQ(found("u", "", 10), (Ids{"a", "c", "b"}));
    EXPECT_EQ(network("u", 10).edges.size(), 7U);
}

TEST_P(GraphSearching, OfEqualPathsTheSmallestTypesAreReturned)
{
    add_user("u");
    add_memory("m", "u");
    for (const std::string id : {"t1", "t2", "t3"})
        add_node(NodeRef::topic(id), "word-" + id);
    connect("user:u", "B", "topic:t1");
    connect("topic:t1", "A", "memory:m");
    connect("user:u", "AA", "topic:t2");
    connect("memory:m", "Z", "topic:t2");
    connect("memory:m", "C_1", "topic:t2");
    connect("memory:m", "C", "topic:t3"); // "C" before "C_1"
    connect("topic:t3", "AA", "user:u");
    const auto memory = memories("u");
    ASSERT_EQ(memory.size(), 1U);
    EXPECT_EQ(memory[0].depth, 2);
    EXPECT_EQ(memory[0].relationship_types, (Types{"AA", "C"}));
    EXPECT_EQ(found("u", "word-t3"), Ids{"m"}); // a word counts on that path only
    EXPECT_EQ(found("u", "word-t1"), Ids());
    connect("user:u", "ZZ", "memory:m"); // a shorter path beats smaller types
    EXPECT_EQ(memories("u").at(0).relationship_types, Types{"ZZ"});
    connect("memory:m", "YY", "user:u");
    EXPECT_EQ(memories("u").at(0).relationship_types, Types{"YY"});
}

TEST_P(GraphSearching, OrderIsDepthThenImportanceThenId)
{
    add_user("u");
    add_node(NodeRef::topic("t"));
    const auto importance = [](double value) {
        json::object properties;
        properties["importance"] = value;
        return properties;
    };
    remember("u", "low", "", {"t"}, importance(0.1));
    remember("u", "b", "");
    remember("u", "a", "");
    remember("u", "B", "");
    remember("u", "high", "", {}, importance(0.9));
    add_memory("far", "u", "", importance(1));
    connect("memory:far", "ABOUT", "topic:t");
    const Ids order{"high", "B", "a", "b", "low", "far"};
    EXPECT_EQ(found("u"), order);
    for (std::size_t limit = 0; limit <= order.size(); ++limit) {
        const Ids expected(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(limit));
        EXPECT_EQ(found("u", "", 3, static_cast<std::int64_t>(limit)), expected);
    }
}

// ---- words

TEST_P(GraphSearching, WordsAreSubstringsWhateverTheirCase)
{
    add_user("u", object(R"({"username": "Uma"})"));
    add_node(NodeRef::topic("Music"));
    add_node(NodeRef::emotion("Joy"), "a warm feeling");
    remember("u", "1", "In der HAUPTSTRASSE 5");
    remember("u", "2", "Hauptstraße");
    remember("u", "3", "Σίσυφος rolls", {}, object(R"({"mood": "Übermütig", "tags": ["Kite", "beach"], "n": 12345})"));
    remember("u", "4", "quiet", {"Music"});
    add_memory("5", "u", "reached over the topic");
    connect("memory:5", "ABOUT", "topic:Music");
    connect("user:u", "LIKES", "topic:Music");
    add_memory("6", "u", "reached over the emotion");
    connect("memory:6", "FELT", "emotion:Joy");
    connect("user:u", "FEELS", "emotion:Joy");

    EXPECT_EQ(found("u", "hauptstraẞe"), (Ids{"1", "2"}));
    EXPECT_EQ(found("u", "ΣΊΣΥΦΟΣ"), Ids{"3"});
    EXPECT_EQ(found("u", "ÜBERMÜTIG"), Ids{"3"});
    EXPECT_EQ(found("u", "each"), (Ids{"3", "5", "6"})); // "beach" in a list, "reached"
    EXPECT_EQ(found("u", "234"), Ids{"3"});
    EXPECT_EQ(found("u", "music"), Ids{"5"}); // a node on the path; "4" has a shorter one
    EXPECT_EQ(found("u", "WARM quiet"), (Ids{"4", "6"}));
    EXPECT_EQ(found("u", "joy"), Ids{"6"});
    EXPECT_EQ(found("u", "absent"), Ids());
    EXPECT_EQ(found("u", "mood"), Ids()); // a key
    EXPECT_EQ(found("u", "uma"), Ids());  // the start of every path
    EXPECT_EQ(found("u", " \n\t").size(), 6U);
    EXPECT_EQ(found("u", "% _ '"), Ids());
    EXPECT_EQ(found("u", "each", 3, 2), (Ids{"3", "5"})); // the limit counts what was kept
}

// ---- against walking every path

TEST_P(GraphSearching, RandomGraphsGiveTheRowsOfWalkingEveryPath)
{
    const std::vector<std::string> words{"", "", "sea", "jazz", "rain"};
    std::size_t rows = 0;
    for (unsigned seed = 0; seed < 40; ++seed) {
        std::mt19937 random(seed);
        PlainGraph plain = random_graph(random);
        // All graphs live in one store, apart by their ids: none may reach into another.
        const std::string prefix = std::to_string(seed) + "-";
        const auto rename = [&](NodeRef& ref) { ref.id = prefix + ref.id; };
        std::vector<GraphNode> nodes;
        for (PlainGraph::Node& node : plain.nodes) {
            rename(node.ref);
            if (node.owner)
                node.owner = prefix + *node.owner;
            if (node.properties.contains("user_id"))
                node.properties["user_id"] = *node.owner;
            GraphNode out;
            out.node = node.ref;
            out.content = node.content;
            out.properties = node.properties;
            nodes.push_back(std::move(out));
        }
        std::vector<Relationship> edges;
        for (PlainGraph::Edge& edge : plain.edges) {
            rename(edge.from);
            rename(edge.to);
            Relationship out;
            out.from_node = edge.from.text();
            out.to_node = edge.to.text();
            out.relationship_type = edge.type;
            edges.push_back(std::move(out));
        }
        run(graph->create_nodes(nodes));
        run(graph->create_relationships(edges));
        for (const std::string& user : {prefix + "ann", prefix + "bob"}) {
            for (const int depth : {1, 2, 3, 4, 7}) {
                const std::string& word = words[random() % words.size()];
                const std::vector<std::string> list = word.empty() ? Ids() : Ids{word};
                const std::int64_t limit = random() % 2 == 0 ? 50 : 2;
                const auto actual = memories(user, word, depth, limit);
                ASSERT_EQ(describe(actual), describe(naive_memories(plain, user, list, depth, limit)))
                    << "seed " << seed << " user " << user << " depth " << depth << " word '" << word << "'";
                rows += actual.size();
            }
        }
    }
    EXPECT_GT(rows, 200U);
}

// ---- networks

TEST_P(GraphSearching, ANetworkShowsNodesEdgesAndCounts)
{
    add_user("u", object(R"({"city": "Ulm"})"));
    add_user("v");
    add_node(NodeRef::topic("t"), "topic");
    remember("u", "m2", "second", {"t"});
    remember("u", "m1", "first", {"t"}, object(R"({"importance": 0.1})"));
    connect("user:u", "KNOWS", "user:v", object(R"({"strength": 0.25, "since": 2001})"));
    connect("user:v", "LIKES", "topic:t");
    const RelationshipNetwork all = network("u");
    std::vector<std::pair<std::string, int>> nodes;
    for (const NetworkNode& each : all.nodes)
        nodes.emplace_back(each.node.text(), each.depth);
    const std::vector<std::pair<std::string, int>> expected{
        {"user:u", 0}, {"user:v", 1}, {"memory:m1", 1}, {"memory:m2", 1}, {"topic:t", 2}};
    EXPECT_EQ(nodes, expected);
    EXPECT_EQ(all.nodes[0].properties, object(R"({"city": "Ulm"})"));
    EXPECT_EQ(all.nodes[2].content, "first");
    EXPECT_EQ(all.nodes[2].properties, object(R"({"user_id": "u", "importance": 0.1})"));
    Ids edges;
    for (const NetworkEdge& each : all.edges)
        edges.push_back(each.from.text() + " " + each.relationship_type + " " + each.to.text());
    EXPECT_EQ(edges, (Ids{"user:u KNOWS user:v", "user:u REMEMBERS memory:m1", "user:u REMEMBERS memory:m2",
                          "user:v LIKES topic:t", "memory:m1 ABOUT topic:t", "memory:m2 ABOUT topic:t"}));
    EXPECT_EQ(all.edges[0].strength, 0.25);
    EXPECT_EQ(all.edges[0].interaction_count, 1);
    EXPECT_EQ(all.edges[0].properties, object(R"({"strength": 0.25, "since": 2001})"));
    EXPECT_EQ(all.edges[0].last_interaction.size(), 27U);
    const std::vector<std::pair<std::string, std::int64_t>> counts{
        {"ABOUT", 2}, {"KNOWS", 1}, {"LIKES", 1}, {"REMEMBERS", 2}};
    EXPECT_EQ(all.counts, counts);
    EXPECT_FALSE(all.truncated);

    const RelationshipNetwork one = network("u", 1);
    EXPECT_EQ(one.nodes.size(), 4U);
    EXPECT_EQ(one.edges.size(), 3U);
}

TEST_P(GraphSearching, ANetworkIsBounded)
{
    add_user("u");
    for (int i = 0; i < 9; ++i) {
        json::object properties;
        properties["importance"] = i / 10.0;
        remember("u", std::to_string(i), "", {}, properties);
    }
    const RelationshipNetwork four = network("u", 2, 4);
    ASSERT_EQ(four.nodes.size(), 5U); // the user beside the four most important
    EXPECT_EQ(four.nodes[1].node, NodeRef::memory("5"));
    EXPECT_EQ(four.nodes[4].node, NodeRef::memory("8"));
    EXPECT_EQ(four.edges.size(), 4U);
    EXPECT_TRUE(four.truncated);
    EXPECT_FALSE(network("u", 2, 9).truncated);
    const RelationshipNetwork none = network("u", 2, 0);
    EXPECT_EQ(none.nodes.size(), 1U);
    EXPECT_TRUE(none.truncated);
}

TEST_P(GraphSearching, ANetworkReachesItsWholeDepth)
{
    add_user("u");
    std::string previous = "user:u";
    for (int i = 1; i <= 5; ++i) { // over shared nodes only, and beside a memory
        add_node(NodeRef::topic(std::to_string(i)));
        connect(previous, "NEXT", "topic:" + std::to_string(i));
        previous = "topic:" + std::to_string(i);
    }
    add_node(NodeRef::topic("side"));
    add_node(NodeRef::topic("side's side"));
    remember("u", "m", "", {"side"});
    connect("topic:side's side", "NEXT", "topic:side");
    for (int depth = 1; depth <= 5; ++depth) {
        const RelationshipNetwork reached = network("u", depth);
        const std::size_t side = depth >= 3 ? 2 : depth == 2 ? 1 : 0;
        EXPECT_EQ(reached.nodes.size(), 2 + static_cast<std::size_t>(depth) + side) << depth;
        EXPECT_EQ(reached.edges.size(), reached.nodes.size() - 1) << depth;
        EXPECT_EQ(reached.nodes.back().depth, depth);
    }
}

} // namespace
} // namespace whisperstore::test

#include "graph/graph_search.hpp"
#include "support/graph_oracle.hpp"
#include "support/run.hpp"

#include <whisperstore/core/error.hpp>

#include <gtest/gtest.h>

namespace whisperstore::graph {
namespace {

using test::PlainGraph;

/// What a store reads for a user: the nodes they may see, in any order.
Neighbourhood seen_by(const PlainGraph& plain, const std::string& user)
{
    Neighbourhood graph;
    for (const PlainGraph::Node& node : plain.nodes) {
        const bool shared = node.ref.type == NodeType::user || (!node.owner && node.ref.type != NodeType::memory);
        if (!shared && node.owner != user)
            continue;
        NodeRecord record;
        record.ref = node.ref;
        record.content = node.content;
        record.properties = json::serialize(node.properties);
        if (const json::value* importance = node.properties.if_contains("importance"))
            record.importance = importance->to_number<double>();
        graph.add(std::move(record));
    }
    for (const PlainGraph::Edge& edge : plain.edges) {
        EdgeRecord record;
        record.type = edge.type;
        graph.add(edge.from, edge.to, std::move(record));
    }
    return graph;
}

/// Writes graphs down quickly; the user is "u".
class Build
{
public:
    Build() { node(NodeRef::user("u")); }
    Build& node(NodeRef ref, std::string content = "", std::string properties = "{}", double importance = 0.5)
    {
        NodeRecord record;
        record.ref = std::move(ref);
        record.content = std::move(content);
        record.properties = std::move(properties);
        record.importance = importance;
        graph.add(std::move(record));
        return *this;
    }
    Build& edge(const NodeRef& from, std::string type, const NodeRef& to)
    {
        EdgeRecord record;
        record.type = std::move(type);
        graph.add(from, to, std::move(record));
        return *this;
    }
    std::vector<std::string> found(std::string_view words, int depth = 3, std::int64_t limit = 50) const
    {
        std::vector<std::string> ids;
        for (const ConnectedMemory& memory : find_memories(graph, "u", ContextWords(words), depth, limit))
            ids.push_back(memory.memory_id);
        return ids;
    }
    Neighbourhood graph;
};

using Ids = std::vector<std::string>;

NodeRef user() { return NodeRef::user("u"); }
NodeRef memory(std::string id) { return NodeRef::memory(std::move(id)); }
NodeRef topic(std::string id) { return NodeRef::topic(std::move(id)); }

TEST(GraphSearch, AgreesWithWalkingEveryPath)
{
    const std::vector<std::string> searches{"", "", "sea", "Jazz cat", "old", "n1", "ann"};
    std::size_t rows = 0;
    std::size_t far = 0;
    for (unsigned seed = 0; seed < 6000; ++seed) {
        std::mt19937 random(seed);
        const PlainGraph plain = test::random_graph(random);
        for (const std::string user : {"ann", "bob"}) {
            const Neighbourhood graph = seen_by(plain, user);
            const int depth = 1 + static_cast<int>(random() % 10);
            const auto limit = static_cast<std::int64_t>(random() % 9);
            const std::string& search = searches[random() % searches.size()];
            std::vector<std::string> words;
            if (search == "Jazz cat")
                words = {"jazz", "cat"};
            else if (!search.empty())
                words = {search};
            const auto expected = test::naive_memories(plain, user, words, depth, limit);
            const auto actual = find_memories(graph, user, ContextWords(search), depth, limit);
            ASSERT_EQ(test::describe(actual), test::describe(expected))
                << "seed " << seed << " user " << user << " depth " << depth << " words '" << search << "'";
            rows += actual.size();
            far += actual.empty() || actual.back().depth < 3 ? 0 : 1;
        }
    }
    EXPECT_GT(rows, 4000U); // the graphs were not empty
    EXPECT_GT(far, 500U);   // and not shallow
}

TEST(GraphSearch, DepthThenImportanceThenId)
{
    Build build;
    build.node(memory("near"), "", "{}", 0.1).edge(user(), "R", memory("near"));
    for (const std::string id : {"c", "b", "a"})
        build.node(memory(id)).edge(memory("near"), "R", memory(id));
    build.node(memory("d"), "", "{}", 0.9).edge(memory("near"), "R", memory("d"));
    EXPECT_EQ(build.found(""), (Ids{"near", "d", "a", "b", "c"}));
    EXPECT_EQ(build.found("", 1), (Ids{"near"}));
    EXPECT_EQ(build.found("", 3, 3), (Ids{"near", "d", "a"}));
    EXPECT_EQ(build.found("", 3, 0), Ids());
}

TEST(GraphSearch, OfEqualPathsTheSmallestTypesCount)
{
    Build build;
    build.node(topic("t1")).node(topic("t2")).node(topic("t3")).node(memory("m"));
    build.edge(user(), "B", topic("t1")).edge(topic("t1"), "A", memory("m"));
    build.edge(user(), "A", topic("t2")).edge(memory("m"), "Z", topic("t2"));
    build.edge(topic("t3"), "A", user()).edge(topic("t3"), "C", memory("m")).edge(topic("t3"), "D", memory("m"));
    const auto found = find_memories(build.graph, "u", ContextWords(""), 3, 50);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].relationship_types, (Ids{"A", "C"}));
    EXPECT_EQ(found[0].depth, 2);
}

TEST(GraphSearch, WordsOnTheCountedPathOnly)
{
    // Two paths with equal types: the smaller node counts, and with it its words.
    Build build;
    build.node(topic("a"), "sea").node(topic("b"), "jazz").node(memory("m"), "old");
    for (const std::string id : {"a", "b"})
        build.edge(user(), "LIKES", topic(id)).edge(memory("m"), "ABOUT", topic(id));
    EXPECT_EQ(build.found("sea"), (Ids{"m"}));
    EXPECT_EQ(build.found("jazz"), Ids());
    EXPECT_EQ(build.found("jazz OLD"), (Ids{"m"}));
    EXPECT_EQ(build.found("u"), Ids()); // the start is on every path and tells nothing
}

TEST(GraphSearch, CyclesAndLoopsEnd)
{
    Build build;
    build.node(memory("a")).node(memory("b"));
    build.edge(user(), "R", memory("a")).edge(memory("a"), "R", memory("b")).edge(memory("b"), "R", memory("a"));
    build.edge(memory("b"), "R", user()).edge(memory("a"), "R", memory("a")).edge(user(), "R", user());
    EXPECT_EQ(build.found("", 10), (Ids{"a", "b"}));
}

TEST(GraphSearch, AnUnknownUserIsNotFound)
{
    EXPECT_STORAGE_ERROR(find_memories(Neighbourhood(), "u", ContextWords(""), 3, 50), not_found);
    EXPECT_STORAGE_ERROR(make_network(Neighbourhood(), "u", 2, 50), not_found);
}

struct WordCase
{
    const char* words;
    const char* content;
    const char* properties;
    bool found;
};

TEST(ContextWords, AreSoughtInContentAndValues)
{
    const std::vector<WordCase> cases{
        {"sea", "The SEA is calm", "{}", true},
        {"sea", "Research", "{}", true}, // a substring
        {"sky sea", "by the sea", "{}", true},
        {"sky", "by the sea", "{}", false},
        {"by the", "by", "{}", true},
        {"  \t\n", "anything", "{}", false}, // no words; see the next test
        {"strasse", "Hauptstraße 5", "{}", true},
        {"STRAẞE", "hauptstrasse", "{}", true},
        {"ΣΊΣΥΦΟΣ", "σίσυφος", "{}", true},
        {"cafe\u0301", "Caf\u00c9 Central", "{}", true}, // composed and decomposed
        {"happy", "x", R"({"mood": "Very HAPPY"})", true},
        {"mood", "x", R"({"mood": "happy"})", false}, // a key is no value
        {"b", "x", R"({"tags": ["a", "B"]})", true},
        {"42", "x", R"({"n": 42})", true},
        {"0.25", "x", R"({"n": 2.5E-1})", true},
        {"true", "x", R"({"flag": true})", true},
        {"ann", "x", R"({"user_id": "ann"})", false},
        {"null", "x", "{}", false},
    };
    for (const WordCase& test : cases) {
        NodeRecord node;
        node.ref = memory("id");
        node.content = test.content;
        node.properties = test.properties;
        EXPECT_EQ(ContextWords(test.words).in_node(node), test.found)
            << test.words << " in " << test.content << test.properties;
        EXPECT_EQ(ContextWords(test.words).on_path(node), test.found) << test.words;
    }
}

TEST(ContextWords, BlankTextHasNone)
{
    EXPECT_TRUE(ContextWords("").empty());
    EXPECT_TRUE(ContextWords(" \t\n\u00a0").empty());
    EXPECT_FALSE(ContextWords("a").empty());
    EXPECT_STORAGE_ERROR(ContextWords("\xff"), invalid_argument);
}

TEST(ContextWords, NamesOfTopicsAndEmotionsCountOnThePath)
{
    NodeRecord node;
    for (const auto& [type, counts] :
         {std::pair(NodeType::topic, true), std::pair(NodeType::emotion, true), std::pair(NodeType::memory, false),
          std::pair(NodeType::fact, false), std::pair(NodeType::user, false)}) {
        node.ref = NodeRef{type, "Music"};
        EXPECT_EQ(ContextWords("music").on_path(node), counts) << to_string(type);
        EXPECT_FALSE(ContextWords("music").in_node(node)) << to_string(type);
    }
}

TEST(GraphNetwork, KeepsTheNearAndImportant)
{
    Build build;
    build.node(memory("low"), "", "{}", 0.2).node(memory("high"), "", "{}", 0.8).node(topic("t"));
    build.edge(user(), "R", memory("low")).edge(user(), "R", memory("high")).edge(memory("high"), "ABOUT", topic("t"));
    build.edge(memory("high"), "NEXT", memory("low"));

    RelationshipNetwork all = make_network(build.graph, "u", 2, 10);
    ASSERT_EQ(all.nodes.size(), 4U);
    EXPECT_EQ(all.nodes[0].node, user());
    EXPECT_EQ(all.nodes[1].node, memory("high"));
    EXPECT_EQ(all.nodes[2].node, memory("low"));
    EXPECT_EQ(all.nodes[3].node, topic("t"));
    EXPECT_EQ(all.nodes[3].depth, 2);
    EXPECT_EQ(all.edges.size(), 4U);
    EXPECT_FALSE(all.truncated);
    const std::vector<std::pair<std::string, std::int64_t>> counts{{"ABOUT", 1}, {"NEXT", 1}, {"R", 2}};
    EXPECT_EQ(all.counts, counts);

    const RelationshipNetwork one = make_network(build.graph, "u", 2, 1);
    ASSERT_EQ(one.nodes.size(), 2U);
    EXPECT_EQ(one.nodes[1].node, memory("high"));
    EXPECT_EQ(one.edges.size(), 1U);
    EXPECT_TRUE(one.truncated);

    // An edge takes a step from the user's side: between two nodes at the bound it is one too many.
    const RelationshipNetwork near = make_network(build.graph, "u", 1, 10);
    EXPECT_EQ(near.nodes.size(), 3U);
    EXPECT_EQ(near.edges.size(), 2U);
    EXPECT_FALSE(near.truncated);
}

TEST(GraphNetwork, EdgesAreBoundedToo)
{
    Build build;
    build.node(topic("t"));
    for (int i = 0; i < 30; ++i)
        build.edge(user(), std::string("T").append(std::to_string(100 + i)), topic("t"));
    const RelationshipNetwork network = make_network(build.graph, "u", 2, 1);
    EXPECT_EQ(network.edges.size(), 10U);
    EXPECT_EQ(network.edges[0].relationship_type, "T100");
    EXPECT_TRUE(network.truncated);
    EXPECT_FALSE(make_network(build.graph, "u", 2, 3).truncated);
}

} // namespace
} // namespace whisperstore::graph

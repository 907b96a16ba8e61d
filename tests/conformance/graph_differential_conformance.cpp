// Every graph backend gives the rows of the first one, in the same order: on random graphs, and on recorded
// conversations (LoCoMo), which are not part of this repository.
#include "conformance/graph_conformance.hpp"
#include "support/graph_oracle.hpp"

#include <whisperstore/migration/graph_migration.hpp>
#include <whisperstore/migration/storage_migration_manager.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>
#include <sstream>

namespace whisperstore::test {
namespace {

/// Backends to compare with the first one; decorators change no rows.
std::vector<GraphBackend> others()
{
    std::vector<GraphBackend> list;
    for (const GraphBackend& backend : graph_backends())
        if (backend.name != graph_backends().front().name && backend.name.find("decorated") == std::string::npos)
            list.push_back(backend);
    return list;
}

class GraphDifference : public Graph
{
protected:
    void SetUp() override
    {
        Graph::SetUp();
        first = graph_backends().front().make(first_directory.path());
        run(first->initialize());
    }
    void TearDown() override
    {
        run(first->cleanup());
        Graph::TearDown();
    }

    void both(const std::vector<GraphNode>& nodes)
    {
        run(first->create_nodes(nodes));
        run(graph->create_nodes(nodes));
    }
    void both(const std::vector<Relationship>& edges)
    {
        run(first->create_relationships(edges));
        run(graph->create_relationships(edges));
    }

    /// Asks both; returns how many rows there were.
    std::size_t compare(const std::string& user, const std::string& words, int depth, std::int64_t limit)
    {
        const auto expected = run(first->find_connected_memories(user, words, depth, limit));
        const auto actual = memories(user, words, depth, limit);
        EXPECT_EQ(describe(actual), describe(expected));
        for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
            EXPECT_EQ(actual[i].content, expected[i].content);
            EXPECT_EQ(actual[i].properties, expected[i].properties);
        }
        return expected.size();
    }

    TestDirectory first_directory;
    std::shared_ptr<GraphDatabaseManager> first;
};

/// What two answers must have in common; the times of edges only where they were imported.
void expect_same(const RelationshipNetwork& actual, const RelationshipNetwork& expected, bool with_times)
{
    const auto node_lines = [](const RelationshipNetwork& network) {
        std::ostringstream lines;
        for (const NetworkNode& node : network.nodes)
            lines << node.depth << ' ' << node.node.text() << " '" << node.content << "'\n";
        return lines.str();
    };
    const auto edge_lines = [&](const RelationshipNetwork& network) {
        std::ostringstream lines;
        for (const NetworkEdge& edge : network.edges)
            lines << edge.from.text() << ' ' << edge.relationship_type << ' ' << edge.to.text() << ' ' << edge.strength
                  << ' ' << edge.interaction_count << ' ' << (with_times ? edge.last_interaction : "") << '\n';
        return lines.str();
    };
    EXPECT_EQ(node_lines(actual), node_lines(expected));
    EXPECT_EQ(edge_lines(actual), edge_lines(expected));
    EXPECT_EQ(actual.counts, expected.counts);
    EXPECT_EQ(actual.truncated, expected.truncated);
    for (std::size_t i = 0; i < std::min(actual.nodes.size(), expected.nodes.size()); ++i)
        EXPECT_EQ(actual.nodes[i].properties, expected.nodes[i].properties);
    for (std::size_t i = 0; i < std::min(actual.edges.size(), expected.edges.size()); ++i)
        EXPECT_EQ(actual.edges[i].properties, expected.edges[i].properties);
}

// ---- random graphs

constexpr std::size_t node_count = 200;
constexpr std::size_t edge_count = 1000;

/// A run of all tests asks a third of the questions; WHISPERSTORE_ALL_ROUNDS makes them whole, and the graphs more.
bool all_rounds() { return std::getenv("WHISPERSTORE_ALL_ROUNDS") != nullptr; }

/// 200 nodes, among them four users who own most of the others, and 1,000 edges of a few types in all directions.
class RandomGraph
{
public:
    explicit RandomGraph(std::uint32_t seed) : prefix_(std::to_string(seed) + "-"), random_(seed)
    {
        for (const char* name : {"ann", "bob", "\xF0\x9F\x98\x80", "cleo"}) {
            users.push_back(prefix_ + name);
            nodes.push_back(graph_node(NodeRef::user(users.back())));
        }
        while (nodes.size() < node_count)
            nodes.push_back(any_node(std::to_string(nodes.size())));
        while (edges.size() < edge_count) {
            // Half of them leave a few nodes, as they do where people talk about the same things.
            const NodeRef& from = nodes[pick(chance(0.5) ? 20 : nodes.size())].node;
            const NodeRef& to = nodes[pick(nodes.size())].node;
            Relationship edge = relationship(from.text(), type(), to.text());
            if (chance(0.3))
                edge.properties["strength"] = static_cast<double>(pick(11)) / 10;
            edges.push_back(std::move(edge));
        }
    }

    std::size_t pick(std::size_t below) { return random_() % below; }
    bool chance(double share) { return std::uniform_real_distribution<double>(0, 1)(random_) < share; }
    const std::string& user() { return users[pick(users.size())]; }
    std::string words()
    {
        std::string text;
        for (std::size_t i = pick(3); i > 0; --i)
            text.append(word()).append(" ");
        return text;
    }

    std::vector<std::string> users;
    std::vector<GraphNode> nodes;
    std::vector<Relationship> edges;

private:
    const std::string& word()
    {
        static const std::vector<std::string> list{"sea",
                                                   "JAZZ",
                                                   "Straße",
                                                   "rain",
                                                   "\xC3\x9C"
                                                   "bung",
                                                   "cat",
                                                   "7",
                                                   "true"};
        return list[pick(list.size())];
    }
    const std::string& type()
    {
        static const std::vector<std::string> list{"KNOWS", "REMEMBERS", "ABOUT", "A", "A_B", "AB", "EVOKED_EMOTION"};
        return list[pick(list.size())];
    }
    GraphNode any_node(const std::string& id)
    {
        const std::array kinds{NodeType::memory, NodeType::memory,  NodeType::memory, NodeType::memory,
                               NodeType::topic,  NodeType::emotion, NodeType::fact};
        // Names whose order by UTF-16 is not the one by code points.
        static const std::vector<std::string> beginnings{"", "a", "B", "\xEF\xAC\x80", "\xF0\x9F\x98\x80", "\xC3\xA9"};
        GraphNode node;
        node.node.type = kinds[pick(kinds.size())];
        node.node.id = prefix_;
        node.node.id.append(beginnings[pick(beginnings.size())]).append(id);
        node.content = word() + " " + word();
        if (chance(node.node.type == NodeType::memory ? 0.8 : 0.2))
            node.properties["user_id"] = user();
        if (chance(0.5))
            node.properties["importance"] = static_cast<double>(pick(5)) / 4;
        else if (chance(0.2))
            node.properties["importance"] = 1;
        if (chance(0.3))
            node.properties["mood"] = word();
        if (chance(0.2))
            node.properties["tags"] = json::array{word(), word()};
        if (chance(0.2))
            node.properties["number"] = static_cast<std::int64_t>(pick(100));
        return node;
    }

    const std::string prefix_;
    std::mt19937 random_;
};

INSTANTIATE_TEST_SUITE_P(Backends, GraphDifference, testing::ValuesIn(others()),
                         [](const auto& backend) { return backend.param.name; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GraphDifference);

TEST_P(GraphDifference, RandomGraphsGiveTheSameRows)
{
    const std::size_t search_count = all_rounds() ? 300 : 100;
    const std::size_t network_count = search_count / 10;
    const std::uint32_t seeds = all_rounds() ? 5 : 1;
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
        RandomGraph random(seed); // all in one store, apart by the names of their nodes
        both(random.nodes);
        both(random.edges);
        std::size_t rows = 0;
        std::size_t empty = 0;
        for (std::size_t i = 0; i < search_count && !HasFailure(); ++i) {
            const std::string& user = random.user();
            const std::string words = random.words();
            const int depth = 1 + static_cast<int>(random.pick(random.chance(0.7) ? 4 : 10));
            const std::array<std::int64_t, 5> limits{50, 50, 1000, 5, 1};
            const std::int64_t limit = limits[random.pick(limits.size())];
            SCOPED_TRACE(testing::Message() << "seed " << seed << ", call " << i << ": user " << user << ", words '"
                                            << words << "', depth " << depth << ", limit " << limit);
            const std::size_t found = compare(user, words, depth, limit);
            rows += found;
            empty += found == 0 ? 1 : 0;
        }
        for (std::size_t i = 0; i < network_count && !HasFailure(); ++i) {
            const std::string& user = random.user();
            const int depth = 1 + static_cast<int>(random.pick(4));
            const std::int64_t limit = random.chance(0.5) ? 200 : static_cast<std::int64_t>(random.pick(60));
            SCOPED_TRACE(testing::Message() << "seed " << seed << ", network " << i << ": user " << user << ", depth "
                                            << depth << ", limit " << limit);
            expect_same(network(user, depth, limit), run(first->get_user_relationship_network(user, depth, limit)),
                        false);
        }
        std::cout << GetParam().name << ", seed " << seed << ": " << search_count << " searches, " << rows << " rows, "
                  << empty << " without any, " << network_count << " networks\n";
        EXPECT_GT(rows, search_count * 3);
    }
}

TEST_P(GraphDifference, AMigratedGraphIsTheSame)
{
    RandomGraph random(99);
    run(first->create_nodes(random.nodes));
    run(first->create_relationships(random.edges));
    const auto expect_all = [&](GraphDatabaseManager& actual, GraphDatabaseManager& expected) {
        for (const std::string& user : random.users) {
            const RelationshipNetwork is = run(actual.get_user_relationship_network(user, 10, 1000));
            expect_same(is, run(expected.get_user_relationship_network(user, 10, 1000)), true);
            EXPECT_GT(is.edges.size(), 100U);
        }
    };
    // Up, and down again in a file.
    const GraphMigrationReport up = run(migrate_graph(*first, *graph));
    EXPECT_EQ(up.nodes, random.nodes.size());
    expect_all(*graph, *first);
    std::stringstream file;
    EXPECT_EQ(run(export_graph(*graph, file)), up);
    TestDirectory back_directory;
    const auto back = graph_backends().front().make(back_directory.path());
    run(back->initialize());
    EXPECT_EQ(run(import_graph(*back, file)), up);
    expect_all(*back, *first);
    run(back->cleanup());
}

// ---- recorded conversations

TEST_P(GraphDifference, LocomoGivesTheSameRows)
{
    const std::filesystem::path folder = shared_data() / "data" / "locomo";
    if (!std::filesystem::exists(folder))
        GTEST_SKIP() << folder << " is not there";
    const auto read_lines = [&](const char* name) {
        std::vector<json::object> lines;
        std::istringstream text(read_file(folder / name));
        for (std::string line; std::getline(text, line);)
            lines.push_back(parse_json_object(line, name));
        return lines;
    };
    std::vector<GraphNode> nodes;
    std::vector<Relationship> edges;
    std::map<std::string, std::set<std::string>> speakers; // of each channel
    std::map<std::string, std::string> previous;           // message of each channel
    for (const json::object& message : read_lines("messages.jsonl")) {
        const std::string id = std::to_string(message.at("message_id").as_int64());
        const std::string user(message.at("user_id").as_string());
        const std::string channel(message.at("channel_id").as_string());
        if (speakers[channel].insert(user).second) {
            json::object properties;
            properties["username"] = message.at("username");
            nodes.push_back(graph_node(NodeRef::user(user), "", properties));
        }
        json::object properties;
        properties["user_id"] = user;
        properties["channel_id"] = channel;
        properties["dia_id"] = message.at("dia_id");
        nodes.push_back(
            graph_node(NodeRef::memory(id), std::string(message.at("content").as_string()), std::move(properties)));
        edges.push_back(relationship("user:" + user, "REMEMBERS", "memory:" + id));
        std::string& before = previous[channel];
        if (!before.empty())
            edges.push_back(relationship("memory:" + id, "REPLIES_TO", "memory:" + before));
        before = id;
    }
    ASSERT_EQ(nodes.size(), 4124U + 14U);
    ASSERT_EQ(edges.size(), 4124U + 4124U - 7U);
    both(nodes);
    both(edges);

    const std::vector<json::object> questions = read_lines("questions.jsonl");
    constexpr std::size_t asked = 200;
    std::size_t rows = 0;
    const auto begun = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < asked && !HasFailure(); ++i) {
        const json::object& question = questions.at(i * questions.size() / asked);
        const std::set<std::string>& users = speakers.at(std::string(question.at("channel_id").as_string()));
        const std::string user = i % 4 < 2 ? *users.begin() : *users.rbegin();
        const std::string words(question.at("question").as_string());
        SCOPED_TRACE(words);
        if (i % 2 == 0 || all_rounds()) // many rows by any of the words, few by one
            rows += compare(user, words, 3, i % 3 == 0 ? 1000 : 50);
        if (i % 2 == 1 || all_rounds())
            rows += compare(user, words.substr(words.rfind(' ') + 1), 3, 50);
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    std::cout << GetParam().name << ": " << asked << " questions, " << rows << " rows in both, " << taken.count()
              << " s\n";
    EXPECT_GT(rows, asked);

    // Moved here and back it is the same, to the hash.
    TestDirectory there_directory;
    TestDirectory back_directory;
    const auto there_place = GetParam().place ? GetParam().place(there_directory.path()) : nullptr;
    const auto there = GetParam().make(there_directory.path());
    const auto back = graph_backends().front().make(back_directory.path());
    run(there->initialize());
    run(back->initialize());
    StorageMigrationManager manager;
    const MigrationReport up = run(manager.migrate_graph(*first, *there));
    const MigrationReport down = run(manager.migrate_graph(*there, *back));
    EXPECT_TRUE(up.verified && down.verified);
    EXPECT_EQ(up.rows(), nodes.size() + edges.size());
    EXPECT_EQ(down.items, up.items);
    std::cout << "moved there in " << up.seconds << " s, back in " << down.seconds << " s\n";
    run(there->cleanup());
    run(back->cleanup());
}

} // namespace
} // namespace whisperstore::test

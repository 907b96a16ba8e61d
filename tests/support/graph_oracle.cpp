#include "support/graph_oracle.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace whisperstore::test {

namespace {

std::size_t pick(std::mt19937& random, std::size_t count) { return random() % count; }

std::string lower(std::string text)
{
    for (char& c : text)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return text;
}

bool contains_one(const std::string& text, const std::vector<std::string>& words)
{
    return std::any_of(words.begin(), words.end(),
                       [&](const std::string& word) { return lower(text).find(word) != std::string::npos; });
}

bool matches(const PlainGraph::Node& node, const std::vector<std::string>& words, bool on_the_way)
{
    const bool named = node.ref.type == NodeType::topic || node.ref.type == NodeType::emotion;
    if (contains_one(node.content, words) || (on_the_way && named && contains_one(node.ref.id, words)))
        return true;
    for (const auto& [key, value] : node.properties)
        if (key != "user_id" && value.is_string() && contains_one(std::string(value.get_string()), words))
            return true;
    return false;
}

/// Depth, types and nodes: paths compare as the interface orders them.
using Path = std::tuple<std::size_t, std::vector<std::string>, std::vector<NodeRef>>;

class Walk
{
public:
    Walk(const PlainGraph& graph, std::string user_id, int max_depth)
        : graph_(graph), user_(std::move(user_id)), max_depth_(max_depth)
    {
        for (const PlainGraph::Node& node : graph.nodes)
            nodes_[node.ref] = &node;
        go(NodeRef::user(user_));
    }

    std::map<NodeRef, Path> best;
    const PlainGraph::Node& node(const NodeRef& ref) const { return *nodes_.at(ref); }

private:
    bool visible(const NodeRef& ref) const
    {
        const PlainGraph::Node& node = *nodes_.at(ref);
        if (ref.type == NodeType::user)
            return true;
        return node.owner ? *node.owner == user_ : ref.type != NodeType::memory;
    }

    void go(const NodeRef& at)
    {
        if (types_.size() == static_cast<std::size_t>(max_depth_))
            return;
        for (const PlainGraph::Edge& edge : graph_.edges) {
            for (const auto& [here, there] : {std::pair(edge.from, edge.to), std::pair(edge.to, edge.from)}) {
                if (here != at || there == NodeRef::user(user_) || !visible(there) ||
                    std::find(path_.begin(), path_.end(), there) != path_.end())
                    continue;
                types_.push_back(edge.type);
                path_.push_back(there);
                const Path path(types_.size(), types_, path_);
                const auto [known, added] = best.emplace(there, path);
                if (!added && path < known->second)
                    known->second = path;
                go(there);
                types_.pop_back();
                path_.pop_back();
            }
        }
    }

    const PlainGraph& graph_;
    const std::string user_;
    const int max_depth_;
    std::map<NodeRef, const PlainGraph::Node*> nodes_;
    std::vector<std::string> types_;
    std::vector<NodeRef> path_;
};

} // namespace

PlainGraph random_graph(std::mt19937& random)
{
    const std::vector<std::string> words{"Sea", "jazz", "RAIN", "old", "cat"};
    const std::vector<std::string> types{"A", "AB", "B", "B_1", "C"};
    const std::vector<std::string> users{"ann", "bob"};
    PlainGraph graph;
    const auto text = [&] { return words[pick(random, words.size())] + " " + words[pick(random, words.size())]; };
    for (const std::string& user : users)
        graph.nodes.push_back(PlainGraph::Node{NodeRef::user(user), "", {}, user});
    const std::size_t count = 4 + pick(random, 8);
    for (std::size_t i = 0; i < count; ++i) {
        PlainGraph::Node node;
        const std::array kinds{NodeType::memory, NodeType::memory,  NodeType::memory,
                               NodeType::topic,  NodeType::emotion, NodeType::fact};
        node.ref.type = kinds[pick(random, kinds.size())];
        node.ref.id = std::string("n").append(std::to_string(i));
        if (node.ref.type == NodeType::topic || node.ref.type == NodeType::emotion)
            node.ref.id.append("-").append(words[pick(random, words.size())]);
        node.content = pick(random, 3) == 0 ? "" : text();
        const std::size_t owner = pick(random, node.ref.type == NodeType::memory ? 6 : 10);
        if (owner < 5)
            node.owner = users[owner < 4 ? 0 : 1];
        if (node.owner)
            node.properties["user_id"] = *node.owner;
        if (node.ref.type == NodeType::memory && pick(random, 2) == 0)
            node.properties["importance"] = static_cast<double>(pick(random, 4)) / 4;
        if (pick(random, 3) == 0)
            node.properties["note"] = text();
        graph.nodes.push_back(std::move(node));
    }
    const std::size_t edges = count + pick(random, count + 4);
    for (std::size_t i = 0; i < edges; ++i) {
        PlainGraph::Edge edge;
        // A third begins at a user, so that much can be reached.
        edge.from = graph.nodes[pick(random, pick(random, 3) == 0 ? users.size() : graph.nodes.size())].ref;
        edge.to = graph.nodes[pick(random, graph.nodes.size())].ref;
        edge.type = types[pick(random, types.size())];
        // The first edge from a user gives a memory without an owner its owner.
        if (edge.from.type == NodeType::user && edge.to.type == NodeType::memory)
            for (PlainGraph::Node& node : graph.nodes)
                if (node.ref == edge.to && !node.owner)
                    node.owner = edge.from.id;
        graph.edges.push_back(std::move(edge));
    }
    return graph;
}

std::vector<ConnectedMemory> naive_memories(const PlainGraph& graph, const std::string& user_id,
                                            const std::vector<std::string>& lower_case_words, int max_depth,
                                            std::int64_t limit)
{
    const Walk walk(graph, user_id, max_depth);
    std::vector<ConnectedMemory> found;
    for (const auto& [ref, path] : walk.best) {
        if (ref.type != NodeType::memory)
            continue;
        const auto& [length, types, nodes] = path;
        bool keep = lower_case_words.empty();
        for (const NodeRef& node : nodes)
            keep = keep || matches(walk.node(node), lower_case_words, node != ref);
        if (!keep)
            continue;
        const PlainGraph::Node& node = walk.node(ref);
        ConnectedMemory memory;
        memory.memory_id = ref.id;
        memory.content = node.content;
        memory.properties = node.properties;
        memory.depth = static_cast<int>(length);
        memory.relationship_types = types;
        if (const json::value* importance = node.properties.if_contains("importance"))
            memory.importance = importance->to_number<double>();
        found.push_back(std::move(memory));
    }
    std::sort(found.begin(), found.end(), [](const ConnectedMemory& a, const ConnectedMemory& b) {
        return std::tuple(a.depth, -a.importance, a.memory_id) < std::tuple(b.depth, -b.importance, b.memory_id);
    });
    if (static_cast<std::int64_t>(found.size()) > limit)
        found.resize(static_cast<std::size_t>(limit));
    return found;
}

std::string describe(const std::vector<ConnectedMemory>& memories)
{
    std::string out;
    for (const ConnectedMemory& memory : memories) {
        json::object properties;
        std::map<std::string, json::value> sorted;
        for (const auto& [key, value] : memory.properties)
            sorted.emplace(key, value);
        for (const auto& [key, value] : sorted)
            properties[key] = value;
        out += memory.memory_id + " depth " + std::to_string(memory.depth) + " importance " +
               std::to_string(memory.importance) + " by";
        for (const std::string& type : memory.relationship_types)
            out.append(" ").append(type);
        out += " '" + memory.content + "' " + json::serialize(properties) + "\n";
    }
    return out;
}

} // namespace whisperstore::test

#include "graph/graph_search.hpp"

#include "core/text.hpp"
#include "graph/graph_check.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <tuple>

namespace whisperstore::graph {

namespace {

// Edges of a network for each node it may have.
constexpr std::size_t edges_per_node = 10;

std::size_t user_of(const Neighbourhood& graph, const std::string& user_id)
{
    const std::size_t user = graph.find(NodeRef::user(user_id));
    if (user == Neighbourhood::none)
        throw StorageError(StorageErrc::not_found,
                           "there is no node " + NodeRef::user(user_id).text() + "; create it with create_user_node()");
    return user;
}

json::object parsed(const StoredProperties& properties, const std::string& what)
{
    if (const auto* object = std::get_if<json::object>(&properties))
        return *object;
    return stored_properties(std::get<std::string>(properties), what);
}

json::object properties_of(const NodeRecord& node) { return parsed(node.properties, node.ref.text()); }

/// Whether a node between the user and a memory has one of the words; asked at most once of each node.
class PathMatches
{
public:
    PathMatches(const Neighbourhood& graph, const ShortestPaths& paths, const ContextWords& words)
        : graph_(graph), paths_(paths), words_(words), known_(graph.nodes().size())
    {
    }

    bool before(std::size_t node)
    {
        const std::size_t previous = paths_.previous(node);
        // The user at the start is on every path and so tells none from another.
        if (previous == Neighbourhood::none || paths_.depth(previous) == 0)
            return false;
        std::optional<bool>& known = known_[previous];
        if (!known)
            known = words_.on_path(graph_.nodes()[previous]) || before(previous);
        return *known;
    }

private:
    const Neighbourhood& graph_;
    const ShortestPaths& paths_;
    const ContextWords& words_;
    std::vector<std::optional<bool>> known_;
};

} // namespace

ContextWords::ContextWords(std::string_view context)
{
    text::check(context, "the context");
    words_ = text::folded_words(context);
}

bool ContextWords::in_text(std::string_view text) const
{
    if (text.empty())
        return false;
    const std::string folded = text::fold_case(text);
    return std::any_of(words_.begin(), words_.end(),
                       [&](const std::string& word) { return folded.find(word) != std::string::npos; });
}

bool ContextWords::in_value(const json::value& value) const
{
    switch (value.kind()) {
    case json::kind::string:
        return in_text(value.get_string());
    case json::kind::bool_:
        return in_text(value.get_bool() ? "true" : "false");
    case json::kind::int64:
        return in_text(std::to_string(value.get_int64()));
    case json::kind::double_: {
        std::array<char, 32> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value.get_double());
        return in_text(std::string_view(digits.data(), end.ptr));
    }
    case json::kind::array: {
        const json::array& list = value.get_array();
        return std::any_of(list.begin(), list.end(), [this](const json::value& item) { return in_value(item); });
    }
    default:
        return false;
    }
}

bool ContextWords::in_node(const NodeRecord& node) const
{
    if (in_text(node.content))
        return true;
    const auto in_properties = [this](const json::object& properties) {
        return std::any_of(properties.begin(), properties.end(),
                           [this](const auto& entry) { return entry.key() != "user_id" && in_value(entry.value()); });
    };
    if (const auto* object = std::get_if<json::object>(&node.properties))
        return in_properties(*object);
    return in_properties(properties_of(node));
}

bool ContextWords::on_path(const NodeRecord& node) const
{
    const bool named = node.ref.type == NodeType::topic || node.ref.type == NodeType::emotion;
    return (named && in_text(node.ref.id)) || in_node(node);
}

ConnectedMemory connected_memory(const NodeRecord& node)
{
    ConnectedMemory memory;
    memory.memory_id = node.ref.id;
    memory.content = node.content;
    memory.properties = properties_of(node);
    memory.importance = node.importance;
    return memory;
}

std::int64_t direct_memories_to_read(const ContextWords& words, std::int64_t limit)
{
    return words.empty() ? limit : limit * 10;
}

std::vector<ConnectedMemory> direct_memories(const std::vector<DirectMemory>& memories, const ContextWords& words,
                                             std::int64_t limit)
{
    std::vector<ConnectedMemory> found;
    for (const DirectMemory& memory : memories) {
        if (static_cast<std::int64_t>(found.size()) == limit)
            break;
        if (!words.empty() && !words.in_node(memory.node))
            continue;
        found.push_back(connected_memory(memory.node));
        found.back().depth = 1;
        found.back().relationship_types.push_back(memory.relationship_type);
    }
    return found;
}

std::vector<ConnectedMemory> find_memories(const Neighbourhood& graph, const std::string& user_id,
                                           const ContextWords& words, int max_depth, std::int64_t limit)
{
    const ShortestPaths paths(graph, user_of(graph, user_id), max_depth);
    const std::vector<NodeRecord>& nodes = graph.nodes();
    std::vector<std::size_t> candidates;
    for (const std::size_t node : paths.reached())
        if (nodes[node].ref.type == NodeType::memory)
            candidates.push_back(node);
    std::sort(candidates.begin(), candidates.end(), [&](std::size_t a, std::size_t b) {
        return std::tuple(paths.depth(a), -nodes[a].importance, std::string_view(nodes[a].ref.id)) <
               std::tuple(paths.depth(b), -nodes[b].importance, std::string_view(nodes[b].ref.id));
    });

    // In the order of the answer, so that nothing is looked at once there is enough.
    PathMatches matches(graph, paths, words);
    std::vector<ConnectedMemory> found;
    for (const std::size_t index : candidates) {
        if (static_cast<std::int64_t>(found.size()) >= limit)
            break;
        const NodeRecord& node = nodes[index];
        if (!words.empty() && !matches.before(index) && !words.in_node(node))
            continue;
        found.push_back(connected_memory(node));
        found.back().depth = paths.depth(index);
        found.back().relationship_types = paths.types(index);
    }
    return found;
}

RelationshipNetwork make_network(const Neighbourhood& graph, const std::string& user_id, int max_depth,
                                 std::int64_t limit)
{
    const std::size_t user = user_of(graph, user_id);
    const ShortestPaths paths(graph, user, max_depth);
    const std::vector<NodeRecord>& nodes = graph.nodes();
    RelationshipNetwork network;
    network.user_id = user_id;

    // Chosen like memories, so that of too many the near and important ones stay; the user always does.
    std::vector<std::size_t> chosen = paths.reached();
    std::sort(chosen.begin() + 1, chosen.end(), [&](std::size_t a, std::size_t b) {
        return std::tuple(paths.depth(a), -nodes[a].importance, std::tie(nodes[a].ref)) <
               std::tuple(paths.depth(b), -nodes[b].importance, std::tie(nodes[b].ref));
    });
    if (const auto most = static_cast<std::size_t>(limit) + 1; chosen.size() > most) {
        chosen.resize(most);
        network.truncated = true;
    }
    std::sort(chosen.begin(), chosen.end(), [&](std::size_t a, std::size_t b) {
        return std::tuple(paths.depth(a), std::tie(nodes[a].ref)) < std::tuple(paths.depth(b), std::tie(nodes[b].ref));
    });
    std::vector<bool> is_chosen(nodes.size(), false);
    for (const std::size_t index : chosen) {
        is_chosen[index] = true;
        NetworkNode node;
        node.node = nodes[index].ref;
        node.content = nodes[index].content;
        node.properties = properties_of(nodes[index]);
        node.depth = paths.depth(index);
        network.nodes.push_back(std::move(node));
    }

    std::vector<const EdgeRecord*> edges;
    for (const EdgeRecord& edge : graph.edges())
        if (is_chosen[edge.from] && is_chosen[edge.to] &&
            std::min(paths.depth(edge.from), paths.depth(edge.to)) < max_depth)
            edges.push_back(&edge);
    std::sort(edges.begin(), edges.end(), [&](const EdgeRecord* a, const EdgeRecord* b) {
        return std::tie(nodes[a->from].ref, a->type, nodes[a->to].ref) <
               std::tie(nodes[b->from].ref, b->type, nodes[b->to].ref);
    });
    if (const std::size_t most = edges_per_node * static_cast<std::size_t>(limit); edges.size() > most) {
        edges.resize(most);
        network.truncated = true;
    }
    std::map<std::string, std::int64_t> counts;
    for (const EdgeRecord* record : edges) {
        NetworkEdge edge;
        edge.from = nodes[record->from].ref;
        edge.to = nodes[record->to].ref;
        edge.relationship_type = record->type;
        edge.strength = record->strength;
        edge.interaction_count = record->interaction_count;
        edge.last_interaction = record->last_interaction;
        edge.properties = parsed(record->properties,
                                 "the relationship " + edge.from.text() + " -" + record->type + "-> " + edge.to.text());
        ++counts[record->type];
        network.edges.push_back(std::move(edge));
    }
    network.counts.assign(counts.begin(), counts.end());
    return network;
}

} // namespace whisperstore::graph

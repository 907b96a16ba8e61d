#include <whisperstore/graph/graph_database_manager.hpp>

#include <array>

namespace whisperstore {

namespace {

constexpr std::array node_types{NodeType::user, NodeType::memory, NodeType::topic, NodeType::emotion, NodeType::fact};

/// Properties as they leave the process: integers beyond 2^53 as strings.
json::value outward(const json::value& value)
{
    if (value.is_int64())
        return json_integer(value.get_int64());
    if (const json::array* list = value.if_array()) {
        json::array out;
        out.reserve(list->size());
        for (const json::value& item : *list)
            out.push_back(outward(item));
        return out;
    }
    return value;
}

json::object outward(const json::object& properties)
{
    json::object out;
    for (const auto& [key, value] : properties)
        out[key] = outward(value);
    return out;
}

json::object node_json(const NetworkNode& node)
{
    json::object out;
    out["node"] = node.node.text();
    out["type"] = to_string(node.node.type);
    out["id"] = node.node.id;
    out["content"] = node.content;
    out["properties"] = outward(node.properties);
    out["depth"] = node.depth;
    return out;
}

json::object edge_json(const NetworkEdge& edge)
{
    json::object out;
    out["from"] = edge.from.text();
    out["to"] = edge.to.text();
    out["relationship_type"] = edge.relationship_type;
    out["strength"] = edge.strength;
    out["interaction_count"] = json_integer(edge.interaction_count);
    out["last_interaction"] = edge.last_interaction;
    out["properties"] = outward(edge.properties);
    return out;
}

} // namespace

std::string_view to_string(NodeType type) noexcept
{
    switch (type) {
    case NodeType::user:
        return "user";
    case NodeType::memory:
        return "memory";
    case NodeType::topic:
        return "topic";
    case NodeType::emotion:
        return "emotion";
    case NodeType::fact:
        return "fact";
    }
    return "unknown";
}

std::optional<NodeRef> NodeRef::try_parse(std::string_view text)
{
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    for (const NodeType type : node_types)
        if (text.substr(0, colon) == to_string(type))
            return NodeRef{type, std::string(text.substr(colon + 1))};
    return std::nullopt;
}

std::string NodeRef::text() const { return std::string(to_string(type)) + ":" + id; }

json::object ConnectedMemory::to_json() const
{
    json::object out;
    out["memory_id"] = memory_id;
    out["content"] = content;
    out["properties"] = outward(properties);
    out["depth"] = depth;
    json::array types;
    for (const std::string& type : relationship_types)
        types.emplace_back(type);
    out["relationship_types"] = std::move(types);
    out["importance"] = importance;
    return out;
}

json::object RelationshipNetwork::to_json() const
{
    json::object out;
    out["user_id"] = user_id;
    json::array all_nodes;
    for (const NetworkNode& node : nodes)
        all_nodes.push_back(node_json(node));
    out["nodes"] = std::move(all_nodes);
    json::array all_edges;
    for (const NetworkEdge& edge : edges)
        all_edges.push_back(edge_json(edge));
    out["edges"] = std::move(all_edges);
    json::object by_type;
    for (const auto& [type, count] : counts)
        by_type[type] = json_integer(count);
    out["counts"] = std::move(by_type);
    out["truncated"] = truncated;
    return out;
}

} // namespace whisperstore

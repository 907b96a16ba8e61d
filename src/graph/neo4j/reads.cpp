#include "graph/neo4j/reads.hpp"

#include "graph/graph_check.hpp"

#include <utility>

namespace whisperstore::graph::neo4j {

namespace {

NodeRecord node_record(const bolt::Map& properties, const Keys& keys)
{
    NodeRecord node;
    node.ref = keys.node(own_text(properties, "_key"));
    node.content = own_text(properties, "_content");
    json::object callers = callers_properties(properties, node.ref.text());
    node.importance = importance_of(node.ref.type, callers);
    node.properties = std::move(callers);
    return node;
}

NetworkEdge network_edge(NodeRef from, std::string type, NodeRef to, const bolt::Map& properties)
{
    NetworkEdge edge;
    edge.from = std::move(from);
    edge.relationship_type = std::move(type);
    edge.to = std::move(to);
    edge.properties = callers_properties(properties, "a relationship of " + edge.from.text());
    edge.strength = strength_of(edge.properties);
    if (const bolt::Value* count = own(properties, "_count"))
        edge.interaction_count = count->as_int();
    edge.last_interaction = own_text(properties, "_last");
    return edge;
}

struct ReadEdge
{
    NodeRef from;
    NodeRef to;
    EdgeRecord record;
};

/// [whether it leaves the node, type, key of the other end, properties]
ReadEdge read_edge(const NodeRef& node, const bolt::List& parts, const Keys& keys)
{
    constexpr std::size_t details = 3;
    NodeRef other = keys.node(parts.at(2).as_string());
    ReadEdge edge;
    edge.record.type = parts.at(1).as_string();
    if (parts.size() > details) {
        NetworkEdge detailed = network_edge(node, std::string(), NodeRef(), parts.at(details).as_map());
        edge.record.strength = detailed.strength;
        edge.record.interaction_count = detailed.interaction_count;
        edge.record.last_interaction = std::move(detailed.last_interaction);
        edge.record.properties = std::move(detailed.properties);
    }
    const bool leaves = parts.at(0).as_bool();
    edge.from = leaves ? node : other;
    edge.to = leaves ? std::move(other) : node;
    return edge;
}

} // namespace

std::vector<DirectMemory> read_direct_memories(const std::vector<bolt::Record>& rows, const Keys& keys)
{
    std::vector<DirectMemory> memories;
    memories.reserve(rows.size());
    for (const bolt::Record& row : rows)
        memories.push_back(DirectMemory{node_record(row.get(0).as_map(), keys), row.get(1).as_string()});
    return memories;
}

Neighbourhood read_neighbourhood(std::vector<bolt::Record> rows, const Keys& keys)
{
    Neighbourhood graph;
    std::vector<ReadEdge> edges;
    for (bolt::Record& row : rows) {
        NodeRecord node = node_record(row.get(0).as_map(), keys);
        for (const bolt::Value& edge : row.get(1).as_list())
            edges.push_back(read_edge(node.ref, edge.as_list(), keys));
        graph.add(std::move(node));
        row = bolt::Record();
    }
    for (ReadEdge& edge : edges)
        graph.add(edge.from, edge.to, std::move(edge.record));
    return graph;
}

std::vector<GraphNode> read_exported_nodes(const std::vector<bolt::Record>& rows, const Keys& keys)
{
    std::vector<GraphNode> nodes;
    nodes.reserve(rows.size());
    for (const bolt::Record& row : rows) {
        NodeRecord record = node_record(row.get(0).as_map(), keys);
        GraphNode node;
        node.node = std::move(record.ref);
        node.content = std::move(record.content);
        node.properties = std::get<json::object>(std::move(record.properties));
        nodes.push_back(std::move(node));
    }
    return nodes;
}

std::vector<NetworkEdge> read_exported_edges(const std::vector<bolt::Record>& rows, const Keys& keys, bool leaving)
{
    std::vector<NetworkEdge> edges;
    for (const bolt::Record& row : rows) {
        const NodeRef node = keys.node(row.get(0).as_string());
        for (const bolt::Value& item : row.get(1).as_list()) {
            const bolt::List& parts = item.as_list();
            NodeRef other = keys.node(parts.at(0).as_string());
            edges.push_back(leaving
                                ? network_edge(node, parts.at(1).as_string(), std::move(other), parts.at(2).as_map())
                                : network_edge(std::move(other), parts.at(1).as_string(), node, parts.at(2).as_map()));
        }
    }
    return edges;
}

} // namespace whisperstore::graph::neo4j

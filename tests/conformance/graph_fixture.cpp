#include "conformance/graph_conformance.hpp"

namespace whisperstore::test {

GraphNode graph_node(NodeRef ref, std::string content, json::object properties)
{
    GraphNode node;
    node.node = std::move(ref);
    node.content = std::move(content);
    node.properties = std::move(properties);
    return node;
}

Relationship relationship(std::string from, std::string type, std::string to, json::object properties)
{
    Relationship out;
    out.from_node = std::move(from);
    out.to_node = std::move(to);
    out.relationship_type = std::move(type);
    out.properties = std::move(properties);
    return out;
}

json::object object(const std::string& text) { return parse_json_object(text, "test"); }

void Graph::SetUp()
{
    if (GetParam().place)
        place = GetParam().place(directory.path());
    graph = GetParam().make(directory.path());
    run(graph->initialize());
}

void Graph::TearDown() { run(graph->cleanup()); }

void Graph::add_user(const std::string& id, json::object properties)
{
    run(graph->create_user_node(id, std::move(properties)));
}

void Graph::add_memory(const std::string& id, const std::string& owner, const std::string& content,
                       json::object properties)
{
    if (!owner.empty())
        properties["user_id"] = owner;
    run(graph->create_memory_node(id, content, std::move(properties)));
}

void Graph::add_node(NodeRef node, const std::string& content, json::object properties)
{
    run(graph->create_node(std::move(node), content, std::move(properties)));
}

void Graph::connect(const std::string& from, const std::string& type, const std::string& to, json::object properties)
{
    run(graph->create_relationship(from, to, type, std::move(properties)));
}

std::vector<ConnectedMemory> Graph::memories(const std::string& user, const std::string& words, int depth,
                                             std::int64_t limit)
{
    return run(graph->find_connected_memories(user, words, depth, limit));
}

std::vector<std::string> Graph::found(const std::string& user, const std::string& words, int depth, std::int64_t limit)
{
    std::vector<std::string> ids;
    for (const ConnectedMemory& memory : memories(user, words, depth, limit))
        ids.push_back(memory.memory_id);
    return ids;
}

RelationshipNetwork Graph::network(const std::string& user, int depth, std::int64_t limit)
{
    return run(graph->get_user_relationship_network(user, depth, limit));
}

NetworkNode Graph::node(const std::string& user, const NodeRef& ref)
{
    for (NetworkNode& node : network(user, 10, 1000).nodes)
        if (node.node == ref)
            return std::move(node);
    ADD_FAILURE() << "no node " << ref.text();
    return NetworkNode();
}

NetworkEdge Graph::edge(const std::string& user, const NodeRef& from, const std::string& type, const NodeRef& to)
{
    for (NetworkEdge& edge : network(user, 10, 1000).edges)
        if (edge.from == from && edge.relationship_type == type && edge.to == to)
            return std::move(edge);
    ADD_FAILURE() << "no edge " << from.text() << " " << type << " " << to.text();
    return NetworkEdge();
}

} // namespace whisperstore::test

#include "crash/writer.hpp"

#include <whisperstore/graph/graph_database_manager.hpp>

namespace whisperstore::test {

namespace {

json::object properties_of(const std::string& key, std::int64_t version)
{
    json::object properties;
    properties["version"] = version;
    properties["text"] = content_of(key, version);
    return properties;
}

/// A part of the graph that one actor has for itself: a user, memories in a row, topics.
class Part
{
public:
    Part(GraphDatabaseManager& graph, Actor actor) : graph_(graph), actor_(std::move(actor)) {}

    awaitable<void> write()
    {
        // Memories need their owner.
        const Change owner{user(), actor_.next_version()};
        GraphNode made = node(owner);
        co_await actor_.tell(std::vector<Change>(1, owner), graph_.create_user_node(made.node.id, made.properties));
        while (true) {
            const std::uint64_t memory = 1 + actor_.below(30);
            const std::uint64_t choice = actor_.below(10);
            if (choice < 2)
                co_await update_memory(memory);
            else if (choice < 4)
                co_await delete_memory(memory);
            else
                co_await remember(memory);
        }
    }

private:
    std::string user() const { return "user:" + actor_.name("u", 0); }
    std::string memory(std::uint64_t index) const { return "memory:" + actor_.name("m", index); }
    std::string topic(std::uint64_t index) const { return "topic:" + actor_.name("t", index % 3); }

    GraphNode node(const Change& change) const
    {
        const NodeRef ref = NodeRef::try_parse(change.key).value();
        GraphNode out{ref, content_of(change.key, change.version), properties_of(change.key, change.version)};
        if (ref.type != NodeType::user)
            out.properties["user_id"] = actor_.name("u", 0);
        return out;
    }

    /// The memory and what it is connected with.
    std::vector<Change> nodes_of(std::uint64_t index, std::int64_t version) const
    {
        std::vector<Change> changes;
        for (const std::string& key : {user(), topic(index), memory(index - 1), memory(index)})
            changes.push_back(Change{key, version});
        return changes;
    }
    std::vector<Relationship> edges_of(std::uint64_t index) const
    {
        std::vector<Relationship> edges;
        const auto relate = [&](const std::string& from, const std::string& type, const std::string& to) {
            edges.emplace_back();
            edges.back().from_node = from;
            edges.back().to_node = to;
            edges.back().relationship_type = type;
        };
        relate(user(), "REMEMBERS", memory(index));
        relate(memory(index), "ABOUT", topic(index));
        relate(memory(index), "FOLLOWS", memory(index - 1));
        return edges;
    }
    static std::string key_of(const Relationship& edge)
    {
        return "edge/" + edge.from_node + "/" + edge.relationship_type + "/" + edge.to_node;
    }

    awaitable<void> remember(std::uint64_t index)
    {
        const std::int64_t version = actor_.next_version();
        const std::vector<Change> nodes = nodes_of(index, version);
        std::vector<GraphNode> made;
        for (const Change& change : nodes)
            made.push_back(node(change));
        co_await actor_.tell(nodes, graph_.create_nodes(std::move(made)));

        std::vector<Change> changes;
        std::vector<Relationship> edges = edges_of(index);
        for (Relationship& edge : edges) {
            changes.push_back(Change{key_of(edge), version});
            edge.properties = properties_of(changes.back().key, version);
        }
        co_await actor_.tell(std::move(changes), graph_.create_relationships(std::move(edges)));
    }

    awaitable<void> update_memory(std::uint64_t index)
    {
        const Change change{memory(index), actor_.next_version()};
        GraphNode made = node(change);
        co_await actor_.tell(std::vector<Change>(1, change),
                             graph_.create_memory_node(made.node.id, made.content, made.properties));
    }

    /// Takes every edge along that may touch it.
    awaitable<void> delete_memory(std::uint64_t index)
    {
        std::vector<Change> changes(1, Change{memory(index), 0});
        for (const Relationship& edge : edges_of(index))
            changes.push_back(Change{key_of(edge), 0});
        changes.push_back(Change{key_of(edges_of(index + 1).back()), 0});
        co_await actor_.tell(std::move(changes), removed(NodeRef::memory(actor_.name("m", index))));
    }
    awaitable<void> removed(NodeRef ref) { co_await graph_.delete_node(std::move(ref)); }

    GraphDatabaseManager& graph_;
    Actor actor_;
};

} // namespace

awaitable<void> write_graph(GraphDatabaseManager& graph, Actor actor)
{
    Part part(graph, std::move(actor));
    co_await part.write();
}

} // namespace whisperstore::test

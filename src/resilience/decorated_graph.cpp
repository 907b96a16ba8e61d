#include "resilience/decorate_store.hpp"

#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/resilience/decorate.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

using Graph = GraphDatabaseManager;

constexpr auto operations = numbered(std::array{
    Operation{"initialize", 0, Repeatable::yes, opening},
    Operation{"cleanup", 0, Repeatable::no, observed},
    // Nodes are merged, which twice is the same as once.
    Operation{"create_user_node", 0, Repeatable::yes, every_layer},
    Operation{"create_memory_node", 0, Repeatable::yes, every_layer},
    Operation{"create_node", 0, Repeatable::yes, every_layer},
    Operation{"create_nodes", 0, Repeatable::yes, every_layer},
    // Relationships count their interactions.
    Operation{"create_relationship", 0, Repeatable::no, every_layer},
    Operation{"create_relationships", 0, Repeatable::depends, every_layer}, // on keep_existing
    Operation{"find_connected_memories", 0, Repeatable::yes, every_layer},
    Operation{"get_user_relationship_network", 0, Repeatable::yes, every_layer},
    Operation{"delete_node", 0, Repeatable::no, every_layer}, // tells whether it was there
    Operation{"export_part", 0, Repeatable::yes, every_layer},
    Operation{"import_part", 0, Repeatable::yes, every_layer}, // sets what create_relationships() would count
    Operation{"clear", 0, Repeatable::no, without_time_limits},
    Operation{"ping", 0, Repeatable::yes, every_layer},
});

consteval const Operation& operation(std::string_view name) { return operations[place_of(operations, name)]; }

bool all_keep_existing(const std::vector<Relationship>& relationships)
{
    return std::ranges::all_of(relationships, &Relationship::keep_existing);
}

class DecoratedGraph final : public DecoratedStore<Graph>
{
public:
    static constexpr std::string_view layer = "graph_database";
    static std::span<const Operation> operation_table() noexcept { return operations; }

    using DecoratedStore::DecoratedStore;

    awaitable<void> initialize(OperationContext context) override
    {
        return call<&Graph::initialize>(operation("initialize"), std::move(context));
    }
    awaitable<void> cleanup() override { return call<&Graph::cleanup>(operation("cleanup"), OperationContext()); }

    awaitable<void> create_user_node(std::string user_id, json::object properties, OperationContext context) override
    {
        return call<&Graph::create_user_node>(operation("create_user_node"), std::move(context), std::move(user_id),
                                              std::move(properties));
    }
    awaitable<void> create_memory_node(std::string memory_id, std::string content, json::object properties,
                                       OperationContext context) override
    {
        return call<&Graph::create_memory_node>(operation("create_memory_node"), std::move(context),
                                                std::move(memory_id), std::move(content), std::move(properties));
    }
    awaitable<void> create_node(NodeRef node, std::string content, json::object properties,
                                OperationContext context) override
    {
        return call<&Graph::create_node>(operation("create_node"), std::move(context), std::move(node),
                                         std::move(content), std::move(properties));
    }
    awaitable<void> create_nodes(std::vector<GraphNode> nodes, OperationContext context) override
    {
        return call<&Graph::create_nodes>(operation("create_nodes"), std::move(context), std::move(nodes));
    }
    awaitable<void> create_relationship(std::string from_node, std::string to_node, std::string relationship_type,
                                        json::object properties, OperationContext context) override
    {
        return call<&Graph::create_relationship>(operation("create_relationship"), std::move(context),
                                                 std::move(from_node), std::move(to_node), std::move(relationship_type),
                                                 std::move(properties));
    }
    awaitable<void> create_relationships(std::vector<Relationship> relationships, OperationContext context) override
    {
        return call_when<&Graph::create_relationships>(operation("create_relationships"), all_keep_existing,
                                                       std::move(context), std::move(relationships));
    }

    awaitable<std::vector<ConnectedMemory>> find_connected_memories(std::string user_id, std::string context_words,
                                                                    int max_depth, std::int64_t limit,
                                                                    OperationContext context) override
    {
        return call<&Graph::find_connected_memories>(operation("find_connected_memories"), std::move(context),
                                                     std::move(user_id), std::move(context_words), max_depth, limit);
    }
    awaitable<RelationshipNetwork> get_user_relationship_network(std::string user_id, int max_depth, std::int64_t limit,
                                                                 OperationContext context) override
    {
        return call<&Graph::get_user_relationship_network>(operation("get_user_relationship_network"),
                                                           std::move(context), std::move(user_id), max_depth, limit);
    }
    awaitable<bool> delete_node(NodeRef node, OperationContext context) override
    {
        return call<&Graph::delete_node>(operation("delete_node"), std::move(context), std::move(node));
    }
    awaitable<GraphPart> export_part(std::string from, std::int64_t limit, OperationContext context) override
    {
        return call<&Graph::export_part>(operation("export_part"), std::move(context), std::move(from), limit);
    }
    awaitable<void> import_part(GraphPart part, OperationContext context) override
    {
        return call<&Graph::import_part>(operation("import_part"), std::move(context), std::move(part));
    }
    awaitable<void> clear(OperationContext context) override
    {
        return call<&Graph::clear>(operation("clear"), std::move(context));
    }
    awaitable<void> ping(OperationContext context) override
    {
        return call<&Graph::ping>(operation("ping"), std::move(context));
    }

    std::string_view graph_database_type() const noexcept override { return inner().graph_database_type(); }
    std::vector<std::string> endpoints() const override { return inner().endpoints(); }
    json::object get_details() const override { return inner().get_details(); }
};

} // namespace

std::shared_ptr<Graph> decorate_with(std::shared_ptr<Graph> graph, const ResilienceConfig& config,
                                     std::shared_ptr<OperationObserver> observer, ChainSources sources)
{
    return decorate_store<DecoratedGraph>(std::move(graph), &Graph::graph_database_type, config, std::move(observer),
                                          std::move(sources));
}

std::shared_ptr<Graph> decorate(std::shared_ptr<Graph> graph, const ResilienceConfig& config,
                                std::shared_ptr<OperationObserver> observer)
{
    return decorate_with(std::move(graph), config, std::move(observer), ChainSources());
}

std::optional<ResilienceStats> resilience_stats(const Graph& graph) { return stats_of(graph); }

} // namespace whisperstore

#include "graph/graph_operation.hpp"
#include "graph/neo4j/graph_database.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/graph/neo4j_graph_database_manager.hpp>

#include <utility>

namespace whisperstore {

Neo4jGraphDatabaseManager::Neo4jGraphDatabaseManager(GraphDatabaseConfig config, Logger logger)
    : Neo4jGraphDatabaseManager(std::move(config), std::move(logger), "neo4j")
{
}

Neo4jGraphDatabaseManager::Neo4jGraphDatabaseManager(GraphDatabaseConfig config, Logger logger, std::string_view type)
    : type_(type),
      database_(std::make_shared<graph::neo4j::GraphDatabase>(config, type == "neo4j_cluster", std::move(logger)))
{
}

Neo4jGraphDatabaseManager::~Neo4jGraphDatabaseManager() = default;

Neo4jGraphDatabaseManager::Database Neo4jGraphDatabaseManager::begin(std::string_view operation,
                                                                     const OperationContext& context) const
{
    if (!open_.load())
        throw StorageError(StorageErrc::closed, "not initialized: call initialize() first").within(type_, operation);
    context.check_deadline(type_, operation);
    return database_;
}

awaitable<void> Neo4jGraphDatabaseManager::initialize(OperationContext context)
{
    if (open_.load())
        co_return;
    co_await graph::renamed(type_, "initialize", database_->open(std::move(context)));
    open_ = true;
}

awaitable<void> Neo4jGraphDatabaseManager::cleanup()
{
    open_ = false;
    co_await graph::renamed(type_, "cleanup", database_->close());
}

awaitable<void> Neo4jGraphDatabaseManager::create_user_node(std::string user_id, json::object properties,
                                                            OperationContext context)
{
    constexpr auto operation = "create_user_node";
    const Database database = begin(operation, context);
    std::vector<GraphNode> node =
        graph::one_node(NodeRef::user(std::move(user_id)), std::string(), std::move(properties));
    co_await graph::renamed(type_, operation, database->put_nodes(std::move(node), std::move(context)));
}

awaitable<void> Neo4jGraphDatabaseManager::create_memory_node(std::string memory_id, std::string content,
                                                              json::object properties, OperationContext context)
{
    constexpr auto operation = "create_memory_node";
    const Database database = begin(operation, context);
    std::vector<GraphNode> node =
        graph::one_node(NodeRef::memory(std::move(memory_id)), std::move(content), std::move(properties));
    co_await graph::renamed(type_, operation, database->put_nodes(std::move(node), std::move(context)));
}

awaitable<void> Neo4jGraphDatabaseManager::create_node(NodeRef node, std::string content, json::object properties,
                                                       OperationContext context)
{
    constexpr auto operation = "create_node";
    const Database database = begin(operation, context);
    std::vector<GraphNode> one = graph::one_node(std::move(node), std::move(content), std::move(properties));
    co_await graph::renamed(type_, operation, database->put_nodes(std::move(one), std::move(context)));
}

awaitable<void> Neo4jGraphDatabaseManager::create_nodes(std::vector<GraphNode> nodes, OperationContext context)
{
    constexpr auto operation = "create_nodes";
    const Database database = begin(operation, context);
    co_await graph::renamed(type_, operation, database->put_nodes(std::move(nodes), std::move(context)));
}

awaitable<void> Neo4jGraphDatabaseManager::create_relationship(std::string from_node, std::string to_node,
                                                               std::string relationship_type, json::object properties,
                                                               OperationContext context)
{
    constexpr auto operation = "create_relationship";
    const Database database = begin(operation, context);
    std::vector<Relationship> one = graph::one_relationship(std::move(from_node), std::move(to_node),
                                                            std::move(relationship_type), std::move(properties));
    co_await graph::renamed(type_, operation, database->put_edges(std::move(one), std::move(context)));
}

awaitable<void> Neo4jGraphDatabaseManager::create_relationships(std::vector<Relationship> relationships,
                                                                OperationContext context)
{
    constexpr auto operation = "create_relationships";
    const Database database = begin(operation, context);
    co_await graph::renamed(type_, operation, database->put_edges(std::move(relationships), std::move(context)));
}

awaitable<std::vector<ConnectedMemory>>
Neo4jGraphDatabaseManager::find_connected_memories(std::string user_id, std::string context_words, int max_depth,
                                                   std::int64_t limit, OperationContext context)
{
    constexpr auto operation = "find_connected_memories";
    const Database database = begin(operation, context);
    co_return co_await graph::renamed(
        type_, operation,
        database->find(std::move(user_id), std::move(context_words), max_depth, limit, std::move(context)));
}

awaitable<RelationshipNetwork> Neo4jGraphDatabaseManager::get_user_relationship_network(std::string user_id,
                                                                                        int max_depth,
                                                                                        std::int64_t limit,
                                                                                        OperationContext context)
{
    constexpr auto operation = "get_user_relationship_network";
    const Database database = begin(operation, context);
    co_return co_await graph::renamed(type_, operation,
                                      database->network(std::move(user_id), max_depth, limit, std::move(context)));
}

awaitable<bool> Neo4jGraphDatabaseManager::delete_node(NodeRef node, OperationContext context)
{
    constexpr auto operation = "delete_node";
    const Database database = begin(operation, context);
    co_return co_await graph::renamed(type_, operation, database->remove(std::move(node), std::move(context)));
}

awaitable<void> Neo4jGraphDatabaseManager::clear(OperationContext context)
{
    constexpr auto operation = "clear";
    const Database database = begin(operation, context);
    co_await graph::renamed(type_, operation, database->remove_all(std::move(context)));
}

awaitable<GraphPart> Neo4jGraphDatabaseManager::export_part(std::string from, std::int64_t limit,
                                                            OperationContext context)
{
    constexpr auto operation = "export_part";
    const Database database = begin(operation, context);
    co_return co_await graph::renamed(type_, operation,
                                      database->read_part(std::move(from), limit, std::move(context)));
}

awaitable<void> Neo4jGraphDatabaseManager::import_part(GraphPart part, OperationContext context)
{
    constexpr auto operation = "import_part";
    const Database database = begin(operation, context);
    co_await graph::renamed(type_, operation, database->write_part(std::move(part), std::move(context)));
}

awaitable<void> Neo4jGraphDatabaseManager::ping(OperationContext context)
{
    constexpr auto operation = "ping";
    const Database database = begin(operation, context);
    co_await graph::renamed(type_, operation, database->touch(std::move(context)));
}

json::object Neo4jGraphDatabaseManager::get_details() const
{
    json::array nodes;
    for (const bolt::ConnectionCounts& counts : database_->connections()) {
        json::object one;
        one["name"] = counts.address.to_string();
        one["connections"] = counts.in_use + counts.idle;
        one["in_use"] = counts.in_use;
        one["waiting"] = counts.waiting;
        nodes.emplace_back(std::move(one));
    }
    json::object out;
    out["nodes"] = std::move(nodes);
    return out;
}

std::vector<std::string> Neo4jGraphDatabaseManager::endpoints() const { return database_->endpoints(); }

} // namespace whisperstore

#pragma once
// A graph in a Neo4j database: its connections, its schema and its statements.

#include "graph/graph_check.hpp"
#include "graph/neo4j/stored_form.hpp"

#include <whisperstore/bolt/driver.hpp>
#include <whisperstore/core/async.hpp>
#include <whisperstore/graph/graph_database_config.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::graph::neo4j {

/// Thread safe. What it throws names no operation; arguments are checked.
class GraphDatabase
{
public:
    /// `routed`: for a cluster. Throws StorageError invalid_argument naming the setting.
    GraphDatabase(const GraphDatabaseConfig& config, bool routed, Logger logger);

    /// Connects and creates the schema where it is missing.
    awaitable<void> open(OperationContext context);
    awaitable<void> close();
    const std::vector<std::string>& endpoints() const noexcept { return endpoints_; }
    /// None while it is closed.
    std::vector<bolt::ConnectionCounts> connections() const;

    awaitable<void> put_nodes(std::vector<GraphNode> nodes, OperationContext context);
    awaitable<void> put_edges(std::vector<Relationship> relationships, OperationContext context);
    awaitable<std::vector<ConnectedMemory>> find(std::string user_id, std::string context_words, int max_depth,
                                                 std::int64_t limit, OperationContext context);
    awaitable<RelationshipNetwork> network(std::string user_id, int max_depth, std::int64_t limit,
                                           OperationContext context);
    awaitable<bool> remove(NodeRef node, OperationContext context);
    awaitable<void> remove_all(OperationContext context);
    awaitable<GraphPart> read_part(std::string from, std::int64_t limit, OperationContext context);
    awaitable<void> write_part(GraphPart part, OperationContext context);
    awaitable<void> touch(OperationContext context);

private:
    using Records = std::vector<bolt::Record>;

    std::shared_ptr<bolt::Driver> driver() const;
    awaitable<void> ensure_schema(std::shared_ptr<bolt::Driver> driver, OperationContext context);

    awaitable<void> write_nodes(std::vector<GraphNode> checked, OperationContext context);
    awaitable<void> write_edges(std::vector<CheckedRelationship> checked, OperationContext context);

    /// One statement in a transaction of its own, again where the database undid it for the sake of others.
    awaitable<Records> execute(std::shared_ptr<bolt::Driver> driver, bolt::AccessMode mode, std::string_view cypher,
                               bolt::Map parameters, OperationContext context);
    awaitable<Records> execute_once(bolt::Driver& driver, bolt::AccessMode mode, std::string cypher,
                                    bolt::Map parameters, OperationContext context);

    const bool routed_;
    const Keys keys_;
    const std::string database_;
    const bolt::DriverConfig config_;
    const std::vector<std::string> endpoints_;
    const std::shared_ptr<Session> own_session_ = std::make_shared<Session>();
    mutable std::mutex mutex_;
    std::shared_ptr<bolt::Driver> driver_; ///< null while closed
};

} // namespace whisperstore::graph::neo4j

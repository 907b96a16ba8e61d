#pragma once
/// \file
/// The graph in a Neo4j server.

#include <whisperstore/core/log.hpp>
#include <whisperstore/graph/graph_database_config.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace whisperstore {

namespace graph::neo4j {
class GraphDatabase;
}

/// The graph in a Neo4j server, 5.26 or newer (an older one is `version_mismatch`), over Bolt.
///
/// Uses `uri` (or `host` and `port`; 7687), `username`, `password`, `database`, `tls` and `graph_namespace`. Several
/// graphs can be in one database (the Community edition has only one), apart by their namespaces.
///
/// A node has the labels WhisperNode and User, Memory, Topic, Emotion or Fact, a relationship has the caller's type,
/// and both have the caller's properties under their own names, as docs/neo4j.md describes, so that Cypher of others
/// can read them. What others have put into the database is left alone, and is no way for a search.
///
/// Every write is one statement and so one transaction and one round trip; one that was undone for the sake of others
/// (a deadlock) is run again, within the deadline or half a minute. It is never sent again when its answer is lost
/// (`outcome_unknown`). A search is one statement when the user has enough memories beside them, else two; Neo4j shows
/// a statement what others commit while it runs.
///
/// Thread safe. A cancelled or late call is ended by the server.
class Neo4jGraphDatabaseManager : public GraphDatabaseManager
{
public:
    /// \throws StorageError invalid_argument naming the setting. Does not connect.
    explicit Neo4jGraphDatabaseManager(GraphDatabaseConfig config, Logger logger = Logger());
    ~Neo4jGraphDatabaseManager() override;

    /// Connects, and creates the schema where it is missing: a constraint on the key of nodes, an index on their owner,
    /// and a marker with their version.
    /// \throws StorageError authentication; version_mismatch for an older server or the schema of a newer whisperstore.
    awaitable<void> initialize(OperationContext context = OperationContext()) override;
    awaitable<void> cleanup() override;

    awaitable<void> create_user_node(std::string user_id, json::object properties = json::object(),
                                     OperationContext context = OperationContext()) override;
    awaitable<void> create_memory_node(std::string memory_id, std::string content,
                                       json::object properties = json::object(),
                                       OperationContext context = OperationContext()) override;
    awaitable<void> create_node(NodeRef node, std::string content, json::object properties = json::object(),
                                OperationContext context = OperationContext()) override;
    awaitable<void> create_nodes(std::vector<GraphNode> nodes, OperationContext context = OperationContext()) override;
    awaitable<void> create_relationship(std::string from_node, std::string to_node, std::string relationship_type,
                                        json::object properties = json::object(),
                                        OperationContext context = OperationContext()) override;
    awaitable<void> create_relationships(std::vector<Relationship> relationships,
                                         OperationContext context = OperationContext()) override;
    awaitable<std::vector<ConnectedMemory>>
    find_connected_memories(std::string user_id, std::string context_words, int max_depth = 3, std::int64_t limit = 50,
                            OperationContext context = OperationContext()) override;
    awaitable<RelationshipNetwork>
    get_user_relationship_network(std::string user_id, int max_depth = 2, std::int64_t limit = 200,
                                  OperationContext context = OperationContext()) override;
    awaitable<bool> delete_node(NodeRef node, OperationContext context = OperationContext()) override;
    awaitable<GraphPart> export_part(std::string from = std::string(), std::int64_t limit = 1000,
                                     OperationContext context = OperationContext()) override;
    awaitable<void> import_part(GraphPart part, OperationContext context = OperationContext()) override;
    awaitable<void> clear(OperationContext context = OperationContext()) override;
    awaitable<void> ping(OperationContext context = OperationContext()) override;

    std::string_view graph_database_type() const noexcept override { return type_; }
    /// The hosts of the configuration.
    std::vector<std::string> endpoints() const override;
    /// `nodes`: for each server its connections.
    json::object get_details() const override;

protected:
    /// `type`: "neo4j" or "neo4j_cluster".
    Neo4jGraphDatabaseManager(GraphDatabaseConfig config, Logger logger, std::string_view type);

private:
    using Database = std::shared_ptr<graph::neo4j::GraphDatabase>;

    /// The database, for one operation. \throws StorageError closed, timeout.
    Database begin(std::string_view operation, const OperationContext& context) const;

    const std::string_view type_;
    const Database database_;
    std::atomic<bool> open_{false};
};

} // namespace whisperstore

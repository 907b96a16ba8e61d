#pragma once
/// \file
/// The graph in the tables of the relational database: for installations without a graph server.

#include <whisperstore/graph/graph_database_manager.hpp>

#include <atomic>
#include <memory>

namespace whisperstore {

class AbstractDatabaseAdapter;

/// Keeps the graph in the tables graph_nodes, relationships and users of any database adapter, with the
/// behaviour of the graph servers.
///
/// Beside the rules of the interface:
/// - A user node has a row in `users`, made where it is missing. Its `username` is the property of that
///   name, or else the user's id.
/// - A user deleted in the database takes the node, the nodes they own and every edge along.
///   delete_node() of a user leaves the row in `users`, and with it their conversations.
/// - An owner (`user_id`) that has no row in `users` is `not_found`.
/// - Upserts compare and swap: of any number at once, none is lost. One that would change nothing does
///   not write.
/// - An answer comes from one statement, and so from one state of the graph. Its cost grows with what the
///   user owns and, beyond three edges, with what is shared around them.
///
/// The adapter is shared; its owner connects and disconnects it.
class MockGraphDatabaseManager final : public GraphDatabaseManager
{
public:
    /// \throws StorageError invalid_argument for a null adapter.
    explicit MockGraphDatabaseManager(std::shared_ptr<AbstractDatabaseAdapter> database);

    /// Creates the portable schema, or checks it where the database is read-only. A second call does nothing.
    /// \throws StorageError closed when the adapter is not connected; not_found when a read-only database lacks the
    /// tables.
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

    std::string_view graph_database_type() const noexcept override { return "sqlite"; }
    std::vector<std::string> endpoints() const override;

private:
    /// The adapter, for one operation. \throws StorageError closed, timeout.
    std::shared_ptr<AbstractDatabaseAdapter> begin(std::string_view operation, const OperationContext& context) const;

    const std::shared_ptr<AbstractDatabaseAdapter> database_;
    std::atomic<bool> open_{false};
};

} // namespace whisperstore

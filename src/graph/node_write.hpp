#pragma once
// Statements that create, change and delete nodes in graph_nodes. No I/O.

#include <whisperstore/core/time.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace whisperstore::graph {

/// What a node looks like in the database.
struct StoredNode
{
    std::optional<std::string> content;
    std::string properties;              ///< JSON text
    std::optional<std::string> username; ///< of the users row, for users
    friend bool operator==(const StoredNode&, const StoredNode&) = default;
};

/// What was read about nodes that are to be written.
struct NodeState
{
    std::map<NodeRef, StoredNode> nodes;
    /// Of the owners the nodes name, those that exist; asked for only when the database has refused a write.
    std::optional<std::set<std::string>> owners;
    friend bool operator==(const NodeState&, const NodeState&) = default;
};

/// Whether they may be written without being looked at first, for the write refuses what is there: memories are nearly
/// always new, the others nearly never.
bool are_likely_new(const std::vector<GraphNode>& nodes) noexcept;

std::vector<Query> read_nodes(const std::vector<GraphNode>& nodes);
void add_nodes(NodeState& state, const QueryResult& result);
std::vector<Query> read_owners(const std::vector<GraphNode>& nodes);
void add_owners(NodeState& state, const QueryResult& result);

/// A transaction that creates or merges checked nodes; no queries where nothing would change. It fails with a
/// constraint violation, and changes nothing, when a node is no longer as `state` says or an owner is missing. Throws
/// StorageError not_found naming an owner that `state` knows to be missing.
std::vector<Query> write_nodes(const std::vector<GraphNode>& nodes, const NodeState& state, Timestamp now,
                               SqlDialect dialect);

/// The first query's row_count tells whether there was such a node; triggers take the edges along.
std::vector<Query> delete_node_queries(const NodeRef& node);
/// Of every node and relationship.
std::vector<Query> clear_queries();

} // namespace whisperstore::graph

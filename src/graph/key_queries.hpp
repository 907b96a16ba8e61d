#pragma once
// Asking for many rows by their keys. No I/O.

#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <set>
#include <string>
#include <vector>

namespace whisperstore::graph {

using Key = std::vector<std::string>;

/// `select WHERE (condition) OR (condition) …`, each with the placeholders of one key; as many queries as it takes.
std::vector<Query> ask_for(const std::string& select, const std::string& condition, const std::vector<Key>& keys);

/// node_type and node_id.
Key key_of(const NodeRef& node);

/// How a transaction keeps others away from nodes until it ends.
enum class NodeLock
{
    exists,  ///< they are not removed or changed, but others may rely on them too
    changes, ///< they are its own
};
/// Locks those of the nodes that are there, always in the same order, so that no two transactions wait for each other.
/// What comes after it sees them as they are then. No queries where a write keeps everybody else away anyway (SQLite).
std::vector<Query> lock_nodes(const std::set<NodeRef>& nodes, NodeLock lock, SqlDialect dialect);

} // namespace whisperstore::graph

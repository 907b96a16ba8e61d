#pragma once
// Asking for many rows by their keys. No I/O.

#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <string>
#include <vector>

namespace whisperstore::graph {

using Key = std::vector<std::string>;

/// `select WHERE (condition) OR (condition) …`, each with the placeholders of one key; as many queries as it takes.
std::vector<Query> ask_for(const std::string& select, const std::string& condition, const std::vector<Key>& keys);

/// node_type and node_id.
Key key_of(const NodeRef& node);

} // namespace whisperstore::graph

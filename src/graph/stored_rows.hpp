#pragma once
// Reading cells of graph_nodes and relationships.

#include <whisperstore/database/query_result.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <optional>
#include <string>

namespace whisperstore::graph {

/// The node whose type and id stand in `column` and the one after it. Throws StorageError corrupt for another type.
NodeRef node_at(const Row& row, std::size_t column);
std::optional<std::string> text_at(const Row& row, std::size_t column);

} // namespace whisperstore::graph

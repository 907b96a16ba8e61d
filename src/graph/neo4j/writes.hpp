#pragma once
// The parameters of writes, and what their answers mean. No I/O.

#include "graph/graph_check.hpp"
#include "graph/neo4j/stored_form.hpp"

#include <whisperstore/bolt/record.hpp>
#include <whisperstore/core/time.hpp>

#include <vector>

namespace whisperstore::graph::neo4j {

/// Of cypher::write_nodes, for checked nodes. A node that is there several times is written once, as if in order.
bolt::Map node_parameters(const std::vector<GraphNode>& nodes, const Keys& keys);
/// Throws StorageError not_found naming the first owner that does not exist.
void require_owners(const bolt::Record& answer, const std::vector<GraphNode>& nodes, const Keys& keys);

/// Of cypher::write_edges.
bolt::Map edge_parameters(const std::vector<CheckedRelationship>& relationships, const Keys& keys, Timestamp now);
/// Throws StorageError not_found naming the first end that does not exist.
void require_ends(const bolt::Record& answer, const std::vector<CheckedRelationship>& relationships);

} // namespace whisperstore::graph::neo4j

#pragma once
// The parameters of writes, and what their answers mean. No I/O.

#include "graph/graph_check.hpp"
#include "graph/neo4j/stored_form.hpp"

#include <whisperstore/bolt/record.hpp>
#include <whisperstore/core/time.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace whisperstore::graph::neo4j {

/// Of cypher::write_nodes, for checked nodes. A node that is there several times is written once, as if in order.
bolt::Map node_parameters(const std::vector<GraphNode>& nodes, const Keys& keys);
/// Throws StorageError not_found naming the first owner that does not exist.
void require_owners(const bolt::Record& answer, const std::vector<GraphNode>& nodes, const Keys& keys);

/// Of cypher::write_distinct_edges.
struct DistinctEdges
{
    bolt::Map parameters;
    std::vector<std::size_t> first; ///< of each row the relationship that names its edge first
};
/// Nothing where it is not known here which edges are the same, for a bare end may mean two nodes, and for imported
/// ones. What names an edge several times is written once, as if in order.
std::optional<DistinctEdges> distinct_edges(const std::vector<CheckedRelationship>& relationships, const Keys& keys,
                                            Timestamp now);

/// Of cypher::write_edges.
bolt::Map edge_parameters(const std::vector<CheckedRelationship>& relationships, const Keys& keys, Timestamp now);
/// Throws StorageError not_found naming the first end that does not exist.
/// `first`: of each row of the statement its relationship, where they are not the same.
void require_ends(const bolt::Record& answer, const std::vector<CheckedRelationship>& relationships,
                  const std::vector<std::size_t>& first = {});

} // namespace whisperstore::graph::neo4j

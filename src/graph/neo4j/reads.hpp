#pragma once
// What the rows of reads mean. No I/O.

#include "graph/graph_search.hpp"
#include "graph/neo4j/stored_form.hpp"

#include <whisperstore/bolt/record.hpp>

#include <vector>

namespace whisperstore::graph::neo4j {

/// Of cypher::direct_memories.
std::vector<DirectMemory> read_direct_memories(const std::vector<bolt::Record>& rows, const Keys& keys);

/// Of cypher::neighbourhood. The rows are dropped as they are read.
Neighbourhood read_neighbourhood(std::vector<bolt::Record> rows, const Keys& keys);

/// Of cypher::export_nodes.
std::vector<GraphNode> read_exported_nodes(const std::vector<bolt::Record>& rows, const Keys& keys);
/// Of cypher::export_edges_of_users and cypher::export_edges; `leaving` says which.
std::vector<NetworkEdge> read_exported_edges(const std::vector<bolt::Record>& rows, const Keys& keys, bool leaving);

} // namespace whisperstore::graph::neo4j

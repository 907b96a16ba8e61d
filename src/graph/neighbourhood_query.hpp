#pragma once
// Reading a user's part of the graph from graph_nodes and relationships. No I/O.

#include "graph/graph_search.hpp"

#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <string>
#include <vector>

namespace whisperstore::graph {

/// One statement, and so one snapshot, with everything the user may see within `max_depth` edges (and more). With
/// `details` the edges carry what a network shows, and nodes that are no memories are read to the full depth.
Query read_neighbourhood(const std::string& user_id, int max_depth, bool details);
Neighbourhood neighbourhood(const QueryResult& result);

/// The `limit` most important of the user's memories one edge away.
Query read_direct_memories(const std::string& user_id, std::int64_t limit);
std::vector<DirectMemory> direct_memories(const QueryResult& result);

} // namespace whisperstore::graph

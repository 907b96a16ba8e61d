#pragma once
// Statements that create and change edges in relationships. No I/O.

#include "graph/graph_check.hpp"

#include <whisperstore/core/time.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace whisperstore::graph {

/// From, type, to.
using EdgeKey = std::tuple<NodeRef, std::string, NodeRef>;

/// What was read about the ends and edges of some relationships.
struct EdgeState
{
    bool complete = false; ///< otherwise nothing was read, and every end is taken for granted
    std::set<NodeRef> nodes;
    std::map<EdgeKey, std::string> properties; ///< JSON text, of edges that exist
    friend bool operator==(const EdgeState&, const EdgeState&) = default;
};

/// Whether something must be read before they can be written: what a bare end means, or properties to merge.
bool needs_state(const std::vector<CheckedRelationship>& relationships);

/// Queries for the ends of relationships and their edges, and what their answers add. The edges are asked for when the
/// nodes are known.
std::vector<Query> read_ends(const std::vector<CheckedRelationship>& relationships);
void add_nodes(EdgeState& state, const QueryResult& result);
std::vector<Query> read_edges(const std::vector<CheckedRelationship>& relationships, const EdgeState& state);
void add_edges(EdgeState& state, const QueryResult& result);

/// A transaction that writes all of them. It fails with a constraint violation, and changes nothing, when an end is
/// missing or an edge whose properties are merged is no longer as `state` says.
/// Throws StorageError not_found naming an end that a complete `state` does not have.
std::vector<Query> write_edges(const std::vector<CheckedRelationship>& relationships, const EdgeState& state,
                               Timestamp now, SqlDialect dialect);

} // namespace whisperstore::graph

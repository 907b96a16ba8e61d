#pragma once
// The statements. Whatever a caller gives is a parameter: only depths, which are small numbers, become text.
//
// Needs Neo4j 5.26: labels and relationship types that are parameters, and subqueries with a list of variables.

#include <cstdint>
#include <string>
#include <string_view>

namespace whisperstore::graph::neo4j::cypher {

/// \name The schema: one for a database, whatever its namespaces
///@{
constexpr std::int64_t schema_version = 1;
extern const std::string_view read_version; ///< version; no row where there is no schema yet
/// Each a transaction of its own, in this order; they do nothing where they have been run before.
extern const std::string_view create_marker_constraint;
extern const std::string_view create_key_constraint;
extern const std::string_view create_owner_index;
extern const std::string_view await_indexes;
extern const std::string_view write_marker; ///< $version
///@}

/// $owners: keys of users that must exist; $nodes: {key, label, content, properties, names_owner, owner}, no key
/// twice. Returns `missing`, the owners that do not exist; when there are any nothing is written.
extern const std::string_view write_nodes;

/// $rows: [from, type, to, properties of a new edge, patch for one that is there, interactions it counts more (0: it
/// is left as it is), whether it leads from a user to a memory], no edge twice; $now. Returns `missing` as below.
extern const std::string_view write_distinct_edges;

/// For everything else. $rows: {from, from_memory, to, to_memory, type, properties, keep, count, last}. The keys
/// *_memory are looked for where there is no node with the other one, and null where there is no choice. With $replaces
/// an edge gets count and last as they are, otherwise it counts that many interactions more, the last of them then.
/// Returns `missing`, [index of the row, whether it is the source] for ends that do not exist; when there are any
/// nothing is written.
extern const std::string_view write_edges;

/// $user: a key; $limit. The most important of the user's memories one edge away: properties, type.
extern const std::string_view direct_memories;
/// $user: a key. Everything the user may see within `max_depth` edges (and more), a row for each node: properties,
/// edges. An edge is [whether it leaves the node, type, key of the other end], with `details` its properties beside.
std::string neighbourhood(int max_depth, bool details);

/// $key. Returns `deleted`, 0 or 1.
extern const std::string_view delete_node;
extern const std::string_view delete_user; ///< and what they own
/// $prefix of a type's keys, $limit of nodes. Returns `deleted`.
extern const std::string_view delete_some;

/// \name Export: $prefix of a type's keys, $after which key, $limit of nodes
///@{
extern const std::string_view export_nodes; ///< properties
/// Of memories: key, edges that came from users as [key, type, properties], in their order.
extern const std::string_view export_edges_of_users;
extern const std::string_view export_edges; ///< of any nodes: key, edges that leave it, but those
///@}

} // namespace whisperstore::graph::neo4j::cypher

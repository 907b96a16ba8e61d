#pragma once
// What every graph backend accepts, and what it makes of properties. Pure.

#include <whisperstore/core/error.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::graph {

/// \name Checks
/// All throw StorageError invalid_argument naming what was wrong and what is allowed.
///@{
void check_id(std::string_view id, std::string_view what);
void check_node(const NodeRef& node);
void check_relationship_type(std::string_view type);
void check_bounds(int max_depth, std::int64_t limit);
/// Return the properties in the one form backends store (integers are signed).
json::object checked_node_properties(NodeType type, json::object properties);
json::object checked_relationship_properties(json::object properties);
/// The whole node; a user comes back without content.
GraphNode check_graph_node(GraphNode node);
///@}

/// Each of a list; an error says which it was.
std::vector<GraphNode> check_nodes(std::vector<GraphNode> nodes);

/// One end of a relationship as a caller names it.
struct End
{
    std::optional<NodeRef> node; ///< a typed reference; without it `text` is looked up as user, then as memory
    std::string text;
};
/// Throws StorageError invalid_argument for an empty or overlong id.
End parse_end(std::string text, std::string_view what);

/// What an edge that was exported has been through.
struct Interactions
{
    std::int64_t count = 0;
    std::string last; ///< canonical timestamp
};

/// A relationship after its checks.
struct CheckedRelationship
{
    End from;
    End to;
    std::string type;
    json::object properties;
    bool keep_existing = false;
    std::optional<Interactions> interactions; ///< the edge gets these; otherwise it counts one more, now
};
CheckedRelationship check_relationship(Relationship relationship);
std::vector<CheckedRelationship> check_relationships(std::vector<Relationship> relationships);

/// The checks of a part that is to be written; the owners its nodes name come before them.
std::vector<GraphNode> check_imported_nodes(std::vector<GraphNode> nodes);
std::vector<CheckedRelationship> check_imported_edges(std::vector<NetworkEdge> edges);
void check_part_limit(std::int64_t limit);

/// \name What callers are told who name what is not there: StorageError not_found
///@{
StorageError missing_end(const End& end, std::size_t index, std::size_t count); ///< of relationship `index` of `count`
StorageError missing_owner(const NodeRef& node, const std::string& owner);
///@}

/// `patch` over `properties`: null removes a key, keys not mentioned stay.
json::object merge_properties(json::object properties, const json::object& patch);

/// \name The properties that have a meaning
///@{
/// Who a node belongs to by its own word; a user's own id for users.
std::optional<std::string> owner_of(const NodeRef& node, const json::object& properties);
double importance_of(NodeType type, const json::object& properties);
double strength_of(const json::object& properties);
///@}

/// Properties read back from a store. Throws StorageError corrupt naming `what`.
json::object stored_properties(std::string_view text, std::string_view what);

} // namespace whisperstore::graph

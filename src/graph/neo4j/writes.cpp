#include "graph/neo4j/writes.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace whisperstore::graph::neo4j {

namespace {

bolt::Map node_row(const GraphNode& node, const Keys& keys)
{
    const json::value* owner = node.node.type == NodeType::user ? nullptr : node.properties.if_contains("user_id");
    bolt::Value owner_key;
    if (owner && owner->is_string())
        owner_key = keys.user(owner->get_string());
    bolt::Map row;
    row.append("key", keys.key(node.node));
    row.append("label", label_of(node.node.type));
    row.append("content", node.node.type == NodeType::user ? bolt::Value() : bolt::Value(node.content));
    row.append("properties", stored_properties(node.properties));
    row.append("names_owner", owner != nullptr); // null is a word about the owner, too
    row.append("owner", std::move(owner_key));
    return row;
}

/// The missing row that comes first, and which of its ends.
struct Missing
{
    std::size_t row = 0;
    bool source = false;
};
std::optional<Missing> first_missing(const bolt::Record& answer)
{
    std::optional<Missing> first;
    for (const bolt::Value& one : answer.get("missing").as_list()) {
        const bolt::List& pair = one.as_list();
        const Missing missing{static_cast<std::size_t>(pair.at(0).as_int()), pair.at(1).as_bool()};
        if (!first || missing.row < first->row)
            first = missing;
    }
    return first;
}

void add_end(bolt::Map& row, const char* name, const End& end, const Keys& keys)
{
    row.append(name, end.node ? keys.key(*end.node) : keys.user(end.text));
    row.append(std::string(name).append("_memory"),
               end.node ? bolt::Value() : bolt::Value(keys.key(NodeType::memory, end.text)));
}

} // namespace

bolt::Map node_parameters(const std::vector<GraphNode>& nodes, const Keys& keys)
{
    // In the order of their references, so that of two transactions none has what the other one waits for, and owners
    // come before what they own.
    std::map<NodeRef, GraphNode> merged;
    std::set<std::string> owners;
    for (const GraphNode& node : nodes) {
        const auto [place, added] = merged.try_emplace(node.node, node);
        if (!added) {
            place->second.content = node.content;
            for (const auto& [key, value] : node.properties)
                place->second.properties[key] = value;
        }
        if (node.node.type != NodeType::user)
            if (std::optional<std::string> owner = owner_of(node.node, node.properties))
                owners.insert(std::move(*owner));
    }
    bolt::List owner_keys;
    for (const std::string& owner : owners)
        if (!merged.contains(NodeRef::user(owner)))
            owner_keys.push_back(keys.user(owner));
    bolt::List rows;
    rows.reserve(merged.size());
    for (const auto& [ref, node] : merged)
        rows.push_back(node_row(node, keys));
    bolt::Map parameters;
    parameters.append("owners", std::move(owner_keys));
    parameters.append("nodes", std::move(rows));
    return parameters;
}

void require_owners(const bolt::Record& answer, const std::vector<GraphNode>& nodes, const Keys& keys)
{
    const bolt::List& missing = answer.get("missing").as_list();
    if (missing.empty())
        return;
    for (const GraphNode& node : nodes) {
        const std::optional<std::string> owner = owner_of(node.node, node.properties);
        if (owner && std::find(missing.begin(), missing.end(), bolt::Value(keys.user(*owner))) != missing.end())
            throw missing_owner(node.node, *owner);
    }
}

bolt::Map edge_parameters(const std::vector<CheckedRelationship>& relationships, const Keys& keys, Timestamp now)
{
    const std::string time = format_timestamp(now);
    bool replaces = false;
    bolt::List rows;
    rows.reserve(relationships.size());
    for (const CheckedRelationship& relationship : relationships) {
        bolt::Map row;
        add_end(row, "from", relationship.from, keys);
        add_end(row, "to", relationship.to, keys);
        row.append("type", relationship.type);
        row.append("properties", stored_properties(relationship.properties));
        row.append("keep", relationship.keep_existing);
        row.append("count", relationship.interactions ? relationship.interactions->count : 1);
        row.append("last", relationship.interactions ? relationship.interactions->last : time);
        replaces = replaces || relationship.interactions;
        rows.push_back(std::move(row));
    }
    bolt::Map parameters;
    parameters.append("rows", std::move(rows));
    parameters.append("replaces", replaces);
    return parameters;
}

void require_ends(const bolt::Record& answer, const std::vector<CheckedRelationship>& relationships)
{
    if (const std::optional<Missing> missing = first_missing(answer)) {
        const CheckedRelationship& relationship = relationships.at(missing->row);
        throw missing_end(missing->source ? relationship.from : relationship.to, missing->row, relationships.size());
    }
}

} // namespace whisperstore::graph::neo4j

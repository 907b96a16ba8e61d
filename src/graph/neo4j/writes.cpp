#include "graph/neo4j/writes.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

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
std::optional<Missing> first_missing(const bolt::Record& answer, const std::vector<std::size_t>& relationship)
{
    std::optional<Missing> first;
    for (const bolt::Value& one : answer.get("missing").as_list()) {
        const bolt::List& pair = one.as_list();
        Missing missing{static_cast<std::size_t>(pair.at(0).as_int()), pair.at(1).as_bool()};
        if (!relationship.empty())
            missing.row = relationship.at(missing.row);
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

namespace {

/// An edge that is named once or several times: what becomes of it where it is new, and where it is there already.
struct EdgeWrite
{
    std::size_t first = 0;
    json::object created;
    json::object patch;
    std::int64_t created_count = 0;
    std::int64_t count = 0;

    void add(const CheckedRelationship& relationship)
    {
        if (created_count > 0 && relationship.keep_existing)
            return;
        created = merge_properties(std::move(created), relationship.properties);
        ++created_count;
        if (relationship.keep_existing)
            return;
        for (const auto& [key, value] : relationship.properties)
            patch[key] = value;
        ++count;
    }
};

} // namespace

std::optional<DistinctEdges> distinct_edges(const std::vector<CheckedRelationship>& relationships, const Keys& keys,
                                            Timestamp now)
{
    // In the order of their keys, so that of two transactions none has what the other one waits for.
    std::map<std::tuple<NodeRef, std::string, NodeRef>, EdgeWrite> writes;
    for (std::size_t i = 0; i < relationships.size(); ++i) {
        const CheckedRelationship& relationship = relationships[i];
        if (!relationship.from.node || !relationship.to.node || relationship.interactions)
            return std::nullopt;
        const auto [place, added] =
            writes.try_emplace({*relationship.from.node, relationship.type, *relationship.to.node});
        if (added)
            place->second.first = i;
        place->second.add(relationship);
    }
    const std::string time = format_timestamp(now);
    DistinctEdges edges;
    bolt::List rows;
    rows.reserve(writes.size());
    for (const auto& [key, write] : writes) {
        const auto& [from, type, to] = key;
        bolt::Map created = stored_properties(write.created);
        created.set("_count", write.created_count).set("_last", time);
        bolt::List row;
        row.reserve(7);
        row.emplace_back(keys.key(from));
        row.emplace_back(type);
        row.emplace_back(keys.key(to));
        row.emplace_back(std::move(created));
        row.emplace_back(stored_properties(write.patch));
        row.emplace_back(write.count);
        row.emplace_back(from.type == NodeType::user && to.type == NodeType::memory);
        rows.emplace_back(std::move(row));
        edges.first.push_back(write.first);
    }
    edges.parameters.append("rows", std::move(rows));
    edges.parameters.append("now", time);
    return edges;
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

void require_ends(const bolt::Record& answer, const std::vector<CheckedRelationship>& relationships,
                  const std::vector<std::size_t>& first)
{
    if (const std::optional<Missing> missing = first_missing(answer, first)) {
        const CheckedRelationship& relationship = relationships.at(missing->row);
        throw missing_end(missing->source ? relationship.from : relationship.to, missing->row, relationships.size());
    }
}

} // namespace whisperstore::graph::neo4j

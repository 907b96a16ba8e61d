#include "graph/edge_write.hpp"

#include "graph/key_queries.hpp"
#include "graph/stored_rows.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore::graph {

namespace {

/// The nodes an end may mean, the first one first.
std::vector<NodeRef> meanings(const End& end)
{
    if (end.node)
        return {*end.node};
    return {NodeRef::user(end.text), NodeRef::memory(end.text)};
}

/// The node an end means; null where there is none.
std::optional<NodeRef> resolve(const End& end, const EdgeState& state)
{
    if (!state.complete)
        return end.node;
    for (NodeRef& node : meanings(end))
        if (state.nodes.contains(node))
            return std::move(node);
    return std::nullopt;
}

NodeRef require(const End& end, const EdgeState& state, std::size_t index, std::size_t count)
{
    if (std::optional<NodeRef> node = resolve(end, state))
        return std::move(*node);
    throw missing_end(end, index, count);
}

/// Whether the properties an edge has already matter.
bool merges(const CheckedRelationship& relationship)
{
    return !relationship.properties.empty() && !relationship.keep_existing;
}

std::optional<EdgeKey> edge_of(const CheckedRelationship& relationship, const EdgeState& state)
{
    std::optional<NodeRef> from = resolve(relationship.from, state);
    std::optional<NodeRef> to = resolve(relationship.to, state);
    if (!from || !to)
        return std::nullopt;
    return EdgeKey(std::move(*from), relationship.type, std::move(*to));
}

// A missing end leaves a null where the table allows none, so the whole transaction is refused. The edge belongs to the
// owner of its source, or else of its target.
constexpr std::string_view insert_edge =
    "INSERT INTO relationships (user_id, source_type, source_id, relationship_type, target_type, target_id, strength, "
    "last_interaction, interaction_count, properties, created_at) VALUES ("
    "(SELECT COALESCE(s.user_id, t.user_id) FROM graph_nodes s CROSS JOIN graph_nodes t WHERE "
    "s.node_type = :from_type AND s.node_id = :from_id AND t.node_type = :to_type AND t.node_id = :to_id), "
    ":from_type, (SELECT node_id FROM graph_nodes WHERE node_type = :from_type AND node_id = :from_id), :type, "
    ":to_type, (SELECT node_id FROM graph_nodes WHERE node_type = :to_type AND node_id = :to_id), "
    ":strength, :now, 1, :properties, :now) "
    "ON CONFLICT (source_type, source_id, relationship_type, target_type, target_id) DO ";
constexpr std::string_view keep_edge = "NOTHING";
constexpr std::string_view count_edge =
    "UPDATE SET interaction_count = relationships.interaction_count + 1, "
    "last_interaction = CASE WHEN excluded.last_interaction > relationships.last_interaction "
    "THEN excluded.last_interaction ELSE relationships.last_interaction END";
// The same refusal, when the properties are not those the merge began with.
constexpr std::string_view merge_edge =
    ", strength = excluded.strength, properties = excluded.properties, relationship_type = "
    "CASE WHEN COALESCE(relationships.properties, '{}') = :expected THEN relationships.relationship_type END";

constexpr std::string_view set_interactions =
    "UPDATE relationships SET interaction_count = :count, last_interaction = :last WHERE source_type = :from_type AND "
    "source_id = :from_id AND relationship_type = :type AND target_type = :to_type AND target_id = :to_id";

} // namespace

bool needs_state(const std::vector<CheckedRelationship>& relationships)
{
    return std::any_of(relationships.begin(), relationships.end(), [](const CheckedRelationship& relationship) {
        return !relationship.from.node || !relationship.to.node || merges(relationship);
    });
}

std::vector<Query> read_ends(const std::vector<CheckedRelationship>& relationships)
{
    std::set<NodeRef> wanted;
    for (const CheckedRelationship& relationship : relationships)
        for (const End* end : {&relationship.from, &relationship.to})
            for (NodeRef& node : meanings(*end))
                wanted.insert(std::move(node));
    std::vector<Key> keys;
    for (const NodeRef& node : wanted)
        keys.push_back(key_of(node));
    return ask_for("SELECT node_type, node_id FROM graph_nodes", "node_type = ? AND node_id = ?", keys);
}

void add_nodes(EdgeState& state, const QueryResult& result)
{
    for (const Row& row : result)
        state.nodes.insert(node_at(row, 0));
}

std::vector<Query> read_edges(const std::vector<CheckedRelationship>& relationships, const EdgeState& state)
{
    std::set<EdgeKey> wanted;
    for (const CheckedRelationship& relationship : relationships)
        if (merges(relationship))
            if (std::optional<EdgeKey> key = edge_of(relationship, state))
                wanted.insert(std::move(*key));
    std::vector<Key> keys;
    for (const auto& [from, type, to] : wanted) {
        Key key = key_of(from);
        key.push_back(type);
        for (std::string& part : key_of(to))
            key.push_back(std::move(part));
        keys.push_back(std::move(key));
    }
    return ask_for("SELECT source_type, source_id, relationship_type, target_type, target_id, "
                   "COALESCE(properties, '{}') FROM relationships",
                   "source_type = ? AND source_id = ? AND relationship_type = ? AND target_type = ? AND target_id = ?",
                   keys);
}

void add_edges(EdgeState& state, const QueryResult& result)
{
    for (const Row& row : result)
        state.properties[EdgeKey(node_at(row, 0), std::string(row[2].as_text()), node_at(row, 3))] = row[5].as_text();
}

std::vector<Query> write_edges(const std::vector<CheckedRelationship>& relationships, const EdgeState& state,
                               Timestamp now, SqlDialect dialect)
{
    // Sorted, so that of two transactions none has what the other one waits for; an edge that is there twice keeps its
    // order.
    std::vector<std::pair<EdgeKey, const CheckedRelationship*>> edges;
    std::set<NodeRef> ends;
    for (std::size_t i = 0; i < relationships.size(); ++i) {
        NodeRef from = require(relationships[i].from, state, i, relationships.size());
        NodeRef to = require(relationships[i].to, state, i, relationships.size());
        ends.insert({from, to});
        edges.emplace_back(EdgeKey(std::move(from), relationships[i].type, std::move(to)), &relationships[i]);
    }
    // Imported ones of a memory keep theirs, too, for the first of them says whose it is.
    std::stable_sort(edges.begin(), edges.end(), [](const auto& a, const auto& b) {
        if (a.second->interactions && b.second->interactions)
            return std::get<2>(a.first) < std::get<2>(b.first);
        return a.first < b.first;
    });

    // Goes along with the list, which may name an edge twice.
    std::map<EdgeKey, std::string> known = state.properties;
    std::vector<Query> list = lock_nodes(ends, NodeLock::exists, dialect);
    for (const auto& [key, one] : edges) {
        const CheckedRelationship& relationship = *one;
        const auto& [from, type, to] = key;
        const auto before = known.find(key);
        const bool exists = before != known.end();
        const json::object properties = merge_properties(
            exists ? stored_properties(before->second, "a relationship of " + from.text()) : json::object(),
            relationship.properties);
        const std::string text = json::serialize(properties);

        Query edge =
            query(std::string(insert_edge), params(arg("from_type", to_string(from.type)), arg("from_id", from.id),
                                                   arg("type", type), arg("to_type", to_string(to.type)),
                                                   arg("to_id", to.id), arg("strength", strength_of(properties)),
                                                   arg("now", timestamp(now)), arg("properties", text)));
        edge.sql += relationship.keep_existing ? keep_edge : count_edge;
        if (merges(relationship)) {
            edge.sql += merge_edge;
            edge.params.add("expected", exists ? Value(before->second) : Value());
            known[key] = text;
        } else {
            known.try_emplace(key, text);
        }
        list.push_back(std::move(edge));

        if (relationship.interactions)
            list.push_back(query(std::string(set_interactions),
                                 params(arg("count", relationship.interactions->count),
                                        arg("last", relationship.interactions->last),
                                        arg("from_type", to_string(from.type)), arg("from_id", from.id),
                                        arg("type", type), arg("to_type", to_string(to.type)), arg("to_id", to.id))));
        if (from.type == NodeType::user && to.type == NodeType::memory) {
            // The first such edge gives a memory without an owner its owner, and with it the edges of the memory.
            list.push_back(
                query("UPDATE graph_nodes SET user_id = :owner WHERE node_type = 'memory' AND node_id = :id AND "
                      "user_id IS NULL",
                      params(arg("owner", from.id), arg("id", to.id))));
            // (Each end with its IS NULL: else SQLite reads all edges without an owner for it.)
            list.push_back(query("UPDATE relationships SET user_id = :owner WHERE "
                                 "(source_type = 'memory' AND source_id = :id AND user_id IS NULL) OR "
                                 "(target_type = 'memory' AND target_id = :id AND user_id IS NULL)",
                                 params(arg("owner", from.id), arg("id", to.id))));
        }
    }
    return list;
}

} // namespace whisperstore::graph

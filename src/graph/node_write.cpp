#include "graph/node_write.hpp"

#include "graph/graph_check.hpp"
#include "graph/key_queries.hpp"
#include "graph/stored_rows.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <iterator>

namespace whisperstore::graph {

namespace {

std::optional<std::string> username_in(const GraphNode& node)
{
    const json::value* name = node.node.type == NodeType::user ? node.properties.if_contains("username") : nullptr;
    return name && name->is_string() ? std::optional<std::string>(name->get_string()) : std::nullopt;
}

Query users_row(const std::string& user_id, const std::optional<std::string>& username)
{
    if (username)
        return query("INSERT INTO users (user_id, username) VALUES (:id, :name) "
                     "ON CONFLICT (user_id) DO UPDATE SET username = excluded.username",
                     params(arg("id", user_id), arg("name", *username)));
    return query("INSERT INTO users (user_id, username) VALUES (:id, :id) ON CONFLICT (user_id) DO NOTHING",
                 params(arg("id", user_id)));
}

// A node that is no longer as it was read gets a null where the table allows none: the transaction is refused.
constexpr std::string_view upsert_node =
    "INSERT INTO graph_nodes (node_type, node_id, user_id, content, properties, importance, created_at, updated_at) "
    "VALUES (:type, :id, :owner, :content, :properties, :importance, :now, :now) "
    "ON CONFLICT (node_type, node_id) DO UPDATE SET "
    "node_type = CASE WHEN COALESCE(graph_nodes.properties, '{}') = :expected THEN graph_nodes.node_type END, "
    "content = excluded.content, properties = excluded.properties, importance = excluded.importance, "
    "updated_at = excluded.updated_at, user_id = ";
// Without a user_id property the owner is the user of the first edge that leads from a user to the memory.
constexpr std::string_view owner_of_memory =
    "COALESCE(excluded.user_id, (SELECT r.source_id FROM relationships r WHERE r.target_type = 'memory' AND "
    "r.target_id = excluded.node_id AND r.source_type = 'user' ORDER BY r.id LIMIT 1))";

/// Makes every edge of a node belong to its source's owner, or else to its target's.
Query update_edge_owners(const NodeRef& node)
{
    return query("UPDATE relationships SET user_id = COALESCE("
                 "(SELECT s.user_id FROM graph_nodes s WHERE s.node_type = relationships.source_type AND "
                 "s.node_id = relationships.source_id), "
                 "(SELECT t.user_id FROM graph_nodes t WHERE t.node_type = relationships.target_type AND "
                 "t.node_id = relationships.target_id)) "
                 "WHERE (source_type = :type AND source_id = :id) OR (target_type = :type AND target_id = :id)",
                 params(arg("type", to_string(node.type)), arg("id", node.id)));
}

} // namespace

bool are_likely_new(const std::vector<GraphNode>& nodes) noexcept
{
    return std::all_of(nodes.begin(), nodes.end(),
                       [](const GraphNode& node) { return node.node.type == NodeType::memory; });
}

std::vector<Query> read_nodes(const std::vector<GraphNode>& nodes)
{
    std::set<NodeRef> wanted;
    for (const GraphNode& node : nodes)
        wanted.insert(node.node);
    std::vector<Key> keys;
    for (const NodeRef& node : wanted)
        keys.push_back(key_of(node));
    return ask_for("SELECT n.node_type, n.node_id, n.content, COALESCE(n.properties, '{}'), u.username "
                   "FROM graph_nodes n LEFT JOIN users u ON n.node_type = 'user' AND u.user_id = n.node_id",
                   "n.node_type = ? AND n.node_id = ?", keys);
}

void add_nodes(NodeState& state, const QueryResult& result)
{
    for (const Row& row : result) {
        StoredNode& node = state.nodes[node_at(row, 0)];
        node.content = text_at(row, 2);
        node.properties = row[3].as_text();
        node.username = text_at(row, 4);
    }
}

std::vector<Query> read_owners(const std::vector<GraphNode>& nodes)
{
    std::set<std::string> wanted;
    for (const GraphNode& node : nodes)
        if (std::optional<std::string> owner = owner_of(node.node, node.properties))
            wanted.insert(std::move(*owner));
    std::vector<Key> keys;
    for (const std::string& owner : wanted)
        keys.push_back(Key(1, owner));
    return ask_for("SELECT user_id FROM users", "user_id = ?", keys);
}

void add_owners(NodeState& state, const QueryResult& result)
{
    for (const Row& row : result)
        state.owners->insert(std::string(row["user_id"].as_text()));
}

std::vector<Query> write_nodes(const std::vector<GraphNode>& nodes, const NodeState& state, Timestamp now,
                               SqlDialect dialect)
{
    // Sorted, so that of two transactions none has what the other one waits for, and owners come before what they own;
    // a node that is there twice keeps its order.
    std::vector<const GraphNode*> sorted;
    std::set<NodeRef> there;
    for (const GraphNode& node : nodes) {
        sorted.push_back(&node);
        if (state.nodes.contains(node.node))
            there.insert(node.node);
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const GraphNode* a, const GraphNode* b) { return a->node < b->node; });

    NodeState known = state; // goes along with the list, which may name a node twice
    std::vector<Query> list;
    for (const GraphNode* one : sorted) {
        const GraphNode& node = *one;
        const bool is_user = node.node.type == NodeType::user;
        const auto found = known.nodes.find(node.node);
        const bool exists = found != known.nodes.end();
        const json::object before =
            exists ? stored_properties(found->second.properties, node.node.text()) : json::object();
        const json::object after = merge_properties(before, node.properties);

        StoredNode result;
        if (!is_user)
            result.content = node.content;
        result.properties = before == after && exists ? found->second.properties : json::serialize(after);
        result.username = username_in(node);
        if (is_user && exists && !result.username)
            result.username = found->second.username;
        if (exists && result == found->second)
            continue;

        const std::optional<std::string> owner = owner_of(node.node, after);
        if (is_user) {
            list.push_back(users_row(node.node.id, username_in(node)));
            if (known.owners)
                known.owners->insert(node.node.id);
        } else if (const auto named = owner_of(node.node, node.properties);
                   named && known.owners && !known.owners->contains(*named)) {
            throw missing_owner(node.node, *named);
        }
        const std::optional<std::string> expected = exists ? std::optional(found->second.properties) : std::nullopt;
        list.push_back(
            query(std::string(upsert_node) + std::string(node.node.type == NodeType::memory
                                                             ? owner_of_memory
                                                             : std::string_view("excluded.user_id")),
                  params(arg("type", to_string(node.node.type)), arg("id", node.node.id), arg("owner", owner),
                         arg("content", result.content), arg("properties", result.properties),
                         arg("importance", importance_of(node.node.type, after)), arg("now", timestamp(now)),
                         arg("expected", expected))));
        if (exists && owner != owner_of(node.node, before))
            list.push_back(update_edge_owners(node.node));
        known.nodes[node.node] = std::move(result);
    }
    if (list.empty())
        return list;
    std::vector<Query> all = lock_nodes(there, NodeLock::changes, dialect);
    std::move(list.begin(), list.end(), std::back_inserter(all));
    return all;
}

std::vector<Query> delete_node_queries(const NodeRef& node)
{
    std::vector<Query> list = queries(query("DELETE FROM graph_nodes WHERE node_type = :type AND node_id = :id",
                                            params(arg("type", to_string(node.type)), arg("id", node.id))));
    if (node.type == NodeType::user)
        list.push_back(query("DELETE FROM graph_nodes WHERE user_id = :id", params(arg("id", node.id))));
    return list;
}

std::vector<Query> clear_queries()
{
    // The edges first: else each node takes its own along, one by one.
    std::vector<Query> list = queries(query("DELETE FROM relationships"));
    list.push_back(query("DELETE FROM graph_nodes"));
    return list;
}

} // namespace whisperstore::graph

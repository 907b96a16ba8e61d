#include "graph/neighbourhood_query.hpp"

#include "graph/graph_check.hpp"
#include "graph/stored_rows.hpp"

namespace whisperstore::graph {

namespace {

// Users see nodes of their own, other users, and what belongs to nobody, except memories.
constexpr std::string_view visible =
    "(n.user_id = :user OR n.node_type = 'user' OR (n.user_id IS NULL AND n.node_type <> 'memory'))";

// The order of the tables is the order of the joins: CROSS JOIN keeps SQLite to it, for it has no statistics.

// The edges of the user's memories, each seen from the memory. This costs as much as the user has, however many
// memories of others hang on the same topics. Edges between memories are found once, from their source.
constexpr std::string_view touching =
    "touching (memory_id, edge_id, relationship_type, node_type, node_id, outward) AS MATERIALIZED ("
    "SELECT m.node_id, r.id, r.relationship_type, r.target_type, r.target_id, 1 FROM graph_nodes m "
    "CROSS JOIN relationships r WHERE m.user_id = :user AND m.node_type = 'memory' AND r.source_type = 'memory' AND "
    "r.source_id = m.node_id "
    "UNION ALL "
    "SELECT m.node_id, r.id, r.relationship_type, r.source_type, r.source_id, 0 FROM graph_nodes m "
    "CROSS JOIN relationships r WHERE m.user_id = :user AND m.node_type = 'memory' AND r.target_type = 'memory' AND "
    "r.target_id = m.node_id AND r.source_type <> 'memory')";

/// The nodes that are no memories and at most `depth` edges from the user. Those beside a memory count as two edges
/// away, which is never too far; up to a depth of two they need no step beyond them.
std::string hubs(int depth)
{
    const std::string outward_edge = "r.source_type = f.node_type AND r.source_id = f.node_id";
    const std::string seeds =
        depth > 2 ? "UNION SELECT 2, n.node_type, n.node_id FROM touching t CROSS JOIN graph_nodes n WHERE "
                    "t.node_type <> 'memory' AND n.node_type = t.node_type AND n.node_id = t.node_id AND " +
                        std::string(visible) + " "
                  : "";
    return "walked (depth, node_type, node_id) AS ("
           "SELECT 0, node_type, node_id FROM graph_nodes WHERE node_type = 'user' AND node_id = :user " +
           seeds +
           "UNION "
           "SELECT f.depth + 1, n.node_type, n.node_id FROM walked f CROSS JOIN relationships r CROSS JOIN graph_nodes "
           "n "
           "WHERE f.depth < " +
           std::to_string(depth) + " AND ((" + outward_edge +
           " AND r.target_type <> 'memory') OR "
           "(r.target_type = f.node_type AND r.target_id = f.node_id AND r.source_type <> 'memory')) AND "
           "n.node_type = CASE WHEN " +
           outward_edge + " THEN r.target_type ELSE r.source_type END AND n.node_id = CASE WHEN " + outward_edge +
           " THEN r.target_id ELSE r.source_id END AND " + std::string(visible) +
           "), "
           "hubs (node_type, node_id) AS MATERIALIZED (SELECT DISTINCT node_type, node_id FROM walked), "
           "others (node_type, node_id) AS MATERIALIZED (SELECT node_type, node_id FROM touching WHERE "
           "node_type <> 'memory' UNION SELECT node_type, node_id FROM hubs)";
}

} // namespace

Query read_neighbourhood(const std::string& user_id, int max_depth, bool details)
{
    // Nodes and edges come in the same columns: a node has no second end.
    const std::string no_details = details ? ", CAST(NULL AS BIGINT), CAST(NULL AS TIMESTAMPTZ)" : "";
    const std::string node = "n.node_type, n.node_id, n.content, n.properties, n.importance, NULL, NULL" + no_details;
    const std::string facts = details ? ", r.properties, r.strength, " : ", NULL, NULL, ";
    const std::string more = details ? ", r.interaction_count, r.last_interaction" : "";
    const std::string sql =
        "WITH RECURSIVE " + std::string(touching) + ", " + hubs(details ? max_depth : max_depth - 1) + " SELECT " +
        node +
        " FROM graph_nodes n WHERE n.user_id = :user AND n.node_type = 'memory' "
        "UNION ALL SELECT " +
        node +
        " FROM others o CROSS JOIN graph_nodes n WHERE n.node_type = o.node_type AND "
        "n.node_id = o.node_id AND " +
        std::string(visible) +
        " UNION ALL SELECT "
        "CASE WHEN t.outward = 1 THEN 'memory' ELSE t.node_type END, CASE WHEN t.outward = 1 THEN t.memory_id ELSE "
        "t.node_id END, "
        "t.relationship_type" +
        facts +
        "CASE WHEN t.outward = 1 THEN t.node_type ELSE 'memory' END, CASE WHEN t.outward = 1 THEN t.node_id ELSE "
        "t.memory_id END" +
        more + " FROM touching t" + (details ? " CROSS JOIN relationships r WHERE r.id = t.edge_id" : "") +
        " UNION ALL SELECT r.source_type, r.source_id, r.relationship_type" + facts + "r.target_type, r.target_id" +
        more +
        " FROM hubs s CROSS JOIN relationships r CROSS JOIN hubs t WHERE r.source_type = s.node_type AND "
        "r.source_id = s.node_id AND r.target_type <> 'memory' AND t.node_type = r.target_type AND t.node_id = "
        "r.target_id";
    return query(sql, params(arg("user", user_id)));
}

Neighbourhood neighbourhood(const QueryResult& result)
{
    constexpr std::size_t second_end = 5;
    constexpr std::size_t interactions = 7;
    Neighbourhood graph;
    for (const Row& row : result) {
        if (!row[second_end].is_null())
            continue;
        NodeRecord node;
        node.ref = node_at(row, 0);
        node.content = text_at(row, 2).value_or("");
        node.properties = text_at(row, 3).value_or("");
        node.importance = row[4].as_real();
        graph.add(std::move(node));
    }
    for (const Row& row : result) {
        if (row[second_end].is_null())
            continue;
        EdgeRecord edge;
        edge.type = row[2].as_text();
        if (row.size() > interactions) {
            edge.properties = text_at(row, 3).value_or("");
            edge.strength = row[4].as_real();
            edge.interaction_count = row[interactions].as_int();
            edge.last_interaction = row[interactions + 1].as_text();
        }
        graph.add(node_at(row, 0), node_at(row, second_end), std::move(edge));
    }
    return graph;
}

Query read_direct_memories(const std::string& user_id, std::int64_t limit)
{
    return query(
        "WITH edges (node_id, relationship_type) AS ("
        "SELECT target_id, relationship_type FROM relationships WHERE source_type = 'user' AND "
        "source_id = :user AND target_type = 'memory' "
        "UNION ALL "
        "SELECT source_id, relationship_type FROM relationships WHERE target_type = 'user' AND "
        "target_id = :user AND source_type = 'memory'), "
        "direct (node_id, relationship_type) AS ("
        "SELECT node_id, MIN(relationship_type) FROM edges GROUP BY node_id) "
        "SELECT d.node_id, d.relationship_type, n.content, n.properties, n.importance FROM direct d "
        "CROSS JOIN graph_nodes n WHERE n.node_type = 'memory' AND n.node_id = d.node_id AND n.user_id = :user "
        "ORDER BY n.importance DESC, n.node_id LIMIT :limit",
        params(arg("user", user_id), arg("limit", limit)));
}

std::vector<ConnectedMemory> direct_memories(const QueryResult& result)
{
    std::vector<ConnectedMemory> memories;
    for (const Row& row : result) {
        ConnectedMemory memory;
        memory.memory_id = row["node_id"].as_text();
        memory.content = text_at(row, 2).value_or("");
        memory.properties = stored_properties(text_at(row, 3).value_or(""), "memory:" + memory.memory_id);
        memory.depth = 1;
        memory.relationship_types.emplace_back(row[1].as_text());
        memory.importance = row[4].as_real();
        memories.push_back(std::move(memory));
    }
    return memories;
}

} // namespace whisperstore::graph

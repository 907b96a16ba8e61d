#include "graph/neighbourhood_query.hpp"

#include "graph/stored_rows.hpp"

#include <utility>

namespace whisperstore::graph {

namespace {

/// Puts parts of SQL, all of them constants of this file, in the place of their names in braces.
std::string filled(std::string sql, const std::vector<std::pair<std::string, std::string>>& parts)
{
    for (const auto& [name, part] : parts)
        for (std::size_t at = sql.find(name); at != std::string::npos; at = sql.find(name, at + part.size()))
            sql.replace(at, name.size(), part);
    return sql;
}

// Users see nodes of their own, other users, and what belongs to nobody, except memories.
constexpr const char* visible =
    "(n.user_id = :user OR n.node_type = 'user' OR (n.user_id IS NULL AND n.node_type <> 'memory'))";

// `touching` are the edges of the user's memories, found from the memories: that costs as much as the user has, however
// many memories of others hang on the same topics. An edge between two memories is found once, from its source. `hubs`
// are the nodes that are no memories, some edges from the user; those beside a memory count as two edges away, which is
// never too far. Nodes and edges come in the same columns; a node has no second end.
//
// The order of the tables is the order of the joins: CROSS JOIN keeps SQLite to it, for it has no statistics.
constexpr const char* neighbourhood_sql = R"(WITH RECURSIVE
touching AS MATERIALIZED (
    SELECT {edge}
    FROM graph_nodes m CROSS JOIN relationships r
    WHERE m.user_id = :user AND m.node_type = 'memory' AND r.source_type = 'memory' AND r.source_id = m.node_id
    UNION ALL
    SELECT {edge}
    FROM graph_nodes m CROSS JOIN relationships r
    WHERE m.user_id = :user AND m.node_type = 'memory' AND r.target_type = 'memory' AND r.target_id = m.node_id
        AND r.source_type <> 'memory'
),
beside (node_type, node_id) AS MATERIALIZED (
    SELECT source_type, source_id FROM touching WHERE source_type <> 'memory'
    UNION
    SELECT target_type, target_id FROM touching WHERE target_type <> 'memory'
),
walked (depth, node_type, node_id) AS (
    SELECT 0, node_type, node_id FROM graph_nodes WHERE node_type = 'user' AND node_id = :user
    {from_memories}
    UNION
    SELECT w.depth + 1, n.node_type, n.node_id
    FROM walked w CROSS JOIN relationships r CROSS JOIN graph_nodes n
    WHERE w.depth < {depth}
        AND ((r.source_type = w.node_type AND r.source_id = w.node_id AND r.target_type <> 'memory')
            OR (r.target_type = w.node_type AND r.target_id = w.node_id AND r.source_type <> 'memory'))
        AND n.node_type = CASE WHEN r.source_type = w.node_type AND r.source_id = w.node_id
                               THEN r.target_type ELSE r.source_type END
        AND n.node_id = CASE WHEN r.source_type = w.node_type AND r.source_id = w.node_id
                             THEN r.target_id ELSE r.source_id END
        AND {visible}
),
hubs (node_type, node_id) AS MATERIALIZED (SELECT DISTINCT node_type, node_id FROM walked)
SELECT {node}
FROM graph_nodes n
WHERE n.user_id = :user AND n.node_type = 'memory'
UNION ALL
SELECT {node}
FROM (SELECT node_type, node_id FROM beside UNION SELECT node_type, node_id FROM hubs) o CROSS JOIN graph_nodes n
WHERE n.node_type = o.node_type AND n.node_id = o.node_id AND {visible}
UNION ALL
SELECT * FROM touching
UNION ALL
SELECT {edge}
FROM hubs s CROSS JOIN relationships r CROSS JOIN hubs t
WHERE r.source_type = s.node_type AND r.source_id = s.node_id AND r.target_type <> 'memory'
    AND t.node_type = r.target_type AND t.node_id = r.target_id)";

constexpr const char* walk_from_memories = R"(UNION
    SELECT 2, n.node_type, n.node_id
    FROM beside b CROSS JOIN graph_nodes n
    WHERE n.node_type = b.node_type AND n.node_id = b.node_id AND {visible})";

constexpr const char* node_columns = "n.node_type, n.node_id, n.content, n.properties, n.importance, NULL, NULL";
constexpr const char* no_details = ", CAST(NULL AS BIGINT), CAST(NULL AS TIMESTAMPTZ)";
constexpr const char* edge_columns = "r.source_type, r.source_id, r.relationship_type, NULL AS properties, "
                                     "CAST(NULL AS DOUBLE PRECISION) AS strength, r.target_type, r.target_id";
constexpr const char* detailed_columns = "r.source_type, r.source_id, r.relationship_type, r.properties, r.strength, "
                                         "r.target_type, r.target_id, r.interaction_count, r.last_interaction";

} // namespace

Query read_neighbourhood(const std::string& user_id, int max_depth, bool details)
{
    const int depth = details ? max_depth : max_depth - 1; // the last step of a search leads to a memory
    std::vector<std::pair<std::string, std::string>> parts;
    parts.emplace_back("{node}", std::string(node_columns) + (details ? no_details : ""));
    parts.emplace_back("{edge}", details ? detailed_columns : edge_columns);
    parts.emplace_back("{from_memories}", depth > 2 ? walk_from_memories : ""); // up to two they lead nowhere
    parts.emplace_back("{visible}", visible);
    parts.emplace_back("{depth}", std::to_string(depth));
    return query(filled(neighbourhood_sql, parts), params(arg("user", user_id)));
}

namespace {

NodeRecord node_record(const Row& row)
{
    NodeRecord node;
    node.ref = node_at(row, 0);
    node.content = text_at(row, 2).value_or("");
    node.properties = text_at(row, 3).value_or("");
    node.importance = row[4].as_real();
    return node;
}

} // namespace

Neighbourhood neighbourhood(const QueryResult& result)
{
    constexpr std::size_t second_end = 5;
    constexpr std::size_t interactions = 7;
    Neighbourhood graph;
    for (const Row& row : result) {
        if (!row[second_end].is_null())
            continue;
        graph.add(node_record(row));
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

// From the most important memory on, in the order of an index, until there are enough: the others are never looked at.
// Columns that are joined to an empty text are kept from the index on sources, which would bring all edges of the user
// for each memory. The minimum of a group of one node is its value; content and properties are no part of the group, so
// that it is found in the index.
Query read_direct_memories(const std::string& user_id, std::int64_t limit)
{
    return query(
        R"(SELECT 'memory', n.node_id, MIN(n.content), MIN(n.properties), n.importance, MIN(r.relationship_type)
FROM graph_nodes n CROSS JOIN relationships r
WHERE n.user_id = :user AND n.node_type = 'memory'
    AND ((r.target_type = 'memory' AND r.target_id = n.node_id
            AND r.source_type || '' = 'user' AND r.source_id || '' = :user)
        OR (r.source_type = 'memory' AND r.source_id = n.node_id AND r.target_type = 'user' AND r.target_id = :user))
GROUP BY n.importance, n.node_id
ORDER BY n.importance DESC, n.node_id LIMIT :limit)",
        params(arg("user", user_id), arg("limit", limit)));
}

std::vector<DirectMemory> direct_memories(const QueryResult& result)
{
    std::vector<DirectMemory> memories;
    for (const Row& row : result)
        memories.push_back(DirectMemory{node_record(row), std::string(row[5].as_text())});
    return memories;
}

} // namespace whisperstore::graph

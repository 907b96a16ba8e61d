#include "graph/neo4j/cypher.hpp"

#include <utility>
#include <vector>

// Two habits of these statements:
// - `REMOVE n._lock` removes nothing, for no node has it, but takes the lock that a write would: what is read after it
//   is as it will be when the transaction ends. It does so only where the database knows the name of the property,
//   which the schema's marker sees to.
// - `WITH … SKIP 0` keeps what comes after it from the planner when it looks for the nodes of a pattern. In a young
//   database there are few nodes of any label, and it would take all of them where it should follow the edges of one.

namespace whisperstore::graph::neo4j::cypher {

const std::string_view read_version = "MATCH (s:WhisperSchema {name: 'graph'}) RETURN s.version AS version";

const std::string_view create_marker_constraint =
    "CREATE CONSTRAINT whisper_schema_name IF NOT EXISTS FOR (s:WhisperSchema) REQUIRE s.name IS UNIQUE";
const std::string_view create_key_constraint =
    "CREATE CONSTRAINT whisper_node_key IF NOT EXISTS FOR (n:WhisperNode) REQUIRE n._key IS UNIQUE";
const std::string_view create_owner_index =
    "CREATE INDEX whisper_node_owner IF NOT EXISTS FOR (n:WhisperNode) ON (n._owner)";
const std::string_view await_indexes = "CALL db.awaitIndexes(300)";

// The relationships are there for the planner: where there are none it believes that looking at every relationship
// costs nothing, and a plan made then is used while the first thousands come.
const std::string_view write_marker = R"(MERGE (s:WhisperSchema {name: 'graph'})
SET s.version = $version, s._lock = true
REMOVE s._lock
WITH s
WHERE NOT EXISTS { (s)-[:PLANNER_STATISTICS]->(s) }
UNWIND range(1, 16) AS i
CREATE (s)-[:PLANNER_STATISTICS]->(s))";

// An owner is locked, so that they are not deleted before what they own is there to be deleted with them. Without a
// user_id property a memory's owner is the user of the first edge that leads from a user to it.
const std::string_view write_nodes = R"(CALL () {
    UNWIND $owners AS key
    OPTIONAL MATCH (o:WhisperNode {_key: key})
    REMOVE o._lock
    WITH key, o
    WHERE o IS NULL
    RETURN collect(key) AS missing
}
CALL (missing) {
    UNWIND CASE WHEN missing = [] THEN $nodes ELSE [] END AS row
    MERGE (n:WhisperNode {_key: row.key})
    ON CREATE SET n:$(row.label)
    SET n._content = row.content, n += row.properties
    WITH n, row
    WHERE row.names_owner
    SET n._owner = coalesce(row.owner, CASE WHEN n:Memory THEN head(COLLECT {
        MATCH (u)-[r]->(n)
        WITH u, r SKIP 0
        WHERE u:User
        RETURN u._key ORDER BY r._order LIMIT 1
    }) END)
}
RETURN missing)";

// Whoever writes an edge has its source for itself, so an edge that is not there is made by nobody else: that takes
// half the time of a MERGE by a type that is a parameter.
const std::string_view write_distinct_edges = R"(UNWIND $rows AS row
OPTIONAL MATCH (a:WhisperNode {_key: row[0]})
OPTIONAL MATCH (b:WhisperNode {_key: row[2]})
WITH collect([a, b, row]) AS edges
WITH edges, [i IN range(0, size(edges) - 1)
    WHERE edges[i][0] IS NULL OR edges[i][1] IS NULL | [i, edges[i][0] IS NULL]] AS missing
CALL (edges, missing) {
    UNWIND CASE WHEN missing = [] THEN edges ELSE [] END AS edge
    WITH edge[0] AS a, edge[1] AS b, edge[2] AS row
    REMOVE a._lock
    WITH a, b, row
    OPTIONAL MATCH (a)-[old:$(row[1])]->(b)
    REMOVE old._lock
    FOREACH (new IN CASE WHEN old IS NULL THEN [row] ELSE [] END |
        CREATE (a)-[r:$(row[1])]->(b)
        SET r = row[3]
        FOREACH (owner IN CASE WHEN row[6] THEN [a._key] ELSE [] END |
            REMOVE b._lock
            SET b._edges = coalesce(b._edges, 0) + 1
            SET r._order = b._edges, b._owner = coalesce(b._owner, owner)
        )
    )
    FOREACH (known IN CASE WHEN old IS NULL OR row[5] = 0 THEN [] ELSE [row] END |
        SET old += row[4], old._count = old._count + row[5],
            old._last = CASE WHEN old._last > $now THEN old._last ELSE $now END
    )
}
RETURN missing)";

// Rows that name one edge twice are taken together, for the planner may do a step for all rows before the next step.
// `applied` are those that change the edge. Edges are written in the order of their keys, so that of two transactions
// none has what the other one waits for; imported ones of a memory in the order in which they came, for the first of
// them says whose it is.
const std::string_view write_edges = R"(UNWIND range(0, size($rows) - 1) AS i
WITH i, $rows[i] AS row
OPTIONAL MATCH (f1:WhisperNode {_key: row.from})
OPTIONAL MATCH (f2:WhisperNode {_key: row.from_memory})
OPTIONAL MATCH (t1:WhisperNode {_key: row.to})
OPTIONAL MATCH (t2:WhisperNode {_key: row.to_memory})
WITH i, row, coalesce(f1, f2) AS a, coalesce(t1, t2) AS b
ORDER BY i
WITH a, b, row.type AS type, collect(row) AS rows, min(i) AS first,
    collect(CASE WHEN a IS NULL OR b IS NULL THEN [i, a IS NULL] END) AS absent
ORDER BY CASE WHEN $replaces THEN b._key ELSE a._key END, CASE WHEN $replaces THEN '' ELSE type END,
    CASE WHEN $replaces THEN '' ELSE b._key END, first
WITH collect({a: a, b: b, type: type, rows: rows}) AS edges,
    reduce(all = [], some IN collect(absent) | all + some) AS missing
CALL (edges, missing) {
    UNWIND CASE WHEN missing = [] THEN range(0, size(edges) - 1) ELSE [] END AS i
    WITH i, edges[i].a AS a, edges[i].b AS b, edges[i].type AS type, edges[i].rows AS rows
    MERGE (a)-[r:$(type)]->(b)
    ON CREATE SET r._count = 0
    REMOVE r._lock
    WITH i, a, b, r, rows, r._count = 0 AS created
    WITH i, a, b, r, created, CASE
        WHEN created THEN rows[0..1] + [row IN rows[1..] WHERE NOT row.keep]
        ELSE [row IN rows WHERE NOT row.keep] END AS applied
    SET r._count = reduce(count = CASE WHEN $replaces AND applied <> [] THEN 0 ELSE r._count END,
            row IN applied | count + row.count),
        r._last = reduce(last = CASE WHEN $replaces AND applied <> [] THEN '' ELSE coalesce(r._last, '') END,
            row IN applied | CASE WHEN row.last > last THEN row.last ELSE last END)
    FOREACH (row IN applied | SET r += row.properties)
    WITH i, a, b, r
    WHERE created AND a:User AND b:Memory
    SET r._order = coalesce(b._edges, 0) + 1 + i
    SET b._edges = coalesce(b._edges, 0) + size($rows), b._owner = coalesce(b._owner, a._key)
}
RETURN missing)";

const std::string_view direct_memories = R"(MATCH (u:WhisperNode {_key: $user})-[r]-(m)
WITH m, r SKIP 0
WHERE m:Memory AND m._owner = $user
WITH m, min(type(r)) AS type
ORDER BY toFloat(coalesce(m.importance, 0.5)) DESC, m._key
LIMIT $limit
RETURN properties(m) AS properties, type)";

namespace {

/// Puts parts, all of them constants of this file, in the place of their names in braces.
std::string filled(std::string text, const std::vector<std::pair<std::string, std::string>>& parts)
{
    for (const auto& [name, part] : parts)
        for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + part.size()))
            text.replace(at, name.size(), part);
    return text;
}

// The edges of the user's memories are found from the memories: that costs as much as the user has, however many
// memories of others hang on the same topics. `beside` are the other ends of these edges that are no memories, `hubs`
// those and what is reached from the user, or from them, without passing a memory; what is beside a memory is at least
// two edges away. An edge between two memories is found once, from its source.
constexpr std::string_view neighbourhood_text = R"(MATCH (u:WhisperNode {_key: $user})
CALL () {
    MATCH (m:WhisperNode {_owner: $user})
    WHERE m:Memory
    RETURN collect(m) AS memories
}
CALL (memories) {
    UNWIND memories AS m
    MATCH (m)--(x)
    WITH DISTINCT x
    WHERE {visible}
    RETURN collect(x) AS beside
}
CALL (u, beside) {
    CALL (u, beside) {
        MATCH p = (u)-[*0..{depth}]-(h)
        WHERE all(x IN nodes(p) WHERE {visible})
        RETURN DISTINCT h
        UNION
        UNWIND beside AS h
        RETURN h
        {from_memories}
    }
    RETURN collect(h) AS hubs
}
CALL (memories, hubs) {
    UNWIND memories AS n
    RETURN n, COLLECT {
        MATCH (n)-[r]-(o)
        WITH r, o SKIP 0
        WHERE o:WhisperNode AND (startNode(r) = n OR NOT o:Memory)
        RETURN [startNode(r) = n, type(r), o._key{details}]
    } AS edges
    UNION ALL
    UNWIND hubs AS n
    RETURN n, COLLECT {
        MATCH (n)-[r]->(o)
        WITH r, o SKIP 0
        WHERE o:WhisperNode AND NOT o:Memory
        RETURN [true, type(r), o._key{details}]
    } AS edges
}
RETURN properties(n) AS properties, edges)";

// Users see nodes of their own, other users (who belong to nobody), and what belongs to nobody, except memories.
constexpr const char* visible = "x:WhisperNode AND NOT x:Memory AND (x._owner IS NULL OR x._owner = $user)";
constexpr const char* walk_from_memories = R"(UNION
        UNWIND beside AS b
        MATCH p = (b)-[*0..{depth_from_memories}]-(h)
        WHERE all(x IN nodes(p) WHERE {visible})
        RETURN DISTINCT h)";

} // namespace

std::string neighbourhood(int max_depth, bool details)
{
    const int depth = details ? max_depth : max_depth - 1; // the last step of a search leads to a memory
    std::vector<std::pair<std::string, std::string>> parts;
    parts.emplace_back("{from_memories}", depth > 2 ? walk_from_memories : ""); // up to two they lead nowhere
    parts.emplace_back("{depth}", std::to_string(depth));
    parts.emplace_back("{depth_from_memories}", std::to_string(depth - 2));
    parts.emplace_back("{visible}", visible);
    parts.emplace_back("{details}", details ? ", properties(r)" : "");
    return filled(std::string(neighbourhood_text), parts);
}

const std::string_view delete_node = R"(MATCH (n:WhisperNode {_key: $key})
DETACH DELETE n
RETURN count(*) AS deleted)";

const std::string_view delete_user = R"(MATCH (u:WhisperNode {_key: $key})
REMOVE u._lock
WITH u
CALL () {
    MATCH (o:WhisperNode {_owner: $key})
    DETACH DELETE o
}
DETACH DELETE u
RETURN count(*) AS deleted)";

const std::string_view delete_some = R"(MATCH (n:WhisperNode)
WHERE n._key STARTS WITH $prefix
WITH n LIMIT $limit
DETACH DELETE n
RETURN count(*) AS deleted)";

const std::string_view export_nodes = R"(MATCH (n:WhisperNode)
WHERE n._key STARTS WITH $prefix AND n._key > $after
RETURN properties(n) AS properties
ORDER BY n._key
LIMIT $limit)";

const std::string_view export_edges_of_users = R"(MATCH (n:WhisperNode)
WHERE n._key STARTS WITH $prefix AND n._key > $after
WITH n ORDER BY n._key LIMIT $limit
RETURN n._key AS key, COLLECT {
    MATCH (o)-[r]->(n)
    WITH o, r SKIP 0
    WHERE o:User AND o:WhisperNode
    RETURN [o._key, type(r), properties(r)] ORDER BY r._order
} AS edges
ORDER BY key)";

const std::string_view export_edges = R"(MATCH (n:WhisperNode)
WHERE n._key STARTS WITH $prefix AND n._key > $after
WITH n ORDER BY n._key LIMIT $limit
RETURN n._key AS key, COLLECT {
    MATCH (n)-[r]->(o)
    WITH o, r SKIP 0
    WHERE o:WhisperNode AND NOT (n:User AND o:Memory)
    RETURN [o._key, type(r), properties(r)] ORDER BY type(r), o._key
} AS edges
ORDER BY key)";

} // namespace whisperstore::graph::neo4j::cypher

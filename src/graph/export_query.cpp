#include "graph/export_query.hpp"

#include "graph/graph_check.hpp"
#include "graph/stored_rows.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>

namespace whisperstore::graph {

namespace {

/// Edges are in the order in which they were made, and so are those whose order counts.
std::int64_t edge_number(const ExportCursor& cursor)
{
    std::int64_t number = 0;
    const std::string& text = cursor.after;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (!text.empty() && (error != std::errc() || end != text.data() + text.size()))
        throw StorageError(StorageErrc::invalid_argument, "'from' is a place in the graph of another store");
    return number;
}

GraphNode exported_node(const Row& row)
{
    GraphNode node;
    node.node = node_at(row, 0);
    node.content = text_at(row, 2).value_or("");
    node.properties = stored_properties(text_at(row, 3).value_or(""), node.node.text());
    return node;
}

NetworkEdge exported_edge(const Row& row)
{
    NetworkEdge edge;
    edge.from = node_at(row, 1);
    edge.relationship_type = row[3].as_text();
    edge.to = node_at(row, 4);
    edge.properties = stored_properties(text_at(row, 6).value_or(""), "a relationship of " + edge.from.text());
    edge.strength = strength_of(edge.properties);
    edge.interaction_count = row[7].as_int();
    edge.last_interaction = row[8].as_text();
    return edge;
}

} // namespace

Query read_part(const ExportCursor& cursor, std::int64_t limit)
{
    switch (cursor.stage) {
    case ExportCursor::Stage::nodes:
        return query("SELECT node_type, node_id, content, properties FROM graph_nodes "
                     "WHERE node_type = :type AND node_id > :after ORDER BY node_id LIMIT :limit",
                     params(arg("type", to_string(cursor.type)), arg("after", cursor.after), arg("limit", limit)));
    case ExportCursor::Stage::edges:
        return query(
            "SELECT id, source_type, source_id, relationship_type, target_type, target_id, properties, "
            "interaction_count, last_interaction FROM relationships WHERE id > :after ORDER BY id LIMIT :limit",
            params(arg("after", edge_number(cursor)), arg("limit", limit)));
    case ExportCursor::Stage::first_edges:
        break;
    }
    throw StorageError(StorageErrc::invalid_argument, "'from' is a place in the graph of another store");
}

GraphPart part(const QueryResult& result, const ExportCursor& cursor, std::int64_t limit)
{
    const bool is_full = static_cast<std::int64_t>(result.row_count) == limit;
    GraphPart out;
    ExportCursor next = cursor;
    if (cursor.stage == ExportCursor::Stage::edges) {
        for (const Row& row : result) {
            out.edges.push_back(exported_edge(row));
            next.after = std::to_string(row[0].as_int());
        }
        if (is_full)
            out.next = next.text();
        return out;
    }
    for (const Row& row : result)
        out.nodes.push_back(exported_node(row));
    if (is_full) {
        next.after = out.nodes.back().node.id;
    } else if (const std::optional<NodeType> type = next_type(cursor.type)) {
        next = ExportCursor{ExportCursor::Stage::nodes, *type};
    } else {
        next = ExportCursor{ExportCursor::Stage::edges};
    }
    out.next = next.text();
    return out;
}

} // namespace whisperstore::graph

#pragma once
// Reading the whole graph from graph_nodes and relationships, a part at a time. No I/O.

#include "graph/export_cursor.hpp"

#include <whisperstore/database/abstract_database_adapter.hpp>

namespace whisperstore::graph {

Query read_part(const ExportCursor& cursor, std::int64_t limit);
/// The part that began at `cursor`.
GraphPart part(const QueryResult& result, const ExportCursor& cursor, std::int64_t limit);

} // namespace whisperstore::graph

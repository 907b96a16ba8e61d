#pragma once
// A graph to an archive and back.

#include <whisperstore/core/async.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <filesystem>
#include <string>

namespace whisperstore::backup {

/// Writes the whole graph to a new archive.
awaitable<void> write_graph(GraphDatabaseManager& graph, std::filesystem::path archive, OperationContext context);
/// Replaces the graph by the archive's, in several steps.
awaitable<void> replace_graph(GraphDatabaseManager& graph, std::filesystem::path archive, OperationContext context);
/// Replaces the graph by another's, which is read meanwhile.
awaitable<void> copy_graph(GraphDatabaseManager& from, GraphDatabaseManager& to, OperationContext context);
/// Whether both hold the same nodes and edges, in whatever order.
awaitable<bool> same_graph(GraphDatabaseManager& graph, std::filesystem::path archive, OperationContext context);

} // namespace whisperstore::backup

#pragma once
/// \file
/// Moving a whole graph to another backend, or to a file and back.

#include <whisperstore/core/async.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <cstdint>
#include <functional>
#include <istream>
#include <ostream>

namespace whisperstore {

/// How much has been moved.
struct GraphMigrationReport
{
    std::uint64_t nodes = 0;
    std::uint64_t relationships = 0;
    friend bool operator==(const GraphMigrationReport&, const GraphMigrationReport&) = default;
};
/// Called after each part.
using GraphMigrationProgress = std::function<void(const GraphMigrationReport&)>;

/// \name Moving a graph
/// Part by part, in little memory however large the graph is. What is there already is merged, as
/// GraphDatabaseManager::import_part() says; so it can be run again when it was interrupted: twice is as good as once.
/// Others should not write into the source meanwhile; see GraphDatabaseManager::export_part(). The managers are
/// initialized; they and the streams outlive the call. Each part is a call of its own, with the context's deadline.
///@{

awaitable<GraphMigrationReport> migrate_graph(GraphDatabaseManager& from, GraphDatabaseManager& to,
                                              GraphMigrationProgress progress = GraphMigrationProgress(),
                                              OperationContext context = OperationContext());

/// Writes the graph as JSON lines (docs/neo4j.md, "The file"). The stream is written to between parts, by the calling
/// thread.
/// \throws StorageError resource_exhausted when the stream takes no more.
awaitable<GraphMigrationReport> export_graph(GraphDatabaseManager& graph, std::ostream& out,
                                             GraphMigrationProgress progress = GraphMigrationProgress(),
                                             OperationContext context = OperationContext());

/// Reads what export_graph() has written.
/// \throws StorageError syntax or invalid_argument naming the line; version_mismatch for the file of a newer version;
/// corrupt for one that was cut off. What stood before the line has been imported.
awaitable<GraphMigrationReport> import_graph(GraphDatabaseManager& graph, std::istream& in,
                                             GraphMigrationProgress progress = GraphMigrationProgress(),
                                             OperationContext context = OperationContext());
///@}

} // namespace whisperstore

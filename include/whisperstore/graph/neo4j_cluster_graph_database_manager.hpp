#pragma once
/// \file
/// The graph in a Neo4j cluster.

#include <whisperstore/graph/neo4j_graph_database_manager.hpp>

namespace whisperstore {

/// The graph in a cluster of Neo4j servers. As Neo4jGraphDatabaseManager, but for this:
///
/// It is reached by `neo4j://` (or `neo4j+s://`, `neo4j+ssc://`) with one or several `cluster_nodes`, from which it
/// learns who leads and who follows. Writes go to the leader, searches and exports to followers; a transaction whose
/// leader changed, or whose connection was lost before its commit, is run again, within the deadline or half a minute.
/// One whose commit got no answer is `outcome_unknown`, and is not.
///
/// Callers read their own writes: a write leaves its bookmark with the Session of its OperationContext (without one
/// with the manager's own), and a search with that session waits until the server it reached has it.
class Neo4jClusterGraphDatabaseManager final : public Neo4jGraphDatabaseManager
{
public:
    /// \throws StorageError invalid_argument naming the setting. Does not connect.
    explicit Neo4jClusterGraphDatabaseManager(GraphDatabaseConfig config, Logger logger = Logger());
};

} // namespace whisperstore

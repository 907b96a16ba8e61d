#include <whisperstore/graph/neo4j_cluster_graph_database_manager.hpp>

#include <utility>

namespace whisperstore {

Neo4jClusterGraphDatabaseManager::Neo4jClusterGraphDatabaseManager(GraphDatabaseConfig config, Logger logger)
    : Neo4jGraphDatabaseManager(std::move(config), std::move(logger), "neo4j_cluster")
{
}

} // namespace whisperstore

#pragma once
// The settings of the graph layer as those of the driver. Pure.

#include <whisperstore/bolt/config.hpp>
#include <whisperstore/graph/graph_database_config.hpp>

#include <string>
#include <vector>

namespace whisperstore::graph::neo4j {

/// `routed`: for a cluster. Throws StorageError invalid_argument naming the setting.
bolt::DriverConfig driver_config(const GraphDatabaseConfig& config, bool routed, Logger logger);

/// host:port of each server that is configured.
std::vector<std::string> endpoints_of(const bolt::DriverConfig& config);

} // namespace whisperstore::graph::neo4j

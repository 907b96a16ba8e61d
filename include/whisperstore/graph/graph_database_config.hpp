#pragma once
/// \file
/// Settings of the graph layer.

#include <whisperstore/core/tls_config.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace whisperstore {

/// How the graph layer connects.
struct GraphDatabaseConfig
{
    std::string type = "sqlite"; ///< sqlite (alias disabled: the relationships tables), neo4j, neo4j_cluster, none
    std::string uri;             ///< bolt:// or neo4j://; takes precedence over host and port
    std::string host;
    std::uint16_t port = 7687;
    std::string username = "neo4j";
    std::string password;             ///< a secret
    std::string database;             ///< empty: the user's home database
    std::string graph_namespace = {}; ///< of Neo4j: several graphs in one database; letters, digits, `_`, `-`, `.`
    std::vector<std::string> cluster_nodes;
    TlsConfig tls = {};
};

} // namespace whisperstore

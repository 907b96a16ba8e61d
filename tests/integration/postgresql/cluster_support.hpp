#pragma once
// Cluster adapters for tests.

#include "integration/postgresql/postgresql_support.hpp"

#include <whisperstore/database/postgresql_cluster_adapter.hpp>

#include <memory>
#include <string>

namespace whisperstore::test {

/// How the servers know the adapters of a test.
inline constexpr const char* application = "cluster_test";

inline DatabaseConfig cluster_config(const ConnectionUrl& url, const std::string& policy = "prefer_replica")
{
    DatabaseConfig config = postgresql_config(with(url, "application_name", application));
    config.type = "postgresql_cluster";
    config.read_policy = policy;
    return config;
}

inline std::shared_ptr<PostgreSQLClusterAdapter> connected_cluster(const DatabaseConfig& config,
                                                                   Logger logger = Logger())
{
    auto adapter = std::make_shared<PostgreSQLClusterAdapter>(config, std::move(logger));
    run(adapter->connect());
    return adapter;
}

/// What the adapter knows of the server on a port.
inline PostgreSQLNode node_of(const PostgreSQLClusterAdapter& adapter, std::uint16_t port)
{
    const std::string name = HostPort{"127.0.0.1", port}.to_string();
    for (const PostgreSQLNode& node : adapter.topology().nodes)
        if (node.name == name)
            return node;
    throw std::runtime_error("no server on this port is known");
}

inline std::int64_t connections_of_adapters(const ConnectionUrl& server)
{
    return std::stoll(PlainConnection(server).value("SELECT count(*) FROM pg_stat_activity WHERE application_name = '" +
                                                    std::string(application) + "'"));
}

} // namespace whisperstore::test

#include "vector/qdrant/store.hpp"

#include <whisperstore/vector/distributed_qdrant_manager.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

/// Of most replicas one has what any other most took.
VectorDatabaseConfig with_defaults(VectorDatabaseConfig config)
{
    constexpr std::size_t replicas = 3;
    std::size_t nodes = config.cluster_nodes.size();
    if (nodes == 0 && !config.url.empty())
        nodes = http::ClientConfig::of_url(config.url, "the URL of Qdrant").nodes.size();
    if (config.replication_factor == 0) // behind one name there may be any number
        config.replication_factor = nodes < 2 ? replicas : std::min(replicas, nodes);
    if (config.write_consistency_factor == 0)
        config.write_consistency_factor = config.replication_factor / 2 + 1;
    if (config.consistency.empty())
        config.consistency = "majority";
    return config;
}

} // namespace

DistributedQdrantManager::DistributedQdrantManager(VectorDatabaseConfig config)
    : HTTPQdrantManager(with_defaults(std::move(config)), "distributed_qdrant")
{
}

std::vector<QdrantNodeHealth> DistributedQdrantManager::node_health() const
{
    std::vector<QdrantNodeHealth> all;
    for (const http::NodeHealth& node : store()->server.client()->health())
        all.push_back(QdrantNodeHealth{node.node.to_string(), node.circuit.state == CircuitBreaker::State::closed,
                                       node.circuit.last_failure, node.circuit.opened, node.served, node.under_way});
    return all;
}

} // namespace whisperstore

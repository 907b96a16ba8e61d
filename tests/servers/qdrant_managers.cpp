#include "servers/qdrant_managers.hpp"

#include "support/run.hpp"

#include <whisperstore/vector/http_qdrant_manager.hpp>

#include <cstdlib>

namespace whisperstore::test {

namespace {

std::string variable(const char* name)
{
    const char* value = std::getenv(name);
    return value ? value : "";
}

void empty(const VectorDatabaseConfig& config)
{
    HTTPQdrantManager manager(config);
    run(manager.initialize());
    for (const std::string& name : run(manager.list_collections()))
        run(manager.delete_collection(name));
}

} // namespace

VectorDatabaseConfig qdrant_config(const QdrantAddress& address, bool distributed)
{
    VectorDatabaseConfig config;
    config.type = distributed ? "distributed_qdrant" : "http_qdrant";
    ConnectionUrl url = address.url();
    if (!distributed)
        url.hosts.resize(1);
    config.url = url.to_string();
    config.api_key = address.api_key;
    config.exact_search = true;
    return config;
}

QdrantPlace QdrantPlace::make()
{
    QdrantPlace place;
    if (variable("QDRANT_URL").empty()) {
        place.universe = std::make_shared<QdrantUniverse>();
        place.config = qdrant_config(place.universe->address());
        place.distributed_config = qdrant_config(place.universe->address(), true);
        return place;
    }
    place.config.type = "http_qdrant";
    place.config.url = variable("QDRANT_URL");
    place.config.api_key = variable("QDRANT_API_KEY");
    place.config.exact_search = true;
    place.distributed_config = place.config;
    place.distributed_config.type = "distributed_qdrant";
    if (!variable("QDRANT_NODES").empty())
        for (const HostPort& node : parse_hosts(variable("QDRANT_NODES")))
            place.distributed_config.cluster_nodes.push_back(node.to_string());
    empty(place.config);
    return place;
}

} // namespace whisperstore::test

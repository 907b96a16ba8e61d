#include "conformance/vector_conformance.hpp"
#include "servers/chaos_proxy.hpp"
#include "servers/chroma_servers.hpp"

#include <whisperstore/vector/distributed_chromadb_manager.hpp>
#include <whisperstore/vector/http_chromadb_manager.hpp>
#include <whisperstore/vector/local_chromadb_manager.hpp>

#include <map>
#include <memory>
#include <mutex>

namespace whisperstore::test {

namespace {

/// A database, and three ways to its server.
struct Deployment
{
    ChromaDatabase database;
    ChaosProxy first{database.port()};
    ChaosProxy second{database.port()};
    ChaosProxy third{database.port()};
};

/// The one of a test's directory, whichever of its managers asks; until the process ends.
const Deployment& deployment_of(const std::filesystem::path& directory)
{
    static std::mutex mutex;
    static std::map<std::filesystem::path, std::unique_ptr<Deployment>> all;
    const std::lock_guard lock(mutex);
    std::unique_ptr<Deployment>& deployment = all[directory];
    if (!deployment)
        deployment = std::make_unique<Deployment>();
    return *deployment;
}

VectorDatabaseConfig config_of(const Deployment& deployment)
{
    VectorDatabaseConfig config;
    config.chroma_tenant = deployment.database.tenant();
    config.chroma_database = deployment.database.database();
    return config;
}

} // namespace

void add_chroma_backends(std::vector<VectorBackend>& backends)
{
    VectorBackend http;
    http.name = "http_chromadb";
    http.slow = true;
    http.type = "http_chromadb";
    http.atomic_batches = false;
    http.score_tolerance = 1e-5; // computed in float there
    http.recall_tolerance = 0.003;
    http.make = [](const std::filesystem::path& directory) -> std::shared_ptr<VectorDatabaseManager> {
        const Deployment& deployment = deployment_of(directory);
        VectorDatabaseConfig config = config_of(deployment);
        config.host = "127.0.0.1";
        config.port = deployment.database.port();
        return std::make_shared<HTTPChromaDBManager>(config);
    };
    backends.push_back(http);

    VectorBackend distributed = http;
    distributed.name = "distributed_chromadb";
    distributed.type = "distributed_chromadb";
    distributed.make = [](const std::filesystem::path& directory) -> std::shared_ptr<VectorDatabaseManager> {
        const Deployment& deployment = deployment_of(directory);
        VectorDatabaseConfig config = config_of(deployment);
        for (const ChaosProxy* proxy : {&deployment.first, &deployment.second, &deployment.third})
            config.cluster_nodes.push_back(std::string("127.0.0.1:").append(std::to_string(proxy->port())));
        return std::make_shared<DistributedChromaDBManager>(config);
    };
    backends.push_back(distributed);

    VectorBackend local = http;
    local.name = "local_chromadb";
    local.type = "local_chromadb";
    local.make = [](const std::filesystem::path& directory) -> std::shared_ptr<VectorDatabaseManager> {
        VectorDatabaseConfig config;
        config.persist_directory = directory / "chromadb";
        config.chroma_command = chroma_program();
        return std::make_shared<LocalChromaDBManager>(config);
    };
    backends.push_back(local);
}

} // namespace whisperstore::test

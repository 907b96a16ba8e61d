#include "conformance/decorated.hpp"
#include "conformance/vector_conformance.hpp"
#include "servers/qdrant_managers.hpp"

#include <whisperstore/vector/distributed_qdrant_manager.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>

#include <map>

namespace whisperstore::test {

namespace {

/// A directory's part of the server, as long as the process lives: a manager that is opened again finds its documents.
template <typename Manager>
std::shared_ptr<VectorDatabaseManager> on_server(const std::filesystem::path& directory, bool distributed)
{
    static std::map<std::filesystem::path, QdrantPlace> places;
    const auto place =
        places.contains(directory) ? places.find(directory) : places.emplace(directory, QdrantPlace::make()).first;
    return std::make_shared<Manager>(distributed ? place->second.distributed_config : place->second.config);
}

} // namespace

const std::vector<VectorBackend>& vector_backends()
{
    static const std::vector<VectorBackend> backends = [] {
        VectorBackend local;
        local.name = "local_qdrant";
        local.type = "local_qdrant";
        local.make = [](const std::filesystem::path& directory) -> std::shared_ptr<VectorDatabaseManager> {
            VectorDatabaseConfig config;
            config.persist_directory = directory / "vectors";
            return std::make_shared<LocalQdrantManager>(config);
        };
        std::vector<VectorBackend> list(1, local);

        // Any two documents make a graph, so that there is one beside each of the suite's operations.
        VectorBackend with_graphs = local;
        with_graphs.name = "local_qdrant_with_graphs";
        with_graphs.make = [](const std::filesystem::path& directory) -> std::shared_ptr<VectorDatabaseManager> {
            VectorDatabaseConfig config;
            config.persist_directory = directory / "vectors";
            config.hnsw_threshold = 2;
            return std::make_shared<LocalQdrantManager>(config);
        };
        list.push_back(with_graphs);

        VectorBackend decorated = local;
        decorated.name = "local_qdrant_decorated";
        decorated.make = [make = local.make](const std::filesystem::path& directory) {
            return decorate(make(directory), every_layer());
        };
        list.push_back(decorated);

        VectorBackend http;
        http.name = "http_qdrant";
        http.type = "http_qdrant";
        http.atomic_batches = false;
        http.make = [](const std::filesystem::path& directory) {
            return on_server<HTTPQdrantManager>(directory, false);
        };
        list.push_back(http);

        VectorBackend distributed = http;
        distributed.name = "distributed_qdrant";
        distributed.type = "distributed_qdrant";
        distributed.make = [](const std::filesystem::path& directory) {
            return on_server<DistributedQdrantManager>(directory, true);
        };
        list.push_back(distributed);

#if defined(WHISPERSTORE_TEST_CHROMADB)
        add_chroma_backends(list);
#endif
        return list;
    }();
    return backends;
}

} // namespace whisperstore::test

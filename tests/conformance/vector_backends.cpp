#include "conformance/decorated.hpp"
#include "conformance/vector_conformance.hpp"

#include <whisperstore/vector/local_qdrant_manager.hpp>

namespace whisperstore::test {

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
#if defined(WHISPERSTORE_TEST_CHROMADB)
        add_chroma_backends(list);
#endif
        return list;
    }();
    return backends;
}

} // namespace whisperstore::test

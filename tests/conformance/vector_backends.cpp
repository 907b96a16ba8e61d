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

        VectorBackend decorated = local;
        decorated.name = "local_qdrant_decorated";
        decorated.make = [make = local.make](const std::filesystem::path& directory) {
            return decorate(make(directory), every_layer());
        };
        list.push_back(decorated);
        return list;
    }();
    return backends;
}

} // namespace whisperstore::test

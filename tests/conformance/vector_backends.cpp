#include "conformance/vector_conformance.hpp"

#include <whisperstore/vector/local_qdrant_manager.hpp>

namespace whisperstore::test {

const std::vector<VectorBackend>& vector_backends()
{
    static const std::vector<VectorBackend> backends = [] {
        VectorBackend local;
        local.name = "local_qdrant";
        local.make = [](const std::filesystem::path& directory) -> std::shared_ptr<VectorDatabaseManager> {
            VectorDatabaseConfig config;
            config.persist_directory = directory / "vectors";
            return std::make_shared<LocalQdrantManager>(config);
        };
        return std::vector<VectorBackend>(1, local);
    }();
    return backends;
}

} // namespace whisperstore::test

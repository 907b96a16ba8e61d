#pragma once
// Managers on the stand-in for Qdrant, or on the real server that QDRANT_URL (and QDRANT_NODES, QDRANT_API_KEY) name:
// one for tests, whose collections are deleted.

#include "servers/qdrant_servers.hpp"

#include <whisperstore/vector/vector_database_config.hpp>

#include <memory>

namespace whisperstore::test {

/// How a manager reaches what a test may use.
struct QdrantPlace
{
    /// On the run's stand-in, a part of its own that goes with `universe`; else the real server, emptied.
    static QdrantPlace make();

    VectorDatabaseConfig config;             ///< for http_qdrant
    VectorDatabaseConfig distributed_config; ///< for distributed_qdrant
    std::shared_ptr<QdrantUniverse> universe;
};

VectorDatabaseConfig qdrant_config(const QdrantAddress& address, bool distributed = false);

} // namespace whisperstore::test

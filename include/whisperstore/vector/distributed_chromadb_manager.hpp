#pragma once
/// \file
/// Vectors on a Chroma deployment of several frontends.

#include <whisperstore/vector/chromadb_manager.hpp>

namespace whisperstore {

/// The frontends of one distributed Chroma, each of which can serve every request. `cluster_nodes`, or
/// `url` with several hosts, names them; several servers with data of their own are no such deployment.
///
/// Requests go to the frontends that are well and least busy. One that fails is left out, asked for its health now and
/// then, and comes back. Every request that is sent may be sent twice (reads, upserts and deletions by id, collections
/// by name), so one whose frontend dies goes on with the next, unseen by the caller.
class DistributedChromaDBManager final : public ChromaDBManager
{
public:
    /// Does not connect. \throws StorageError invalid_argument for nodes that are none.
    explicit DistributedChromaDBManager(VectorDatabaseConfig config);
};

} // namespace whisperstore

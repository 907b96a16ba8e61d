#pragma once
/// \file
/// Vectors in a cluster of Qdrant.

#include <whisperstore/vector/http_qdrant_manager.hpp>

#include <chrono>

namespace whisperstore {

/// How a node of a cluster is doing, as this process sees it.
struct QdrantNodeHealth
{
    std::string node;          ///< host:port
    bool healthy = true;       ///< whether it gets calls
    std::string failure;       ///< why not
    std::uint64_t ejected = 0; ///< times it was taken out of the choice
    std::uint64_t served = 0;  ///< calls it answered
    std::uint64_t under_way = 0;
};

/// Vectors in a cluster of Qdrant, each of whose nodes serves every request.
///
/// As HTTPQdrantManager, with `cluster_nodes` (or a URL with several hosts). A call goes to the healthy node with the
/// fewest calls under way. Each node is asked every half second whether it is ready (`/readyz`); it gets no calls from
/// its first failure on, of a check or a call, until a check succeeds. What may be sent twice goes to the next node
/// when a connection breaks, when it is answered with 502, 503 or 504, and when the node it waits for fails two checks
/// in a row (a node that swallows everything is noticed within three seconds); what may not is `outcome_unknown` then.
///
/// Collections are created with three replicas (or as many as there are nodes), most of which have to take a write, and
/// reads ask most of them (`consistency` majority), so that a write is found by the next search though a minority of
/// the nodes is down. `replication_factor`, `write_consistency_factor` and `consistency` change that; with fewer than
/// most on either side a search may miss the newest writes for a moment.
class DistributedQdrantManager final : public HTTPQdrantManager
{
public:
    /// \throws StorageError invalid_argument naming the setting. Does not connect.
    explicit DistributedQdrantManager(VectorDatabaseConfig config);

    /// The nodes, in the order of the configuration. Thread safe.
    std::vector<QdrantNodeHealth> node_health() const;
};

} // namespace whisperstore

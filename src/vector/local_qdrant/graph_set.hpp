#pragma once
// The graphs of a collection: each over some of its documents, named by place and version.

#include "vector/local_qdrant/hnsw_graph.hpp"

#include <array>

namespace whisperstore::local_qdrant {

/// Number of a place in the vector index.
using Slot = std::uint32_t;

struct GraphSegment
{
    static constexpr Slot nowhere = UINT32_MAX;

    HnswGraph graph;
    VectorCodes codes;              ///< by node; empty when the collection keeps none
    std::vector<std::int64_t> seqs; ///< the version of the document that a node stands for
    /// Where that version is. Nodes of versions that are gone stay as way marks; their slots are `nowhere`, or are used
    /// by another version.
    std::vector<Slot> slots;

    std::size_t size() const noexcept { return graph.size(); }
    std::size_t memory() const noexcept
    {
        return graph.memory() + codes.memory() + seqs.capacity() * sizeof(std::int64_t) +
               slots.capacity() * sizeof(Slot);
    }
};

using GraphSet = std::vector<std::shared_ptr<const GraphSegment>>;

/// A version that is in no graph.
struct TailEntry
{
    std::int64_t seq = 0;
    Slot slot = 0;
};

/// What a search looks at: graphs, and the rest one by one.
struct Coverage
{
    static constexpr std::size_t block_size = 1024;
    using Block = std::array<TailEntry, block_size>;

    GraphSet graphs;
    std::vector<std::shared_ptr<Block>> tail; ///< versions that are gone are among them
};

} // namespace whisperstore::local_qdrant

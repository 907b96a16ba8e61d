#pragma once
// A navigable small-world graph over vectors, as flat arrays: it is made in one go, never changes
// afterwards, and can be searched by any number of threads and written to a file as it is.
//
// Yu. A. Malkov, D. A. Yashunin: Efficient and robust approximate nearest neighbor search using
// Hierarchical Navigable Small World graphs (2016). hnswlib makes the links; the search is ours (graph_search.hpp),
// because a sealed graph needs neither the locks nor the lookup tables of one that grows.

#include "vector/local_qdrant/vector_codes.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace whisperstore::local_qdrant {

struct HnswGraph
{
    using Node = std::uint32_t;

    static constexpr std::size_t upper_degree = 16;               ///< most links of a node on an upper level
    static constexpr std::size_t base_degree = 2 * upper_degree;  ///< … and on the lowest
    static constexpr std::size_t upper_stride = upper_degree + 1; ///< there a list is its length and room for that many
    static constexpr std::size_t highest_level = 30;

    Node entry = 0; ///< where searches begin: a node of the highest level
    std::vector<std::uint32_t>
        base_begin;                   ///< where a node's list begins in `base`, and at the end where the last one ends
    std::vector<Node> base;           ///< the lists of level 0: on average little more than half of the most links
    std::vector<std::uint8_t> levels; ///< how many upper levels a node is on
    std::vector<std::uint32_t> upper_begin; ///< the first of a node's lists in `upper`, counted in lists
    std::vector<Node> upper;                ///< the lists of the upper levels, from each node's first upward

    std::size_t size() const noexcept { return levels.size(); }
    std::span<const Node> links(Node node) const noexcept
    {
        return {base.data() + base_begin[node], base.data() + base_begin[node + 1]};
    }
    /// `level` is 1 or more, and not above the node's own.
    std::span<const Node> links(Node node, std::size_t level) const noexcept
    {
        const Node* const list = upper.data() + (upper_begin[node] + level - 1) * upper_stride;
        return {list + 1, *list};
    }

    /// Fills upper_begin, and says whether all fits together: no search of a graph that passes leaves the arrays.
    bool complete();
    std::size_t memory() const noexcept;
};

/// Adds the nodes that `base` has not yet, in the order of `codes`: those of `base` come first in both. Takes about
/// half a millisecond of one thread for each; nothing when `stop` says so in between. Throws std::bad_alloc.
std::optional<HnswGraph> build_graph(const HnswGraph& base, const VectorCodes& codes,
                                     const std::function<bool()>& stop);

} // namespace whisperstore::local_qdrant

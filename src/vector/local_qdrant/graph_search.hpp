#pragma once
// The search of a sealed graph: from node to node, always on from the most similar one that is left.

#include "vector/local_qdrant/hnsw_graph.hpp"

#include <algorithm>
#include <array>
#include <queue>

namespace whisperstore::local_qdrant {

/// A node and how similar it is.
struct NearNode
{
    float similarity = 0;
    HnswGraph::Node node = 0;
    friend bool operator<(const NearNode& a, const NearNode& b) noexcept { return a.similarity < b.similarity; }
    friend bool operator>(const NearNode& a, const NearNode& b) noexcept { return a.similarity > b.similarity; }
};

/// How far a search goes.
struct SearchReach
{
    std::size_t breadth = 0; ///< how many of the best it keeps: more of them, fewer missed
    std::size_t most = 0;    ///< nodes compared before it gives up
};

/// One search of one graph.
///
/// `Scorer`: `prefetch(node)`; `score(node)`, an optional similarity: nodes without one are passed over.
/// `Admit`: `bool (node)`: whether it may be among the results; others still lead the way.
template <typename Scorer, typename Admit, typename Check>
class GraphSearch
{
public:
    using Node = HnswGraph::Node;

    GraphSearch(const HnswGraph& graph, const Scorer& scorer, const Admit& admit, const Check& check)
        : graph_(graph), scorer_(scorer), admit_(admit), check_(check)
    {
    }

    /// The best admitted nodes, best first; nothing when it gave up.
    std::optional<std::vector<NearNode>> run(const SearchReach& reach)
    {
        seen_.assign((graph_.size() + 63) / 64, 0);
        const NearNode start = descend();
        mark(start.node);
        ways_.push(start);
        if (start.similarity > unknown && admit_(start.node))
            best_.push(start);
        while (!ways_.empty()) {
            const NearNode next = ways_.top();
            if (best_.size() >= reach.breadth && next < best_.top())
                break;
            ways_.pop();
            if (compared_ > reach.most)
                return std::nullopt;
            expand(next.node, reach.breadth);
        }
        std::vector<NearNode> found(best_.size());
        for (auto place = found.rbegin(); place != found.rend(); ++place) {
            *place = best_.top();
            best_.pop();
        }
        return found;
    }

private:
    static constexpr std::size_t nodes_between_checks = 512;
    static constexpr float unknown = -2; // below every similarity

    /// Down the upper levels to a good place to begin.
    NearNode descend()
    {
        NearNode best{scorer_.score(graph_.entry).value_or(unknown), graph_.entry};
        for (std::size_t level = graph_.levels[graph_.entry]; level > 0; --level)
            for (bool moved = true; moved;) {
                moved = false;
                const auto links = graph_.links(best.node, level);
                for (const Node node : links)
                    scorer_.prefetch(node);
                for (const Node node : links)
                    if (const std::optional<float> other = scorer_.score(node); other && *other > best.similarity) {
                        best = NearNode{*other, node};
                        moved = true;
                    }
            }
        return best;
    }

    void expand(Node from, std::size_t breadth)
    {
        std::array<Node, HnswGraph::base_degree> fresh;
        std::size_t count = 0;
        for (const Node node : graph_.links(from))
            if (mark(node)) {
                fresh[count++] = node;
                scorer_.prefetch(node);
            }
        if (check_ && (compared_ + count) / nodes_between_checks != compared_ / nodes_between_checks)
            check_();
        compared_ += count;
        for (std::size_t i = 0; i < count; ++i) {
            const std::optional<float> score = scorer_.score(fresh[i]);
            if (!score)
                continue;
            const NearNode node{*score, fresh[i]};
            if (best_.size() >= breadth && !(node > best_.top()))
                continue;
            ways_.push(node);
            __builtin_prefetch(graph_.links(node.node).data());
            if (!admit_(node.node))
                continue;
            best_.push(node);
            if (best_.size() > breadth)
                best_.pop();
        }
    }

    bool mark(Node node)
    {
        std::uint64_t& word = seen_[node / 64];
        const std::uint64_t bit = std::uint64_t{1} << (node % 64);
        if ((word & bit) != 0)
            return false;
        word |= bit;
        return true;
    }

    const HnswGraph& graph_;
    const Scorer& scorer_;
    const Admit& admit_;
    const Check& check_;
    std::vector<std::uint64_t> seen_; // a bit a node
    std::priority_queue<NearNode> ways_;
    std::priority_queue<NearNode, std::vector<NearNode>, std::greater<>> best_;
    std::size_t compared_ = 0;
};

} // namespace whisperstore::local_qdrant

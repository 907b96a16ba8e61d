#pragma once
// Searches over a snapshot of the index. How the best are found is decided here and nowhere else:
// by the candidates that the inverted index names, by a scan, or by the graphs and a scan of what is in none.

#include "vector/local_qdrant/graph_search.hpp"
#include "vector/local_qdrant/vector_index.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace whisperstore::local_qdrant {

/// Called every few hundred documents; throws to stop.
using CheckPoint = std::function<void()>;

/// The documents of a snapshot that match a filter.
class Selection
{
public:
    Selection(const VectorIndex& index, Filter filter);

    /// Documents to look at, at most.
    std::size_t effort() const noexcept { return candidates_ ? candidates_->size() : snapshot_.slots(); }
    const VectorIndex::Snapshot& snapshot() const noexcept { return snapshot_; }
    bool everything() const noexcept { return filter_.matches_everything(); }
    /// Whether the inverted index names candidates: effort() of them.
    bool narrowed() const noexcept { return candidates_.has_value(); }
    bool matches(Slot slot) const
    {
        return snapshot_.visible(slot) && (everything() || filter_.matches(snapshot_.document(slot).metadata));
    }

    /// Calls `visit(slot)` for each match, in no particular order.
    template <typename Visit>
    void for_each(const CheckPoint& check, Visit visit) const
    {
        const std::size_t count = effort();
        std::array<Slot, block_size> block;
        for (std::size_t begin = 0; begin < count; begin += block_size) {
            if (begin % documents_between_checks == 0 && check)
                check();
            const std::size_t end = std::min(begin + block_size, count);
            const std::size_t matches =
                candidates_ ? match_candidates(begin, end, block) : match_all(begin, end, block);
            for (std::size_t i = 0; i < matches; ++i)
                visit(block[i]);
        }
    }

private:
    static constexpr std::size_t block_size = 16;
    static constexpr std::size_t documents_between_checks = 32 * block_size;
    std::size_t match_candidates(std::size_t begin, std::size_t end, std::array<Slot, block_size>& block) const;
    std::size_t match_all(std::size_t begin, std::size_t end, std::array<Slot, block_size>& block) const;

    VectorIndex::Snapshot snapshot_;
    PackedFilter filter_;
    std::optional<std::vector<Slot>> candidates_; // none: scan all
};

/// A found document, named by the version that was scored.
struct Hit
{
    std::int64_t seq = 0;
    double score = 0;
};

/// How the most similar are found.
struct SearchPlan
{
    bool by_graph = false;  ///< else all that the selection names are compared
    SearchReach reach;      ///< of each graph
    std::size_t effort = 0; ///< in products of floats, about
};

/// How many nodes a search of a graph keeps: `breadth`, and beyond 100,000 documents more, with the square root of
/// their number. Measured (384 dimensions, clustered): 99 of 100 are found with 32 of 100,000 and with 192 of a
/// million.
std::size_t breadth_for(std::size_t breadth, std::size_t documents) noexcept;

/// The cheapest plan. `breadth`: how many nodes a search of a graph keeps at least, up to 100,000 documents.
SearchPlan plan_search(const Selection& selection, std::size_t limit, std::size_t breadth);

/// The `limit` documents of the selection most similar to a unit vector (padded with zeros to the index's stride), best
/// first, ties by id. A plan by graph may miss some of them, never names another document, and scores exactly.
std::vector<Hit> most_similar(const Selection& selection, const float* query, std::size_t limit, const SearchPlan& plan,
                              const CheckPoint& check);

} // namespace whisperstore::local_qdrant

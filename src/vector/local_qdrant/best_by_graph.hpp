#pragma once
// The most similar documents by way of the graphs.

#include "vector/local_qdrant/index_search.hpp"

namespace whisperstore::local_qdrant {

/// The best documents offered so far: higher scores first, ties by id.
class BestDocuments
{
public:
    struct Scored
    {
        float score = 0;
        Slot slot = 0;
    };

    BestDocuments(const VectorIndex::Snapshot& snapshot, std::size_t limit) : snapshot_(&snapshot), limit_(limit) {}

    void offer(Slot slot, float product);
    std::size_t size() const noexcept { return heap_.size(); }
    bool full() const noexcept { return heap_.size() >= limit_; }
    /// Of the worst of them.
    float worst_score() const noexcept { return heap_.front().score; }
    /// Best first; leaves none.
    std::vector<Scored> take();

private:
    bool better(const Scored& a, const Scored& b) const noexcept;

    const VectorIndex::Snapshot* snapshot_;
    std::size_t limit_;
    std::vector<Scored> heap_; // the worst on top
};

/// Nothing where the graphs do not lead to as many documents as there must be, and where so many have the score of the
/// last one that the graphs cannot tell which of them comes first by id.
std::optional<BestDocuments> best_by_graph(const Selection& selection, const float* query, std::size_t limit,
                                           const SearchReach& reach, const CheckPoint& check);

} // namespace whisperstore::local_qdrant

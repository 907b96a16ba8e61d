#include "vector/local_qdrant/index_search.hpp"

#include <algorithm>

namespace whisperstore::local_qdrant {

Selection::Selection(const VectorIndex& index, Filter filter)
    : snapshot_(index.snapshot()), filter_(std::move(filter), index.paths())
{
    // Above half of the documents a scan in order beats jumping to nearly all of them.
    candidates_ = index.payload().candidates(filter_, std::max<std::size_t>(snapshot_.slots() / 2, 64));
}

// Candidates lie scattered in memory: waiting for one after the other would take most of the time of
// a search. So what a block of them needs is asked for first and looked at afterwards.
std::size_t Selection::match_candidates(std::size_t begin, std::size_t end, std::array<Slot, block_size>& block) const
{
    std::size_t count = 0;
    for (std::size_t i = begin; i < end; ++i) {
        const Slot slot = (*candidates_)[i];
        if (slot >= snapshot_.slots()) // came after the snapshot
            continue;
        block[count++] = slot;
        snapshot_.prefetch_document(slot);
    }
    for (std::size_t i = 0; i < count; ++i)
        if (snapshot_.visible(block[i]))
            snapshot_.document(block[i]).metadata.prefetch();
    std::size_t matching = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (!matches(block[i]))
            continue;
        block[matching++] = block[i];
        snapshot_.prefetch_vector(block[matching - 1]);
    }
    return matching;
}

std::size_t Selection::match_all(std::size_t begin, std::size_t end, std::array<Slot, block_size>& block) const
{
    std::size_t matching = 0;
    for (std::size_t slot = begin; slot < end; ++slot)
        if (matches(static_cast<Slot>(slot)))
            block[matching++] = static_cast<Slot>(slot);
    return matching;
}

namespace {

struct Scored
{
    float score;
    Slot slot;
};

} // namespace

std::vector<Hit> most_similar(const Selection& selection, const float* query, std::size_t limit,
                              const CheckPoint& check)
{
    const VectorIndex::Snapshot& snapshot = selection.snapshot();
    const DotProduct dot = snapshot.index().dot();
    const std::size_t stride = snapshot.index().stride();
    const auto better = [&](const Scored& a, const Scored& b) {
        if (a.score != b.score)
            return a.score > b.score;
        return snapshot.document(a.slot).id < snapshot.document(b.slot).id;
    };

    std::vector<Scored> best; // a heap with the worst on top
    best.reserve(std::min(limit, selection.effort()));
    selection.for_each(check, [&](Slot slot) {
        const Scored found{std::clamp(dot(query, snapshot.vector(slot), stride), -1.0F, 1.0F), slot};
        if (best.size() < limit) {
            best.push_back(found);
            std::ranges::push_heap(best, better);
        } else if (better(found, best.front())) {
            std::ranges::pop_heap(best, better);
            best.back() = found;
            std::ranges::push_heap(best, better);
        }
    });
    std::ranges::sort_heap(best, better);

    std::vector<Hit> hits;
    hits.reserve(best.size());
    for (const Scored& found : best)
        hits.push_back(Hit{snapshot.document(found.slot).seq, static_cast<double>(found.score)});
    return hits;
}

} // namespace whisperstore::local_qdrant

#include "vector/local_qdrant/index_search.hpp"

#include "vector/local_qdrant/best_by_graph.hpp"

#include <algorithm>
#include <cmath>

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

std::size_t breadth_for(std::size_t breadth, std::size_t documents) noexcept
{
    constexpr double usual = 100'000;
    const double growth = std::sqrt(std::max(1.0, static_cast<double>(documents) / usual));
    return static_cast<std::size_t>(static_cast<double>(breadth) * growth);
}

SearchPlan plan_search(const Selection& selection, std::size_t limit, std::size_t breadth)
{
    // Measured: comparing a node costs as much as a third of the floats of its vector, and for each admitted one about
    // ten are compared. With a filter an admission costs a look at metadata somewhere else in memory.
    constexpr std::size_t nodes_per_result = 10;
    constexpr std::size_t filter_products = 64;
    const VectorIndex::Snapshot& snapshot = selection.snapshot();
    const std::size_t stride = snapshot.index().stride();
    const std::size_t per_document = stride + (selection.everything() ? 0 : filter_products);
    SearchPlan plan;
    plan.effort = selection.effort() * per_document;
    if (snapshot.graphs().empty())
        return plan;

    SearchPlan by_graph;
    by_graph.by_graph = true;
    const std::size_t documents = std::max<std::size_t>(snapshot.documents(), 1);
    // What matches a filter lies farther apart, so that more of it has to be kept to find as much.
    by_graph.reach.breadth = std::max({breadth_for(breadth, documents), selection.everything() ? 0 : 2 * breadth,
                                       2 * std::min(limit, selection.effort())});
    // A filter of which the inverted index says nothing may match any number: the search is given up when it matches
    // few.
    const std::size_t matches = selection.narrowed() ? std::max<std::size_t>(selection.effort(), 1) : documents;
    const double results = static_cast<double>(by_graph.reach.breadth) * static_cast<double>(documents) /
                           static_cast<double>(matches) * static_cast<double>(snapshot.graphs().size());
    const std::size_t per_result =
        nodes_per_result * stride / 3 + (selection.everything() ? 0 : nodes_per_result * filter_products);
    by_graph.effort =
        static_cast<std::size_t>(results * static_cast<double>(per_result)) + snapshot.tail_size() * per_document;
    by_graph.reach.most = selection.everything() ? SIZE_MAX : plan.effort / (stride / 3 + filter_products);
    return by_graph.effort < plan.effort ? by_graph : plan;
}

std::vector<Hit> most_similar(const Selection& selection, const float* query, std::size_t limit, const SearchPlan& plan,
                              const CheckPoint& check)
{
    const VectorIndex::Snapshot& snapshot = selection.snapshot();
    std::optional<BestDocuments> best;
    if (plan.by_graph)
        best = best_by_graph(selection, query, limit, plan.reach, check);
    if (!best) {
        best.emplace(snapshot, limit);
        const DotProduct dot = snapshot.index().dot();
        const std::size_t stride = snapshot.index().stride();
        selection.for_each(check, [&](Slot slot) { best->offer(slot, dot(query, snapshot.vector(slot), stride)); });
    }
    std::vector<Hit> hits;
    const std::vector<BestDocuments::Scored> sorted = best->take();
    hits.reserve(sorted.size());
    for (const BestDocuments::Scored& found : sorted)
        hits.push_back(Hit{snapshot.document(found.slot).seq, static_cast<double>(found.score)});
    return hits;
}

} // namespace whisperstore::local_qdrant

#include "vector/local_qdrant/best_by_graph.hpp"

#include "vector/local_qdrant/graph_search.hpp"

namespace whisperstore::local_qdrant {

bool BestDocuments::better(const Scored& a, const Scored& b) const noexcept
{
    if (a.score != b.score)
        return a.score > b.score;
    return snapshot_->document(a.slot).id < snapshot_->document(b.slot).id;
}

void BestDocuments::offer(Slot slot, float product)
{
    const Scored found{std::clamp(product, -1.0F, 1.0F), slot};
    const auto order = [this](const Scored& a, const Scored& b) { return better(a, b); };
    if (heap_.size() < limit_) {
        heap_.push_back(found);
        std::ranges::push_heap(heap_, order);
    } else if (better(found, heap_.front())) {
        std::ranges::pop_heap(heap_, order);
        heap_.back() = found;
        std::ranges::push_heap(heap_, order);
    }
}

std::vector<BestDocuments::Scored> BestDocuments::take()
{
    std::ranges::sort_heap(heap_, [this](const Scored& a, const Scored& b) { return better(a, b); });
    return std::exchange(heap_, {});
}

namespace {

/// By the codes that a graph keeps.
class CodeScorer
{
public:
    CodeScorer(const VectorCodes& codes, const VectorCodes& query)
        : codes_(codes), query_(query.code(0)), query_scale_(query.scale(0)), product_(fastest_code_product())
    {
    }
    void prefetch(HnswGraph::Node node) const noexcept
    {
        const std::int8_t* const code = codes_.code(node);
        const std::size_t size = std::min<std::size_t>(codes_.length(), most_lines * line);
        for (std::size_t i = 0; i < size; i += line)
            __builtin_prefetch(code + i);
    }
    std::optional<float> score(HnswGraph::Node node) const noexcept
    {
        return query_scale_ * codes_.scale(node) *
               static_cast<float>(product_(query_, codes_.code(node), codes_.length()));
    }

private:
    static constexpr std::size_t line = 64;
    static constexpr std::size_t most_lines = 8; // the processor sees by itself how it goes on
    const VectorCodes& codes_;
    const std::int8_t* query_;
    const float query_scale_;
    const CodeProduct product_;
};

/// By the floats, which only visible documents have.
class FloatScorer
{
public:
    FloatScorer(const VectorIndex::Snapshot& snapshot, const GraphSegment& segment, const float* query)
        : snapshot_(snapshot),
          segment_(segment),
          query_(query),
          product_(snapshot.index().dot()),
          stride_(snapshot.index().stride())
    {
    }
    void prefetch(HnswGraph::Node node) const noexcept
    {
        const Slot slot = segment_.slots[node];
        if (slot >= snapshot_.slots())
            return;
        snapshot_.prefetch_document(slot);
        snapshot_.prefetch_vector(slot);
    }
    std::optional<float> score(HnswGraph::Node node) const noexcept
    {
        if (!snapshot_.holds(segment_.slots[node], segment_.seqs[node]))
            return std::nullopt;
        return product_(query_, snapshot_.vector(segment_.slots[node]), stride_);
    }

private:
    const VectorIndex::Snapshot& snapshot_;
    const GraphSegment& segment_;
    const float* query_;
    const DotProduct product_;
    const std::size_t stride_;
};

class GraphsSearch
{
public:
    GraphsSearch(const Selection& selection, const float* query, std::size_t limit, const SearchReach& reach,
                 const CheckPoint& check)
        : selection_(selection),
          snapshot_(selection.snapshot()),
          query_(query),
          limit_(limit),
          reach_(reach),
          check_(check),
          code_(snapshot_.index().stride()),
          best_(snapshot_, limit)
    {
        code_.append(query);
    }

    /// `sift`: only what matches is kept on the way; else the best are kept and those that do not match dropped.
    bool run(bool sift)
    {
        best_ = BestDocuments(snapshot_, limit_);
        lowest_.clear();
        for (const auto& segment : snapshot_.graphs()) {
            const auto matching = [&](HnswGraph::Node node) { return matches(*segment, node); };
            const auto any = [](HnswGraph::Node) { return true; };
            const bool done = sift ? search(*segment, matching) : search(*segment, any);
            if (!done)
                return false;
        }
        scan_tail();
        // Had documents been left out that score no less than the last of the best, which of them are the first by id?
        return std::ranges::none_of(lowest_,
                                    [&](float lowest) { return best_.full() && lowest >= best_.worst_score(); });
    }
    const BestDocuments& best() const noexcept { return best_; }

private:
    bool matches(const GraphSegment& segment, HnswGraph::Node node) const
    {
        return snapshot_.holds(segment.slots[node], segment.seqs[node]) &&
               (selection_.everything() || selection_.matches(segment.slots[node]));
    }

    template <typename Admit>
    bool search(const GraphSegment& segment, const Admit& admit)
    {
        if (segment.codes.size() == 0)
            return search(segment, admit, FloatScorer(snapshot_, segment, query_));
        return search(segment, admit, CodeScorer(segment.codes, code_));
    }
    template <typename Admit, typename Scorer>
    bool search(const GraphSegment& segment, const Admit& admit, const Scorer& scorer)
    {
        GraphSearch<Scorer, Admit, CheckPoint> search(segment.graph, scorer, admit, check_);
        const std::optional<std::vector<NearNode>> found = search.run(reach_);
        if (!found)
            return false;
        rank(segment, *found);
        return true;
    }

    /// Scores exactly: what the codes say differs by a few thousandths, so more than are wanted are looked at.
    void rank(const GraphSegment& segment, std::span<const NearNode> nodes)
    {
        constexpr std::size_t lead = 8;
        const std::size_t most = 2 * limit_ + 16;
        const DotProduct dot = snapshot_.index().dot();
        const std::size_t stride = snapshot_.index().stride();
        float lowest = 2;
        std::size_t ranked = 0;
        for (std::size_t i = 0; i < nodes.size() && ranked < most; ++i) {
            if (i + lead < nodes.size())
                prefetch(segment, nodes[i + lead].node);
            const HnswGraph::Node node = nodes[i].node;
            if (!snapshot_.holds(segment.slots[node], segment.seqs[node]))
                continue;
            const float score = dot(query_, snapshot_.vector(segment.slots[node]), stride);
            best_.offer(segment.slots[node], score);
            lowest = std::min(lowest, score);
            ++ranked;
        }
        const bool all = ranked < most && nodes.size() < reach_.breadth;
        if (!all && ranked > 0)
            lowest_.push_back(std::min(lowest, 1.0F));
    }
    void prefetch(const GraphSegment& segment, HnswGraph::Node node) const noexcept
    {
        const Slot slot = segment.slots[node];
        if (slot >= snapshot_.slots())
            return;
        snapshot_.prefetch_document(slot);
        snapshot_.prefetch_vector(slot);
    }

    void scan_tail()
    {
        constexpr std::size_t documents_between_checks = 512;
        const DotProduct dot = snapshot_.index().dot();
        const std::size_t stride = snapshot_.index().stride();
        std::size_t count = 0;
        snapshot_.for_each_in_tail([&](Slot slot) {
            if (++count % documents_between_checks == 0 && check_)
                check_();
            if (selection_.everything() || selection_.matches(slot))
                best_.offer(slot, dot(query_, snapshot_.vector(slot), stride));
        });
    }

    const Selection& selection_;
    const VectorIndex::Snapshot& snapshot_;
    const float* query_;
    const std::size_t limit_;
    const SearchReach reach_;
    const CheckPoint& check_;
    VectorCodes code_; // of the query
    BestDocuments best_;
    std::vector<float> lowest_; // scores down to which graphs were followed
};

} // namespace

std::optional<BestDocuments> best_by_graph(const Selection& selection, const float* query, std::size_t limit,
                                           const SearchReach& reach, const CheckPoint& check)
{
    // At most so many can match; the inverted index counts some that do not.
    const std::size_t documents = selection.snapshot().documents();
    const std::size_t wanted = std::min<std::size_t>(limit, documents);
    GraphsSearch search(selection, query, limit, reach, check);
    // Few versions in a graph are gone, as a rule, so that looking them up on the way is not worth while.
    if (selection.everything() && search.run(false) && search.best().size() == wanted)
        return search.best();
    if (search.run(true) && search.best().size() == wanted)
        return search.best();
    return std::nullopt;
}

} // namespace whisperstore::local_qdrant

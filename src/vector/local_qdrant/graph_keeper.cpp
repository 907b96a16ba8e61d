#include "vector/local_qdrant/graph_keeper.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore::local_qdrant {

namespace {

// A graph takes in others, and the tail, that together have at least a quarter of its documents.
constexpr std::size_t growth = 4;
// A graph with more way marks than this share of its nodes is built anew.
constexpr double most_gone = 0.25;
constexpr std::size_t documents_between_stops = 1024;

bool mostly_gone(std::size_t live, std::size_t nodes)
{
    return static_cast<double>(nodes - live) > most_gone * static_cast<double>(nodes);
}

std::size_t count_live(const VectorIndex::Snapshot& snapshot, const GraphSegment& segment)
{
    std::size_t live = 0;
    for (std::size_t node = 0; node < segment.size(); ++node)
        live += snapshot.holds(segment.slots[node], segment.seqs[node]) ? 1U : 0U;
    return live;
}

/// By version.
std::vector<TailEntry> live_tail(const VectorIndex::Snapshot& snapshot)
{
    std::vector<TailEntry> tail;
    snapshot.for_each_in_tail([&](Slot slot) { tail.push_back(TailEntry{snapshot.document(slot).seq, slot}); });
    std::ranges::sort(tail, {}, &TailEntry::seq);
    return tail;
}

} // namespace

/// What a build is made of.
struct GraphKeeper::Work
{
    std::vector<KeptSegment> replaced;
    std::shared_ptr<const GraphSegment> base; ///< one of them that is only added to; none: all is built anew
    std::vector<TailEntry> added;             ///< from the others, and from the tail
    std::int64_t covered = 0;                 ///< the tail's versions up to this one are among them, or gone
};

GraphKeeper::GraphKeeper(std::shared_ptr<LiveIndex> index, Options options)
    : index_(std::move(index)), options_(std::move(options))
{
}

void GraphKeeper::halt(bool for_good) noexcept
{
    stopping_ = true;
    std::unique_lock lock(mutex_);
    closed_ = closed_ || for_good;
    idle_.wait(lock, [this] { return !scheduled_; });
    if (!closed_)
        stopping_ = false;
}

void GraphKeeper::stop() noexcept { halt(true); }

bool GraphKeeper::busy() const
{
    const std::lock_guard lock(mutex_);
    return scheduled_;
}

std::string GraphKeeper::last_failure() const
{
    const std::lock_guard lock(mutex_);
    return failure_;
}

void GraphKeeper::attach()
{
    if (options_.threshold == 0)
        return;
    halt(false);
    const std::shared_ptr<VectorIndex> index = index_->writable();
    const VectorIndex::Snapshot snapshot = index->snapshot();
    std::vector<std::pair<StoredGraph, std::uint64_t>> found;
    std::vector<std::filesystem::path> useless;
    for (const auto& [number, file] : graph_files(options_.database)) {
        next_number_ = std::max(next_number_, number + 1);
        std::string why;
        if (std::optional<StoredGraph> stored = read_graph(file, index->stride(), why))
            found.emplace_back(std::move(*stored), number);
        else
            useless.push_back(file);
    }
    // The largest first: a document may be in two, when a crash came between a new graph and the removal of the old
    // ones.
    std::ranges::sort(found, std::greater(), [](const auto& each) { return each.first.segment->size(); });

    kept_.clear();
    GraphSet graphs;
    std::vector<bool> covered(snapshot.slots());
    const std::size_t dimension = index->dimension();
    for (auto& [stored, number] : found) {
        GraphSegment& segment = *stored.segment;
        if (!options_.codes)
            segment.codes = VectorCodes(segment.codes.length());
        segment.slots.assign(segment.size(), GraphSegment::nowhere);
        std::size_t live = 0;
        for (std::size_t node = 0; node < segment.size(); ++node) {
            const std::optional<Slot> slot = index->find(segment.seqs[node]);
            if (!slot || covered[*slot] ||
                stored.fingerprints[node] != fingerprint(std::span(snapshot.vector(*slot), dimension)))
                continue;
            covered[*slot] = true;
            segment.slots[node] = *slot;
            ++live;
        }
        if (live == 0 || (options_.codes && segment.codes.size() == 0)) {
            for (const Slot slot : segment.slots)
                if (slot != GraphSegment::nowhere)
                    covered[slot] = false;
            useless.push_back(graph_file(options_.database, number));
            continue;
        }
        kept_.push_back(KeptSegment{stored.segment, number});
        graphs.push_back(stored.segment);
    }
    std::vector<TailEntry> others;
    for (Slot slot = 0; slot < snapshot.slots(); ++slot)
        if (!covered[slot] && snapshot.visible(slot))
            others.push_back(TailEntry{snapshot.document(slot).seq, slot});
    index->replace_graphs(std::move(graphs), INT64_MAX, others);
    if (options_.thread) {
        std::error_code ignored; // looked at, and passed over, at the next opening too
        for (const std::filesystem::path& file : useless)
            std::filesystem::remove(file, ignored);
    }
    ended_before_ = 0;
    consider();
}

void GraphKeeper::refresh()
{
    if (options_.threshold == 0 || index_->get()->tail_size() < fold_threshold())
        return;
    const auto files = graph_files(options_.database);
    const bool known = std::ranges::all_of(files, [this](const auto& file) { return file.first < next_number_; });
    if (!known)
        attach();
}

bool GraphKeeper::work_waits() const
{
    const auto index = index_->get();
    const std::size_t tail = index->tail_size();
    // Cheap signs that there may be something to do; plan_work() looks closely.
    return tail >= (index->has_graphs() ? fold_threshold() : options_.threshold) ||
           (index->has_graphs() && index->ended() - ended_before_.load(std::memory_order_relaxed) >= fold_threshold());
}

void GraphKeeper::consider() noexcept
{
    if (!options_.thread || options_.threshold == 0 || stopping())
        return;
    try {
        if (!work_waits())
            return;
        const std::lock_guard lock(mutex_);
        if (scheduled_ || closed_)
            return;
        options_.thread->post([self = shared_from_this()] { self->run(); });
        scheduled_ = true;
    } catch (...) {
        // Out of memory or threads: searches go on over a longer tail, and the next change tries again.
    }
}

void GraphKeeper::run() noexcept
{
    std::string failure;
    try {
        while (!stopping() && step()) {
        }
    } catch (const std::exception& error) {
        failure = error.what();
    }
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
    scheduled_ = false;
    idle_.notify_all();
}

std::optional<GraphKeeper::Work> GraphKeeper::plan_work(const VectorIndex::Snapshot& snapshot,
                                                        std::vector<TailEntry> tail) const
{
    struct Candidate
    {
        const KeptSegment* kept;
        std::size_t live;
    };
    std::vector<Candidate> candidates;
    bool any_gone = false;
    for (const KeptSegment& kept : kept_) {
        candidates.push_back(Candidate{&kept, count_live(snapshot, *kept.segment)});
        any_gone = any_gone || mostly_gone(candidates.back().live, kept.segment->size());
    }
    if (tail.size() < (kept_.empty() ? options_.threshold : fold_threshold())) {
        if (!any_gone)
            return std::nullopt;
        tail.clear();
    }
    std::ranges::sort(candidates, {}, &Candidate::live);

    Work work;
    std::size_t together = tail.size();
    std::size_t largest = 0;
    for (const Candidate& candidate : candidates) {
        const std::size_t nodes = candidate.kept->segment->size();
        const bool gone = mostly_gone(candidate.live, nodes);
        if (!gone && candidate.live > growth * together)
            continue;
        work.replaced.push_back(*candidate.kept);
        together += candidate.live;
        if (!gone && candidate.live > largest) {
            largest = candidate.live;
            work.base = candidate.kept->segment;
        }
    }
    // What is stopped halfway is lost: so a long tail is taken in pieces, each at least doubling what there is.
    const std::size_t most = std::max(options_.threshold, together - tail.size());
    if (tail.size() > most)
        tail.resize(most);
    if (!tail.empty())
        work.covered = tail.back().seq;
    for (const KeptSegment& kept : work.replaced)
        if (kept.segment != work.base)
            for (std::size_t node = 0; node < kept.segment->size(); ++node)
                if (snapshot.holds(kept.segment->slots[node], kept.segment->seqs[node]))
                    work.added.push_back(TailEntry{kept.segment->seqs[node], kept.segment->slots[node]});
    work.added.insert(work.added.end(), tail.begin(), tail.end());
    return work;
}

/// Builds one graph; false when there is nothing to build.
bool GraphKeeper::step()
{
    const std::uint64_t ended = index_->get()->ended();
    const std::shared_ptr<VectorIndex> index = index_->writable();
    const std::function<bool()> stop = [this] { return stopping(); };
    std::optional<Work> work;
    auto segment = std::make_shared<GraphSegment>();
    segment->codes = VectorCodes(index->stride());
    std::vector<std::uint64_t> fingerprints;
    {
        // No longer than it takes to read the vectors: while it lives, no slot of a document that went is used again.
        const VectorIndex::Snapshot snapshot = index->snapshot();
        const std::vector<TailEntry> tail = live_tail(snapshot);
        work = plan_work(snapshot, tail);
        if (!work) {
            // It only seemed long: without what is gone it is seen to be short.
            if (tail.size() < snapshot.tail_size())
                index->replace_graphs(snapshot.graphs(), snapshot.newest_in_tail(), tail);
            ended_before_.store(ended, std::memory_order_relaxed);
            return false;
        }
        const std::size_t based = work->base ? work->base->size() : 0;
        const std::size_t size = based + work->added.size();
        const bool coded = work->base && work->base->codes.size() > 0;
        segment->codes.reserve(size);
        segment->seqs.reserve(size);
        segment->slots.reserve(size);
        fingerprints.reserve(size);
        if (coded)
            segment->codes.append(work->base->codes);
        const auto add = [&](std::size_t node, std::int64_t seq, Slot slot, bool with_code) {
            const bool there = snapshot.holds(slot, seq);
            segment->seqs.push_back(seq);
            segment->slots.push_back(there ? slot : GraphSegment::nowhere);
            fingerprints.push_back(there ? fingerprint(std::span(snapshot.vector(slot), index->dimension())) : 0);
            if (with_code && there)
                segment->codes.append(snapshot.vector(slot));
            else if (with_code)
                segment->codes.append_nothing();
            return node % documents_between_stops != 0 || !stop();
        };
        for (std::size_t node = 0; node < based; ++node)
            if (!add(node, work->base->seqs[node], work->base->slots[node], !coded))
                return false;
        for (std::size_t i = 0; i < work->added.size(); ++i)
            if (!add(based + i, work->added[i].seq, work->added[i].slot, true))
                return false;
    }

    if (segment->seqs.empty()) {
        segment.reset(); // all of it went
    } else {
        std::optional<HnswGraph> graph =
            build_graph(work->base ? work->base->graph : HnswGraph(), segment->codes, stop);
        if (!graph)
            return false;
        segment->graph = std::move(*graph);
        if (!options_.codes)
            segment->codes = VectorCodes(index->stride());
    }

    GraphSet graphs;
    std::vector<KeptSegment> kept;
    for (const KeptSegment& each : kept_)
        if (std::ranges::none_of(work->replaced, [&](const KeptSegment& old) { return old.segment == each.segment; })) {
            kept.push_back(each);
            graphs.push_back(each.segment);
        }
    if (segment)
        graphs.push_back(segment);
    index->replace_graphs(std::move(graphs), work->covered, {});

    // Searches use it from here on. Its file only spares the next opening the work.
    std::uint64_t number = 0;
    std::exception_ptr failure;
    try {
        const std::uint64_t next = next_number_++;
        if (segment && write_graph(graph_file(options_.database, next), *segment, fingerprints, stop))
            number = next;
    } catch (...) {
        failure = std::current_exception();
    }
    if (segment)
        kept.push_back(KeptSegment{segment, number});
    kept_ = std::move(kept);
    if (failure)
        std::rethrow_exception(failure);
    if (segment && number == 0)
        return false;        // stopped
    std::error_code ignored; // the next opening removes it
    for (const KeptSegment& old : work->replaced)
        if (old.number != 0)
            std::filesystem::remove(graph_file(options_.database, old.number), ignored);
    return true;
}

} // namespace whisperstore::local_qdrant

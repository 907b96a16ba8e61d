#include "vector/local_qdrant/vector_index.hpp"

#include <algorithm>
#include <bit>

namespace whisperstore::local_qdrant {

namespace {

constexpr std::align_val_t alignment{64};
constexpr std::size_t chunk_bytes = 1024UL * 1024UL;

unsigned slots_as_power_of_two(std::size_t stride)
{
    const std::size_t fitting = chunk_bytes / (stride * sizeof(float));
    return static_cast<unsigned>(std::bit_width(std::clamp<std::size_t>(fitting, 16, 4096)) - 1);
}

} // namespace

AlignedFloats::AlignedFloats(std::size_t size)
    : data_(static_cast<float*>(::operator new(size * sizeof(float), alignment)))
{
    std::uninitialized_fill_n(data_.get(), size, 0.0F);
}

void AlignedFloats::Free::operator()(float* data) const noexcept { ::operator delete(data, alignment); }

Chunk::Chunk(std::size_t slots, std::size_t stride)
    : vectors(slots * stride),
      lifetimes(std::make_unique<Lifetime[]>(slots)),
      documents(std::make_unique<Document[]>(slots))
{
}

VectorIndex::VectorIndex(std::size_t dimension, std::shared_ptr<PathTable> paths)
    : dimension_(dimension),
      stride_(padded(dimension)),
      shift_(slots_as_power_of_two(stride_)),
      dot_(fastest_dot_product()),
      paths_(std::move(paths))
{
}

VectorIndex::Snapshot::Snapshot(std::shared_ptr<const VectorIndex> index) : index_(std::move(index))
{
    const std::lock_guard lock(index_->mutex_);
    version_ = index_->version_;
    slots_ = index_->published_slots_;
    documents_ = index_->published_documents_;
    newest_ = index_->published_newest_;
    chunks_ = index_->published_chunks_;
    coverage_ = index_->coverage_;
    tail_ = index_->tail_;
    ++index_->pinned_[version_];
}

VectorIndex::Snapshot::~Snapshot()
{
    if (!index_) // moved from
        return;
    const std::lock_guard lock(index_->mutex_);
    const auto pinned = index_->pinned_.find(version_);
    if (--pinned->second == 0)
        index_->pinned_.erase(pinned);
}

Slot VectorIndex::take_slot()
{
    if (!free_.empty()) {
        const Slot slot = free_.back();
        free_.pop_back();
        return slot;
    }
    const std::size_t per_chunk = std::size_t{1} << shift_;
    if (used_slots_ == chunks_->size() * per_chunk) {
        Chunks more = *chunks_;
        more.push_back(std::make_shared<Chunk>(per_chunk, stride_));
        chunks_ = std::make_shared<const Chunks>(std::move(more));
    }
    return used_slots_++;
}

void VectorIndex::stage(std::string id, std::int64_t seq, PackedMetadata metadata, std::span<const float> embedding)
{
    if (const auto known = by_id_.find(id); known != by_id_.end())
        end(known->second);

    const Slot slot = take_slot();
    Chunk& place = chunk(slot);
    const std::size_t at = offset(slot);
    std::ranges::copy(embedding, place.vectors.data() + at * stride_);
    Chunk::Document& document = place.documents[at];
    document.id = std::move(id);
    document.seq = seq;
    newest_ = std::max(newest_, seq);
    document.metadata = std::move(metadata);
    document_bytes_ += document.metadata.memory() + document.id.size();
    by_id_.emplace(document.id, slot);
    by_seq_.emplace(seq, slot);
    payload_.add(slot, document.metadata);
    staged_.push_back(TailEntry{seq, slot});
    // Snapshots are older than this version, so none sees the document before publish().
    place.lifetimes[at].begin.store(version_ + 1, std::memory_order_release);
    place.lifetimes[at].end.store(forever, std::memory_order_release);
}

void VectorIndex::end(Slot slot)
{
    Chunk& place = chunk(slot);
    const std::size_t at = offset(slot);
    by_id_.erase(place.documents[at].id);
    by_seq_.erase(place.documents[at].seq);
    ended_.emplace_back(version_ + 1, slot);
    ended_count_.fetch_add(1, std::memory_order_relaxed);
    place.lifetimes[at].end.store(version_ + 1, std::memory_order_release);
}

void VectorIndex::stage_removal(std::int64_t seq)
{
    if (const auto found = by_seq_.find(seq); found != by_seq_.end())
        end(found->second);
}

void VectorIndex::publish()
{
    {
        const std::lock_guard lock(mutex_);
        append_staged();
        ++version_;
        published_slots_ = used_slots_;
        published_documents_ = by_id_.size();
        published_newest_ = newest_;
        published_chunks_ = chunks_;
    }
    // A little at a time, so that the deletion of very many never holds up one write.
    reclaim(4096);
}

std::optional<Slot> VectorIndex::find(std::int64_t seq) const
{
    const auto found = by_seq_.find(seq);
    return found == by_seq_.end() ? std::nullopt : std::optional(found->second);
}

namespace {

/// Puts entries behind the first `size` of a tail.
void append_to_tail(std::vector<std::shared_ptr<Coverage::Block>>& tail, std::size_t& size,
                    std::span<const TailEntry> entries)
{
    for (const TailEntry& entry : entries) {
        if (size == tail.size() * Coverage::block_size)
            tail.push_back(std::make_shared<Coverage::Block>());
        (*tail[size / Coverage::block_size])[size % Coverage::block_size] = entry;
        ++size;
    }
}

} // namespace

void VectorIndex::append_staged()
{
    // Documents that are written again and again leave entries of versions that are gone.
    if (tail_ + staged_.size() > 2 * by_id_.size() + Coverage::block_size)
        compact_tail();
    if (tail_ + staged_.size() > coverage_->tail.size() * Coverage::block_size) {
        auto more = std::make_shared<Coverage>(*coverage_);
        std::size_t size = tail_;
        append_to_tail(more->tail, size, staged_);
        coverage_ = std::move(more);
    } else {
        // Snapshots know fewer entries than there are now, and look at no others.
        for (std::size_t i = 0; i < staged_.size(); ++i)
            (*coverage_->tail[(tail_ + i) / Coverage::block_size])[(tail_ + i) % Coverage::block_size] = staged_[i];
    }
    tail_ += staged_.size();
    staged_.clear();
    if (staged_.capacity() > Coverage::block_size) // after loading, or a large batch
        staged_.shrink_to_fit();
}

void VectorIndex::compact_tail()
{
    std::vector<TailEntry> left;
    for (std::size_t i = 0; i < tail_; ++i) {
        const TailEntry& entry = (*coverage_->tail[i / Coverage::block_size])[i % Coverage::block_size];
        // What goes with this version is still to be found by the snapshots of this one, which keep the tail they have.
        if (by_seq_.contains(entry.seq))
            left.push_back(entry);
    }
    auto compact = std::make_shared<Coverage>();
    compact->graphs = coverage_->graphs;
    std::size_t size = 0;
    append_to_tail(compact->tail, size, left);
    coverage_ = std::move(compact);
    tail_ = size;
}

void VectorIndex::replace_graphs(GraphSet graphs, std::int64_t covered, std::span<const TailEntry> others)
{
    auto fresh = std::make_shared<Coverage>();
    fresh->graphs = std::move(graphs);
    std::size_t size = 0;
    append_to_tail(fresh->tail, size, others);
    std::shared_ptr<const Coverage> old; // freed outside of the lock
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < tail_; ++i) {
        const TailEntry& entry = (*coverage_->tail[i / Coverage::block_size])[i % Coverage::block_size];
        if (entry.seq > covered)
            append_to_tail(fresh->tail, size, std::span(&entry, 1));
    }
    old = std::exchange(coverage_, std::move(fresh));
    tail_ = size;
}

std::size_t VectorIndex::tail_size() const
{
    const std::lock_guard lock(mutex_);
    return tail_;
}

bool VectorIndex::has_graphs() const
{
    const std::lock_guard lock(mutex_);
    return !coverage_->graphs.empty();
}

std::uint64_t VectorIndex::oldest_pinned() const
{
    const std::lock_guard lock(mutex_);
    return pinned_.empty() ? version_ : pinned_.begin()->first;
}

void VectorIndex::reclaim(std::size_t most)
{
    const std::uint64_t oldest = oldest_pinned();
    for (std::size_t i = 0; i < most && !ended_.empty() && ended_.front().first <= oldest; ++i) {
        const Slot slot = ended_.front().second;
        Chunk::Document& document = chunk(slot).documents[offset(slot)];
        payload_.remove(slot, document.metadata);
        document_bytes_ -= document.metadata.memory() + document.id.size();
        document = Chunk::Document();
        free_.push_back(slot);
        ended_.pop_front();
    }
}

std::size_t VectorIndex::memory() const
{
    std::size_t slots = 0;
    std::size_t graphs = 0;
    {
        const std::lock_guard lock(mutex_);
        slots = published_chunks_->size() << shift_;
        for (const auto& segment : coverage_->graphs)
            graphs += segment->memory();
        graphs += coverage_->tail.size() * sizeof(Coverage::Block);
    }
    const std::size_t per_slot =
        stride_ * sizeof(float) + sizeof(Chunk::Lifetime) + sizeof(Chunk::Document) +
        2 * (sizeof(std::pair<std::string_view, Slot>) + 1); // and the two ways to find a document
    return slots * per_slot + document_bytes_.load(std::memory_order_relaxed) + payload_.memory() + graphs;
}

} // namespace whisperstore::local_qdrant

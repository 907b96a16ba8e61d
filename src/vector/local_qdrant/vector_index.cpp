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
    : stride_(padded(dimension)),
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
    chunks_ = index_->published_chunks_;
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
    document.metadata = std::move(metadata);
    document_bytes_ += document.metadata.memory() + document.id.size();
    by_id_.emplace(document.id, slot);
    by_seq_.emplace(seq, slot);
    payload_.add(slot, document.metadata);
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
        ++version_;
        published_slots_ = used_slots_;
        published_documents_ = by_id_.size();
        published_chunks_ = chunks_;
    }
    // A little at a time, so that the deletion of very many never holds up one write.
    reclaim(4096);
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
    const std::shared_ptr<const Chunks> chunks = [this] {
        const std::lock_guard lock(mutex_);
        return published_chunks_;
    }();
    const std::size_t slots = chunks->size() << shift_;
    const std::size_t per_slot =
        stride_ * sizeof(float) + sizeof(Chunk::Lifetime) + sizeof(Chunk::Document) +
        2 * (sizeof(std::pair<std::string_view, Slot>) + 1); // and the two ways to find a document
    return slots * per_slot + document_bytes_.load(std::memory_order_relaxed) + payload_.memory();
}

} // namespace whisperstore::local_qdrant

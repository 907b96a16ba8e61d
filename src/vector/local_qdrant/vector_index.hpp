#pragma once
// The vectors of a collection in memory, with what filters need.
//
// Documents live in slots. A slot's content never changes while a snapshot can see it: replacing or
// deleting a document ends its slot and, for a replacement, begins another one; ended slots are used
// again when no snapshot sees them any more. So one writer publishes whole changes while searches go
// on, each over the state it began with, and neither waits for the other.

#include "vector/local_qdrant/dot_product.hpp"
#include "vector/local_qdrant/payload_index.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <deque>
#include <map>
#include <new>
#include <span>

namespace whisperstore::local_qdrant {

/// Floats aligned for the dot product.
class AlignedFloats
{
public:
    /// Zeros.
    explicit AlignedFloats(std::size_t size);
    float* data() noexcept { return data_.get(); }
    const float* data() const noexcept { return data_.get(); }

private:
    struct Free
    {
        void operator()(float* data) const noexcept;
    };
    std::unique_ptr<float[], Free> data_;
};

/// Some documents: the slots never move.
struct Chunk
{
    Chunk(std::size_t slots, std::size_t stride);

    struct Document
    {
        std::string id;
        std::int64_t seq = 0;
        PackedMetadata metadata;
    };
    /// Versions of the index in which the document is there: begin <= version < end.
    struct Lifetime
    {
        std::atomic<std::uint64_t> begin{0};
        std::atomic<std::uint64_t> end{0};
    };
    AlignedFloats vectors;
    std::unique_ptr<Lifetime[]> lifetimes;
    std::unique_ptr<Document[]> documents;
};

class VectorIndex : public std::enable_shared_from_this<VectorIndex>
{
public:
    using Chunks = std::vector<std::shared_ptr<Chunk>>;

    VectorIndex(std::size_t dimension, std::shared_ptr<PathTable> paths);

    /// \name The writer: one thread at a time
    ///@{
    /// Prepares an insertion or, where the id is there, a replacement. `seq` names this version of the document.
    void stage(std::string id, std::int64_t seq, PackedMetadata metadata, std::span<const float> embedding);
    /// Prepares the removal of the version `seq`, if it is there.
    void stage_removal(std::int64_t seq);
    /// Makes all that was staged visible at once.
    void publish();
    /// Where a version is.
    std::optional<Slot> find(std::int64_t seq) const;
    ///@}

    /// Searches from now on use these graphs. They stand for all versions up to `covered` but those in `others`. Thread
    /// safe.
    void replace_graphs(GraphSet graphs, std::int64_t covered, std::span<const TailEntry> others);
    /// Versions in no graph, those included that are gone. Thread safe.
    std::size_t tail_size() const;
    bool has_graphs() const;
    /// Versions that went since the index was made. Thread safe.
    std::uint64_t ended() const noexcept { return ended_count_.load(std::memory_order_relaxed); }

    /// A state of the index; it stays as it is while the object lives. Thread safe.
    class Snapshot
    {
    public:
        Snapshot(Snapshot&&) noexcept = default;
        ~Snapshot();

        bool visible(Slot slot) const noexcept
        {
            const Chunk::Lifetime& lifetime = chunk(slot).lifetimes[index_->offset(slot)];
            // The end first: when a slot is used again its begin is written before its end.
            return version_ < lifetime.end.load(std::memory_order_acquire) &&
                   lifetime.begin.load(std::memory_order_acquire) <= version_;
        }
        const Chunk::Document& document(Slot slot) const noexcept
        {
            return chunk(slot).documents[index_->offset(slot)];
        }
        const float* vector(Slot slot) const noexcept
        {
            return chunk(slot).vectors.data() + index_->offset(slot) * index_->stride_;
        }
        /// Ask the processor to fetch what is needed soon.
        void prefetch_document(Slot slot) const noexcept
        {
            __builtin_prefetch(&chunk(slot).lifetimes[index_->offset(slot)]);
            __builtin_prefetch(&document(slot));
        }
        void prefetch_vector(Slot slot) const noexcept
        {
            // The beginning; the processor sees by itself how it goes on.
            const float* floats = vector(slot);
            const std::size_t size = std::min<std::size_t>(index_->stride_, 4 * floats_per_line);
            for (std::size_t i = 0; i < size; i += floats_per_line)
                __builtin_prefetch(floats + i);
        }
        /// Whether the version `seq` is in that slot, and visible.
        bool holds(Slot slot, std::int64_t seq) const noexcept
        {
            return slot < slots_ && visible(slot) && document(slot).seq == seq;
        }
        const GraphSet& graphs() const noexcept { return coverage_->graphs; }
        /// How many versions for_each_in_tail() looks at.
        std::size_t tail_size() const noexcept { return tail_; }
        /// The newest of these; 0 when there is none.
        std::int64_t newest_in_tail() const noexcept
        {
            std::int64_t newest = 0;
            for (std::size_t i = 0; i < tail_; ++i)
                newest = std::max(newest, tail_entry(i).seq);
            return newest;
        }
        /// Calls `visit(slot)` for each visible document that is in no graph.
        template <typename Visit>
        void for_each_in_tail(Visit visit) const
        {
            for (std::size_t i = 0; i < tail_; ++i) {
                const TailEntry& entry = tail_entry(i);
                if (i + tail_lead < tail_)
                    prefetch_document(tail_entry(i + tail_lead).slot);
                if (holds(entry.slot, entry.seq))
                    visit(entry.slot);
            }
        }
        Slot slots() const noexcept { return slots_; }
        std::uint64_t documents() const noexcept { return documents_; }
        /// The newest version it knows of, which may be gone.
        std::int64_t newest() const noexcept { return newest_; }
        const VectorIndex& index() const noexcept { return *index_; }

    private:
        static constexpr std::size_t floats_per_line = 16;
        static constexpr std::size_t tail_lead = 8; // entries fetched ahead
        const TailEntry& tail_entry(std::size_t i) const noexcept
        {
            return (*coverage_->tail[i / Coverage::block_size])[i % Coverage::block_size];
        }
        friend class VectorIndex;
        explicit Snapshot(std::shared_ptr<const VectorIndex> index);
        const Chunk& chunk(Slot slot) const noexcept { return *(*chunks_)[slot >> index_->shift_]; }

        std::shared_ptr<const VectorIndex> index_;
        std::shared_ptr<const Chunks> chunks_;
        std::shared_ptr<const Coverage> coverage_;
        std::size_t tail_ = 0;
        std::uint64_t version_ = 0;
        Slot slots_ = 0;
        std::uint64_t documents_ = 0;
        std::int64_t newest_ = 0;
    };
    Snapshot snapshot() const { return Snapshot(shared_from_this()); }

    std::size_t dimension() const noexcept { return dimension_; }
    std::size_t stride() const noexcept { return stride_; }
    DotProduct dot() const noexcept { return dot_; }
    const PayloadIndex& payload() const noexcept { return payload_; }
    const PathTable& paths() const noexcept { return *paths_; }
    /// Bytes, estimated.
    std::size_t memory() const;

private:
    static constexpr std::uint64_t forever = UINT64_MAX;
    std::size_t offset(Slot slot) const noexcept { return slot & ((std::size_t{1} << shift_) - 1); }
    Chunk& chunk(Slot slot) noexcept { return *(*chunks_)[slot >> shift_]; }
    Slot take_slot();
    void end(Slot slot);
    void reclaim(std::size_t most);
    std::uint64_t oldest_pinned() const;
    void append_staged();
    void compact_tail();

    const std::size_t dimension_;
    const std::size_t stride_; // floats from one vector to the next
    const unsigned shift_;     // slots per chunk, as a power of two
    const DotProduct dot_;
    const std::shared_ptr<PathTable> paths_;
    PayloadIndex payload_;

    // Of the writer.
    std::shared_ptr<const Chunks> chunks_ = std::make_shared<const Chunks>();
    boost::unordered_flat_map<std::string_view, Slot> by_id_; // views of the documents' own ids
    boost::unordered_flat_map<std::int64_t, Slot> by_seq_;
    std::deque<std::pair<std::uint64_t, Slot>> ended_; // oldest first, with the version that ended it
    std::vector<Slot> free_;
    std::vector<TailEntry> staged_;
    Slot used_slots_ = 0;
    std::int64_t newest_ = 0;

    mutable std::mutex mutex_; // of what follows
    std::uint64_t version_ = 0;
    Slot published_slots_ = 0;
    std::uint64_t published_documents_ = 0;
    std::int64_t published_newest_ = 0;
    std::shared_ptr<const Chunks> published_chunks_ = chunks_;
    std::shared_ptr<const Coverage> coverage_ = std::make_shared<const Coverage>();
    std::size_t tail_ = 0;
    mutable std::map<std::uint64_t, std::size_t> pinned_; // version -> snapshots
    std::atomic<std::size_t> document_bytes_{0};
    std::atomic<std::uint64_t> ended_count_{0};
};

} // namespace whisperstore::local_qdrant

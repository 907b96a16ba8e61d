#pragma once
// Which documents have a value at a path: the inverted index behind selective filters.

#include "vector/local_qdrant/graph_set.hpp"
#include "vector/local_qdrant/packed_metadata.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace whisperstore::local_qdrant {

/// A sorted set of slots in blocks, so that a change moves little even among millions.
class SlotSet
{
public:
    void insert(Slot slot);
    void erase(Slot slot) noexcept;
    std::size_t size() const noexcept { return size_; }
    void append_to(std::vector<Slot>& out) const;

private:
    using Block = std::vector<Slot>;
    std::vector<Block>::iterator block_of(Slot slot) noexcept;
    std::vector<Block> blocks_;
    std::size_t size_ = 0;
};

/// Lists are found by a hash, so a list may hold slots of another value: candidates are to be checked
/// with the filter. It never misses one. Thread safe; each call holds a lock for microseconds.
class PayloadIndex
{
public:
    void add(Slot slot, const PackedMetadata& metadata);
    void remove(Slot slot, const PackedMetadata& metadata) noexcept;

    /// Slots that can match the filter, ascending; nothing when the filter does not narrow them down
    /// to `most` or fewer.
    std::optional<std::vector<Slot>> candidates(const PackedFilter& filter, std::size_t most) const;

    /// Bytes, estimated.
    std::size_t memory() const;

private:
    struct Posting // most values of an id or a time occur once
    {
        Slot only = 0;
        std::unique_ptr<SlotSet> several;
    };
    struct Choice
    {
        std::vector<std::uint64_t> keys;
        std::size_t size = 0;
    };
    std::optional<Choice> choose(const Filter::Node& node, const PackedFilter& filter) const;
    Choice choose(const PackedFilter::Leaf& leaf) const;
    void add_to(std::uint64_t key, Slot slot);
    void remove_from(std::uint64_t key, Slot slot) noexcept;

    mutable std::mutex mutex_;
    boost::unordered_flat_map<std::uint64_t, Posting> postings_;
    std::size_t listed_ = 0;
};

} // namespace whisperstore::local_qdrant

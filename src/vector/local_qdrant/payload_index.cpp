#include "vector/local_qdrant/payload_index.hpp"

#include <algorithm>

namespace whisperstore::local_qdrant {

namespace {

constexpr std::size_t largest_block = 1024;

std::uint64_t combine(PathId path, std::uint64_t hash) noexcept
{
    return (hash ^ (static_cast<std::uint64_t>(path) + 1) * 0x9E3779B97F4A7C15U) * 0xD6E8FEB86659FD93U;
}

std::uint64_t presence_key(PathId path) noexcept { return combine(path, 0x5851F42D4C957F2DU); }

} // namespace

std::vector<SlotSet::Block>::iterator SlotSet::block_of(Slot slot) noexcept
{
    // The last block that starts at or before the slot; the first one for smaller slots.
    const auto after = std::ranges::upper_bound(blocks_, slot, {}, [](const Block& block) { return block.front(); });
    return after == blocks_.begin() ? after : std::prev(after);
}

void SlotSet::insert(Slot slot)
{
    if (blocks_.empty() || slot > blocks_.back().back()) { // as slots mostly come
        if (blocks_.empty() || blocks_.back().size() == largest_block)
            blocks_.emplace_back();
        blocks_.back().push_back(slot);
        ++size_;
        return;
    }
    const auto block = block_of(slot);
    const auto place = std::ranges::lower_bound(*block, slot);
    if (place != block->end() && *place == slot)
        return;
    block->insert(place, slot);
    ++size_;
    if (block->size() > largest_block) {
        const auto half = block->begin() + largest_block / 2;
        Block upper(half, block->end());
        block->erase(half, block->end());
        blocks_.insert(std::next(block), std::move(upper));
    }
}

void SlotSet::erase(Slot slot) noexcept
{
    if (blocks_.empty())
        return;
    const auto block = block_of(slot);
    const auto place = std::ranges::lower_bound(*block, slot);
    if (place == block->end() || *place != slot)
        return;
    block->erase(place);
    --size_;
    if (block->empty())
        blocks_.erase(block);
}

void SlotSet::append_to(std::vector<Slot>& out) const
{
    for (const Block& block : blocks_)
        out.insert(out.end(), block.begin(), block.end());
}

void PayloadIndex::add_to(std::uint64_t key, Slot slot)
{
    const auto [found, added] = postings_.try_emplace(key);
    Posting& posting = found->second;
    if (added) {
        posting.only = slot;
        ++listed_;
        return;
    }
    if (!posting.several) {
        if (posting.only == slot)
            return;
        posting.several = std::make_unique<SlotSet>();
        posting.several->insert(posting.only);
    }
    const std::size_t before = posting.several->size();
    posting.several->insert(slot);
    listed_ += posting.several->size() - before;
}

void PayloadIndex::remove_from(std::uint64_t key, Slot slot) noexcept
{
    const auto found = postings_.find(key);
    if (found == postings_.end())
        return;
    Posting& posting = found->second;
    if (!posting.several) {
        if (posting.only == slot) {
            postings_.erase(found);
            --listed_;
        }
        return;
    }
    const std::size_t before = posting.several->size();
    posting.several->erase(slot);
    listed_ -= before - posting.several->size();
    if (posting.several->size() == 0)
        postings_.erase(found);
}

void PayloadIndex::add(Slot slot, const PackedMetadata& metadata)
{
    const std::lock_guard lock(mutex_);
    metadata.for_each([&](PathId path, const Scalar* scalar) {
        add_to(presence_key(path), slot);
        if (scalar)
            add_to(combine(path, hash_of(*scalar)), slot);
        return true;
    });
}

void PayloadIndex::remove(Slot slot, const PackedMetadata& metadata) noexcept
{
    const std::lock_guard lock(mutex_);
    metadata.for_each([&](PathId path, const Scalar* scalar) {
        remove_from(presence_key(path), slot);
        if (scalar)
            remove_from(combine(path, hash_of(*scalar)), slot);
        return true;
    });
}

PayloadIndex::Choice PayloadIndex::choose(const PackedFilter::Leaf& leaf) const
{
    Choice choice;
    if (!leaf.path)
        return choice; // nothing has such a key
    if (leaf.comparison->op == Filter::Op::eq || leaf.comparison->op == Filter::Op::in) {
        for (const Scalar& operand : leaf.operands)
            choice.keys.push_back(combine(*leaf.path, hash_of(operand)));
        std::ranges::sort(choice.keys);
        const auto repeated = std::ranges::unique(choice.keys);
        choice.keys.erase(repeated.begin(), repeated.end());
    } else {
        choice.keys.push_back(presence_key(*leaf.path)); // what is compared must be there
    }
    for (const std::uint64_t key : choice.keys)
        if (const auto found = postings_.find(key); found != postings_.end())
            choice.size += found->second.several ? found->second.several->size() : 1;
    return choice;
}

std::optional<PayloadIndex::Choice> PayloadIndex::choose(const Filter::Node& node, const PackedFilter& filter) const
{
    if (const auto* comparison = std::get_if<Filter::Comparison>(&node.data)) {
        const PackedFilter::Leaf& leaf = filter.leaf(*comparison);
        if (comparison->op == Filter::Op::exists && !leaf.operands.front().boolean)
            return std::nullopt;
        return choose(leaf);
    }
    if (const auto* conjunction = std::get_if<Filter::And>(&node.data)) {
        std::optional<Choice> best;
        for (const Filter::NodePtr& term : conjunction->terms) {
            std::optional<Choice> choice = choose(*term, filter);
            if (choice && (!best || choice->size < best->size))
                best = std::move(choice);
        }
        return best;
    }
    if (const auto* disjunction = std::get_if<Filter::Or>(&node.data)) {
        Choice all;
        for (const Filter::NodePtr& term : disjunction->terms) {
            std::optional<Choice> choice = choose(*term, filter);
            if (!choice)
                return std::nullopt;
            all.keys.insert(all.keys.end(), choice->keys.begin(), choice->keys.end());
            all.size += choice->size;
        }
        return all;
    }
    return std::nullopt; // what a negation matches is in no list
}

std::optional<std::vector<Slot>> PayloadIndex::candidates(const PackedFilter& filter, std::size_t most) const
{
    if (filter.matches_everything())
        return std::nullopt;
    const std::lock_guard lock(mutex_);
    const std::optional<Choice> choice = choose(*filter.root(), filter);
    if (!choice || choice->size > most)
        return std::nullopt;
    std::vector<Slot> slots;
    slots.reserve(choice->size);
    std::size_t lists = 0;
    for (const std::uint64_t key : choice->keys) {
        const auto found = postings_.find(key);
        if (found == postings_.end())
            continue;
        ++lists;
        if (found->second.several)
            found->second.several->append_to(slots);
        else
            slots.push_back(found->second.only);
    }
    if (lists > 1) { // a document may stand in several lists
        std::ranges::sort(slots);
        const auto repeated = std::ranges::unique(slots);
        slots.erase(repeated.begin(), repeated.end());
    }
    return slots;
}

std::size_t PayloadIndex::memory() const
{
    const std::lock_guard lock(mutex_);
    return postings_.bucket_count() * (sizeof(std::uint64_t) + sizeof(Posting) + 1) + listed_ * sizeof(Slot);
}

} // namespace whisperstore::local_qdrant

#include "cache/channel_shard.hpp"

#include <ranges>
#include <utility>

namespace whisperstore {

ChannelShard::Recount::Recount(ChannelShard& shard, ChannelNode& node, ChannelTotals& totals)
    : shard_(shard), node_(node), totals_(totals), live_(node.channel.live())
{
    shard_.count_out(node_);
}

ChannelShard::Recount::~Recount()
{
    shard_.count_in(node_);
    const bool live = node_.channel.live();
    if (live == live_)
        return;
    UseList& from = shard_.by_use_[live_ ? 1 : 0];
    UseList& to = shard_.by_use_[live ? 1 : 0];
    from.erase(from.iterator_to(node_));
    --totals_.channels[live_ ? 1 : 0];
    // Sorted by use, as the list is searched from its end for the oldest.
    auto place = to.begin();
    while (place != to.end() && place->used > node_.used)
        ++place;
    to.insert(place, node_);
    ++totals_.channels[live ? 1 : 0];
}

ChannelShard::~ChannelShard()
{
    for (UseList& list : by_use_)
        list.clear();
    by_write_.clear();
}

ChannelNode* ChannelShard::find(const std::string& id)
{
    const auto found = nodes_.find(id);
    return found == nodes_.end() ? nullptr : &found->second;
}

ChannelNode& ChannelShard::find_or_make(const std::string& id, std::size_t max_messages, TimePoint now,
                                        ChannelTotals& totals)
{
    const auto [place, made] = nodes_.try_emplace(id, max_messages);
    ChannelNode& node = place->second;
    if (made) {
        node.id = &place->first;
        node.written = now;
        by_write_.push_back(node);
        node.used = ++totals.uses;
        uses_of(node).push_front(node);
        ++totals.channels[0];
    }
    return node;
}

void ChannelShard::forget(ChannelNode& node, ChannelTotals& totals, Garbage& garbage)
{
    garbage.reserve(garbage.size() + 1); // nothing below may throw
    count_out(node);
    --totals.channels[node.channel.live() ? 1 : 0];
    UseList& uses = uses_of(node);
    uses.erase(uses.iterator_to(node));
    by_write_.erase(by_write_.iterator_to(node));
    garbage.push_back(nodes_.extract(nodes_.find(*node.id)));
}

void ChannelShard::forget_if_idle(ChannelNode& node, ChannelTotals& totals, Garbage& garbage)
{
    if (!node.reading && !node.channel.live() && !node.channel.remembers_removals())
        forget(node, totals, garbage);
}

ChannelShard::Nodes ChannelShard::take_all(ChannelTotals& totals)
{
    for (const auto& [id, node] : nodes_)
        --totals.channels[node.channel.live() ? 1 : 0];
    for (UseList& list : by_use_)
        list.clear();
    by_write_.clear();
    counters = Counters();
    return std::exchange(nodes_, Nodes());
}

void ChannelShard::expire(TimePoint now, Duration timeout, ChannelTotals& totals, Garbage& garbage)
{
    for (auto oldest = by_write_.begin(); oldest != by_write_.end() && now - oldest->written >= timeout;) {
        ChannelNode& node = *oldest++;
        if (node.reading) // a bootstrap is an activity, and lasts until its end
            continue;
        if (node.channel.live())
            totals.expired.fetch_add(1, std::memory_order_relaxed);
        forget(node, totals, garbage);
    }
}

void ChannelShard::used(ChannelNode& node, ChannelTotals& totals)
{
    if (node.used == totals.uses.load(std::memory_order_relaxed))
        return; // the last one used of all: no need to have every core write the count
    node.used = ++totals.uses;
    UseList& uses = uses_of(node);
    uses.splice(uses.begin(), uses, uses.iterator_to(node));
}

void ChannelShard::written(ChannelNode& node, TimePoint time)
{
    node.written = time;
    by_write_.erase(by_write_.iterator_to(node));
    auto place = by_write_.end();
    while (place != by_write_.begin() && std::prev(place)->written > time)
        --place;
    by_write_.insert(place, node);
}

void ChannelShard::add_live_ids(std::vector<std::string>& ids) const
{
    for (const auto& [id, node] : nodes_)
        if (node.channel.live())
            ids.push_back(id);
}

ChannelNode* ChannelShard::least_recently_used(bool live)
{
    for (ChannelNode& node : std::views::reverse(by_use_[live ? 1 : 0]))
        if (!node.reading)
            return &node;
    return nullptr;
}

void ChannelShard::count_in(const ChannelNode& node)
{
    counters.channels += node.channel.live() ? 1 : 0;
    counters.messages += node.channel.size();
    counters.bytes += node.channel.bytes();
}

void ChannelShard::count_out(const ChannelNode& node)
{
    counters.channels -= node.channel.live() ? 1 : 0;
    counters.messages -= node.channel.size();
    counters.bytes -= node.channel.bytes();
}

} // namespace whisperstore

#include "cache/channel_store.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

namespace whisperstore {

namespace {

StorageError closed_error()
{
    return StorageError(StorageErrc::closed, "the cache is closed: call initialize() first");
}

} // namespace

ChannelStore::ChannelStore(Limits limits, Clock clock) : limits_(limits), clock_(std::move(clock)) {}

ChannelStore::Shard& ChannelStore::shard_of(const std::string& channel_id) noexcept
{
    return shards_[std::hash<std::string>()(channel_id) % shard_count];
}

std::unique_lock<std::mutex> ChannelStore::enter(Shard& shard, ChannelShard::TimePoint now, Garbage& garbage)
{
    std::unique_lock lock(shard.mutex);
    if (!shard.open)
        throw closed_error();
    shard.expire(now, limits_.timeout, totals_, garbage);
    return lock;
}

void ChannelStore::open()
{
    for (Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        shard.open = true;
    }
}

void ChannelStore::check_open()
{
    Garbage garbage;
    enter(shards_.front(), clock_(), garbage);
}

std::vector<std::shared_ptr<Bootstrap>> ChannelStore::close()
{
    std::vector<std::shared_ptr<Bootstrap>> running;
    for (Shard& shard : shards_) {
        ChannelShard::Nodes nodes;
        {
            const std::lock_guard lock(shard.mutex);
            shard.open = false;
            nodes = shard.take_all(totals_);
        }
        for (auto& [id, node] : nodes)
            if (node.reading)
                running.push_back(node.reading->bootstrap);
    }
    for (const auto& bootstrap : running) {
        Bootstrap::Answer answer;
        answer.error = StorageError(StorageErrc::closed, "the cache was closed during the read");
        bootstrap->answer(std::move(answer));
        bootstrap->cancel();
    }
    return running;
}

void ChannelStore::add(const std::string& channel_id, CachedMessage message)
{
    {
        Garbage garbage; // first, so that it goes after the lock
        Shard& shard = shard_of(channel_id);
        const auto now = clock_();
        const auto lock = enter(shard, now, garbage);
        ChannelNode& node = shard.find_or_make(channel_id, limits_.messages, now, totals_);
        if (node.reading && node.reading->forgotten)
            node.reading->forgotten->add(message);
        shard.change(node, totals_, [&](Channel& channel) { channel.add(std::move(message)); });
        shard.used(node, totals_);
        shard.written(node, now);
    }
    make_room(true);
}

bool ChannelStore::remove(const std::string& channel_id, std::int64_t message_id)
{
    bool removed = false;
    {
        Garbage garbage;
        Shard& shard = shard_of(channel_id);
        const auto now = clock_();
        const auto lock = enter(shard, now, garbage);
        ChannelNode& node = shard.find_or_make(channel_id, limits_.messages, now, totals_);
        removed = shard.change(node, totals_, [&](Channel& channel) { return channel.remove(message_id); });
        if (node.reading && node.reading->forgotten)
            node.reading->forgotten->remove(message_id);
        shard.used(node, totals_);
        // A cold channel remembers the removal, a warm one has nothing to remember of a stranger.
        if (removed || !node.channel.warm())
            shard.written(node, now);
    }
    make_room(false);
    return removed;
}

void ChannelStore::clear(const std::string& channel_id)
{
    Garbage garbage;
    std::optional<Channel> cleared;
    Shard& shard = shard_of(channel_id);
    const auto lock = enter(shard, clock_(), garbage);
    ChannelNode* node = shard.find(channel_id);
    if (!node)
        return;
    if (!node->reading) {
        shard.forget(*node, totals_, garbage);
        return;
    }
    // Those who wait asked before the clear and are answered as if there were none; who asks from now
    // on must not see what was read before it.
    shard.change(*node, totals_, [&](Channel& channel) {
        cleared.emplace(limits_.messages);
        std::swap(*cleared, channel);
    });
    if (!node->reading->given_up) {
        node->reading->given_up = true;
        node->reading->forgotten = std::move(cleared);
    }
}

std::vector<std::string> ChannelStore::channel_ids()
{
    std::vector<std::string> ids;
    for (Shard& shard : shards_) {
        Garbage garbage;
        const auto lock = enter(shard, clock_(), garbage);
        shard.add_live_ids(ids);
    }
    return ids;
}

std::optional<ChannelStore::Stored> ChannelStore::take_copy(const std::string& channel_id)
{
    Garbage garbage;
    Shard& shard = shard_of(channel_id);
    const auto now = clock_();
    const auto lock = enter(shard, now, garbage);
    const ChannelNode* node = shard.find(channel_id);
    if (!node || !node->channel.live())
        return std::nullopt;
    Stored stored;
    stored.warm = node->channel.warm();
    stored.left = limits_.timeout - (now - node->written);
    stored.messages = node->channel.newest(limits_.messages, std::nullopt);
    return stored;
}

void ChannelStore::put(const std::string& channel_id, Stored stored)
{
    Channel channel(limits_.messages);
    for (CachedMessage& message : stored.messages)
        channel.add(std::move(message));
    if (stored.warm)
        channel.fill(Messages());
    {
        Garbage garbage;
        Shard& shard = shard_of(channel_id);
        const auto now = clock_();
        const auto lock = enter(shard, now, garbage);
        ChannelNode& node = shard.find_or_make(channel_id, limits_.messages, now, totals_);
        shard.change(node, totals_, [&](Channel& old) { std::swap(old, channel); });
        if (node.reading && !node.reading->given_up) {
            node.reading->given_up = true;
            node.reading->forgotten = std::move(channel);
        }
        shard.used(node, totals_);
        shard.written(node, now - limits_.timeout + std::min(stored.left, limits_.timeout));
        shard.forget_if_idle(node, totals_, garbage);
    }
    make_room(true);
}

json::object ChannelStore::details() const
{
    json::object out;
    out["evicted_channels"] = totals_.evicted.load(std::memory_order_relaxed);
    out["expired_channels"] = totals_.expired.load(std::memory_order_relaxed);
    return out;
}

CacheStats ChannelStore::stats()
{
    std::vector<Garbage> garbage(shard_count);
    std::vector<std::unique_lock<std::mutex>> locks;
    locks.reserve(shard_count);
    const auto now = clock_();
    // All at once: the numbers are those of one moment.
    for (std::size_t i = 0; i < shard_count; ++i)
        locks.push_back(enter(shards_[i], now, garbage[i]));

    CacheStats stats;
    std::uint64_t bytes = 0;
    for (const Shard& shard : shards_) {
        stats.hits += shard.counters.hits;
        stats.misses += shard.counters.misses;
        stats.cached_channels += shard.counters.channels;
        stats.total_cached_messages += shard.counters.messages;
        bytes += shard.counters.bytes + shard.counters.channels * sizeof(ChannelNode);
    }
    if (const std::uint64_t reads = stats.hits + stats.misses; reads != 0)
        stats.hit_rate = static_cast<double>(stats.hits) / static_cast<double>(reads);
    stats.memory_usage_mb = static_cast<double>(bytes) / (1024.0 * 1024.0);
    return stats;
}

std::optional<ChannelStore::Messages> ChannelStore::read_now(const std::string& channel_id, std::size_t limit,
                                                             std::optional<std::int64_t> exclude, bool has_history)
{
    Garbage garbage;
    Shard& shard = shard_of(channel_id);
    const auto now = clock_();
    const auto lock = enter(shard, now, garbage);
    ChannelNode* node = shard.find(channel_id);
    // Without a history nothing better can be had than what was added.
    const bool hit = node && (node->channel.warm() || (!has_history && node->channel.live()));
    if (!hit && has_history)
        return std::nullopt;
    ++(hit ? shard.counters.hits : shard.counters.misses);
    if (node)
        shard.used(*node, totals_);
    return hit ? node->channel.newest(limit, exclude) : Messages();
}

ChannelStore::Read ChannelStore::read(const std::string& channel_id, std::size_t limit,
                                      std::optional<std::int64_t> exclude, const asio::any_io_executor* executor,
                                      bool first_try)
{
    Read read;
    {
        Garbage garbage;
        Shard& shard = shard_of(channel_id);
        const auto now = clock_();
        const auto lock = enter(shard, now, garbage);
        ChannelNode* node = shard.find(channel_id);
        // Without a history nothing better can be had than what was added.
        const bool hit = node && (node->channel.warm() || (!executor && node->channel.live()));
        if (first_try)
            ++(hit ? shard.counters.hits : shard.counters.misses);
        if (node)
            shard.used(*node, totals_);
        if (hit)
            read.messages = node->channel.newest(limit, exclude);
        if (hit || !executor)
            return read;

        if (node && node->reading) {
            read.step = node->reading->given_up ? Read::Step::again : Read::Step::join;
            if (read.step == Read::Step::join)
                ++node->reading->callers;
        } else {
            auto reading = std::make_unique<ChannelReading>();
            reading->bootstrap = std::make_shared<Bootstrap>(channel_id, *executor);
            reading->callers = 1;
            node = &shard.find_or_make(channel_id, limits_.messages, now, totals_);
            node->channel.expect_fill(true);
            node->reading = std::move(reading);
            read.step = Read::Step::begin;
        }
        read.bootstrap = node->reading->bootstrap;
    }
    return read;
}

ChannelNode* ChannelStore::reader(Shard& shard, const std::shared_ptr<Bootstrap>& bootstrap)
{
    ChannelNode* node = shard.find(bootstrap->channel_id());
    return node && node->reading && node->reading->bootstrap == bootstrap ? node : nullptr;
}

void ChannelStore::leave(const std::shared_ptr<Bootstrap>& bootstrap)
{
    Shard& shard = shard_of(bootstrap->channel_id());
    {
        const std::lock_guard lock(shard.mutex);
        ChannelNode* node = reader(shard, bootstrap);
        if (!node || --node->reading->callers != 0)
            return;
        node->reading->given_up = true;
    }
    bootstrap->cancel();
}

void ChannelStore::install(const std::shared_ptr<Bootstrap>& bootstrap, Messages history)
{
    Bootstrap::Answer answer;
    {
        Garbage garbage;
        std::unique_ptr<ChannelReading> reading;
        Shard& shard = shard_of(bootstrap->channel_id());
        const auto now = clock_();
        const std::lock_guard lock(shard.mutex);
        ChannelNode* node = reader(shard, bootstrap);
        if (node && node->reading->forgotten) {
            node->reading->forgotten->fill(std::move(history));
            answer.messages = std::make_shared<const Channel>(std::move(*node->reading->forgotten));
        } else if (node && !node->reading->given_up) {
            shard.change(*node, totals_, [&](Channel& channel) { channel.fill(std::move(history)); });
            answer.messages = std::make_shared<const Channel>(node->channel);
            shard.used(*node, totals_);
            shard.written(*node, now);
        }
        if (node) {
            reading = std::move(node->reading);
            node->channel.expect_fill(false);
            shard.forget_if_idle(*node, totals_, garbage);
        }
    }
    bootstrap->answer(std::move(answer));
    bootstrap->end();
    make_room(true);
}

void ChannelStore::fail(const std::shared_ptr<Bootstrap>& bootstrap, StorageError error)
{
    Bootstrap::Answer answer;
    answer.error = std::move(error);
    end_unread(bootstrap, std::move(answer));
}

void ChannelStore::give_up(const std::shared_ptr<Bootstrap>& bootstrap) { end_unread(bootstrap, Bootstrap::Answer()); }

void ChannelStore::end_unread(const std::shared_ptr<Bootstrap>& bootstrap, Bootstrap::Answer answer)
{
    {
        Garbage garbage;
        std::unique_ptr<ChannelReading> reading;
        Shard& shard = shard_of(bootstrap->channel_id());
        const std::lock_guard lock(shard.mutex);
        if (ChannelNode* node = reader(shard, bootstrap)) {
            reading = std::move(node->reading);
            node->channel.expect_fill(false);
            shard.forget_if_idle(*node, totals_, garbage);
        }
    }
    bootstrap->answer(std::move(answer));
    bootstrap->end();
    make_room(false);
}

void ChannelStore::make_room(bool live)
{
    const std::atomic<std::size_t>& channels = totals_.channels[live ? 1 : 0];
    if (channels <= limits_.channels)
        return;
    const std::lock_guard room(room_mutex_); // two at once would make room for each other's channel as well
    while (channels > limits_.channels) {
        Garbage garbage;
        Shard* place = nullptr;
        std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
        const auto now = clock_();
        for (Shard& shard : shards_) {
            const std::lock_guard lock(shard.mutex);
            shard.expire(now, limits_.timeout, totals_, garbage);
            const ChannelNode* node = shard.least_recently_used(live);
            if (node && node->used < oldest) {
                oldest = node->used;
                place = &shard;
            }
        }
        if (channels <= limits_.channels || !place)
            return; // enough had expired, or all are being read and go later
        const std::lock_guard lock(place->mutex);
        if (ChannelNode* node = place->least_recently_used(live)) {
            if (live)
                totals_.evicted.fetch_add(1, std::memory_order_relaxed);
            place->forget(*node, totals_, garbage);
        }
    }
}

} // namespace whisperstore

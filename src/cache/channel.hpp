#pragma once
// The messages of one channel: order, bounds and what a bootstrap may bring back. No locks, no time.

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

namespace whisperstore {

/// Bytes a message keeps busy: its texts, its JSON and its place in a channel.
std::size_t estimated_bytes(const UniversalMessage& message) noexcept;

class Channel
{
public:
    explicit Channel(std::size_t max_messages) noexcept : max_messages_(max_messages) {}

    /// Inserts by (timestamp, id), or replaces the message with that id and moves it where it belongs.
    void add(CachedMessage message);
    /// Whether it was there. While the channel is not warm, the id is kept so that fill() leaves it out.
    bool remove(std::int64_t message_id);
    /// Merges the history: what the channel has already is newer and stays. The channel is warm then.
    void fill(std::vector<CachedMessage> history);
    /// While the history is being read every removal is kept; else the last thousand or so.
    void expect_fill(bool expected);

    /// The newest `limit` after `exclude` is left out, oldest first.
    std::vector<CachedMessage> newest(std::size_t limit, std::optional<std::int64_t> exclude) const;

    /// Filled by a bootstrap.
    bool warm() const noexcept { return warm_; }
    /// Warm, or added to: a channel known only for a removed message is not live.
    bool live() const noexcept { return live_; }
    bool remembers_removals() const noexcept { return !removed_.empty(); }
    std::size_t size() const noexcept { return entries_.size(); }
    std::size_t bytes() const noexcept { return bytes_; }

private:
    struct Entry
    {
        Timestamp timestamp;
        std::int64_t id;
        std::size_t bytes;
        CachedMessage message;
    };
    using Entries = std::deque<Entry>;

    Entries::iterator find(std::int64_t message_id);
    void insert(CachedMessage message);
    void erase(Entries::iterator at);
    void trim();
    void remember_removal(std::int64_t message_id);
    void forget_removal(std::int64_t message_id);
    void trim_removals();

    std::size_t max_messages_;
    Entries entries_; // by (timestamp, id)
    boost::unordered_flat_map<std::int64_t, Timestamp> times_;
    boost::unordered_flat_set<std::int64_t> removed_;
    std::deque<std::int64_t> removal_order_;
    std::size_t bytes_ = 0;
    bool fill_expected_ = false;
    bool warm_ = false;
    bool live_ = false;
};

} // namespace whisperstore

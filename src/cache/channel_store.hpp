#pragma once
// The channels of the cache in memory: bounded, expiring, safe on any number of threads.

#include "cache/channel_shard.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore {

/// Every operation is short, never suspends and holds one shard's mutex (statistics: all of them).
/// Before open() and after close() they throw StorageError closed.
///
/// At most one bootstrap of a channel is under way. It is begun by read(), which hands it to its
/// first caller; whoever runs it ends it once: install(), fail() or give_up().
class ChannelStore
{
public:
    using Clock = std::function<std::chrono::steady_clock::time_point()>;
    using Messages = std::vector<CachedMessage>;

    struct Limits
    {
        std::size_t messages; ///< per channel
        std::size_t channels;
        std::chrono::steady_clock::duration timeout;
    };

    ChannelStore(Limits limits, Clock clock);

    void open();
    void check_open();
    /// Forgets everything. The callers of the returned bootstraps got `closed` as their answer; the
    /// bootstraps were asked to stop.
    std::vector<std::shared_ptr<Bootstrap>> close();

    void add(const std::string& channel_id, CachedMessage message);
    bool remove(const std::string& channel_id, std::int64_t message_id);
    void clear(const std::string& channel_id);
    CacheStats stats();
    /// evicted_channels, expired_channels: since it was made.
    json::object details() const;

    /// A channel as it is kept elsewhere.
    struct Stored
    {
        bool warm = false;
        std::chrono::steady_clock::duration left{}; ///< until it expires
        Messages messages;                          ///< oldest first
    };
    /// Ids of the live channels, of each shard at one moment.
    std::vector<std::string> channel_ids();
    /// Nothing when there is no live channel of that id (any more).
    std::optional<Stored> take_copy(const std::string& channel_id);
    /// Puts a channel in place of the one of that id. A history being read fills nothing afterwards, as after clear().
    void put(const std::string& channel_id, Stored stored);

    /// The answer that is there without a bootstrap, counted as a hit or a miss: of a warm channel, and of any
    /// where there is no history. Nothing, and nothing counted: read() it.
    std::optional<Messages> read_now(const std::string& channel_id, std::size_t limit,
                                     std::optional<std::int64_t> exclude, bool has_history);

    /// What a reader of a channel has to do.
    struct Read
    {
        enum class Step
        {
            done,  ///< `messages` is the answer
            begin, ///< run `bootstrap`, then as join
            join,  ///< wait for its answer, and leave() in the end
            again, ///< it cannot serve this caller: wait for its end and read again
        };
        Step step = Step::done;
        Messages messages = {};
        std::shared_ptr<Bootstrap> bootstrap = nullptr;
    };
    /// `executor`: where a bootstrap will run; null: there is no history. Counts a hit or a miss on a
    /// caller's first try.
    Read read(const std::string& channel_id, std::size_t limit, std::optional<std::int64_t> exclude,
              const asio::any_io_executor* executor, bool first_try);
    /// A caller that began or joined goes. When it was the last one the bootstrap is stopped.
    void leave(const std::shared_ptr<Bootstrap>& bootstrap);

    void install(const std::shared_ptr<Bootstrap>& bootstrap, Messages history);
    void fail(const std::shared_ptr<Bootstrap>& bootstrap, StorageError error);
    void give_up(const std::shared_ptr<Bootstrap>& bootstrap);

private:
    using Garbage = ChannelShard::Garbage;
    // Enough that threads seldom meet; few enough that all can be locked at once (the thread
    // sanitizer allows 64).
    static constexpr std::size_t shard_count = 32;

    struct alignas(64) Shard : ChannelShard
    {
    };

    Shard& shard_of(const std::string& channel_id) noexcept;
    /// The shard's mutex, held, with the shard open and without what has expired.
    std::unique_lock<std::mutex> enter(Shard& shard, ChannelShard::TimePoint now, Garbage& garbage);
    /// The node whose history `bootstrap` is reading, if it still is.
    static ChannelNode* reader(Shard& shard, const std::shared_ptr<Bootstrap>& bootstrap);
    void end_unread(const std::shared_ptr<Bootstrap>& bootstrap, Bootstrap::Answer answer);
    void make_room(bool live);

    const Limits limits_;
    const Clock clock_;
    std::mutex room_mutex_; // taken before a shard's
    ChannelTotals totals_;
    std::array<Shard, shard_count> shards_;
};

} // namespace whisperstore

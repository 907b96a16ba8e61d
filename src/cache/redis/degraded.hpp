#pragma once
// While Redis is away: a cache in memory, and what Redis has to be told when it is back.

#include "cache/event.hpp"

#include <whisperstore/cache/cache_config.hpp>
#include <whisperstore/cache/hybrid_conversation_cache.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::redis {

/// Thread safe. From enter() until leave() everything is served from memory, and every write is recorded in the order
/// in which it was made; they are told to Redis one after the other, and what is written meanwhile is recorded, too.
class Degraded
{
public:
    struct Write
    {
        enum class Kind : std::uint8_t
        {
            add,
            remove,
            clear,
        };
        Kind kind;
        std::string channel;
        CachedMessage message = nullptr; ///< of an add
        std::int64_t message_id = 0;     ///< of a removal
    };
    using Memory = std::shared_ptr<HybridConversationCache>;
    struct Recorded
    {
        Memory memory = nullptr;               ///< null: not active, nothing was recorded
        std::shared_ptr<Event> told = nullptr; ///< Redis has it, or went away again
    };

    Degraded(const CacheConfig& config, bool enabled);

    bool enabled() const noexcept { return enabled_; }
    bool active() const noexcept { return active_.load(std::memory_order_acquire); }
    void set_history(HistorySource source);

    /// Null: not active. It has to be initialised before each use, which is cheap.
    Memory memory() const;
    /// Begins, if it has not begun; whether it did now.
    bool enter(const std::string& reason);
    /// `reachable`: Redis is being told. Whoever writes then waits until Redis has it, so that the end comes.
    /// \throws StorageError resource_exhausted when too much is recorded.
    Recorded record(Write write, bool reachable);

    /// The first writes, each to another channel, so that they may be told at once.
    std::vector<Write> first(std::size_t most) const;
    /// Which of these Redis has.
    void told(const std::vector<bool>& which);
    /// Redis is away again: nobody waits for it.
    void release();
    /// Ends it where nothing is left to be told; false: there is.
    bool leave();
    /// Ends it and forgets what Redis was not told. The cache in memory, if there was one.
    Memory drop();

    std::size_t pending() const;
    std::string reason() const;
    std::uint64_t times() const noexcept { return times_.load(); }

private:
    const CacheConfig config_;
    const bool enabled_;
    std::atomic<bool> active_{false};
    std::atomic<std::uint64_t> times_{0};

    mutable std::mutex mutex_;
    HistorySource history_;
    Memory memory_;
    struct Pending
    {
        Write write;
        std::shared_ptr<Event> told;
    };
    std::deque<Pending> writes_;
    std::string reason_;
};

} // namespace whisperstore::redis

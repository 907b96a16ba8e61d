#pragma once
/// \file
/// The conversation cache on a Redis server.

#include <whisperstore/cache/cache_config.hpp>
#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore {

namespace redis {
class RedisCache;
}

/// How a Redis cache is doing.
struct RedisCacheHealth
{
    enum class State : std::uint8_t
    {
        closed,   ///< before initialize() and after cleanup()
        up,       ///< at least one server can be reached
        away,     ///< none can; calls fail with `unavailable`
        degraded, ///< none could; a cache in this process serves until Redis has been told all that was written to it
    };
    struct Node
    {
        std::string name; ///< host:port, or the path of a socket
        bool ready = false;
        std::string failure = {};      ///< why it is not
        std::uint64_t connections = 0; ///< that were made to it so far
    };

    State state = State::closed;
    std::string reason = {};          ///< for away and degraded
    std::uint64_t pending_writes = 0; ///< that Redis has to be told of
    std::uint64_t degradations = 0;   ///< times it was degraded
    std::vector<Node> nodes = {};
};

/// Reads by the level that answered them.
struct RedisCacheLevels
{
    std::uint64_t local_hits = 0; ///< of the level in this process
    std::uint64_t redis_hits = 0;
    std::uint64_t misses = 0; ///< of both
    std::uint64_t local_channels = 0;
    double local_hit_rate() const noexcept { return rate(local_hits, redis_hits + misses); }
    /// Of the reads that came to Redis.
    double redis_hit_rate() const noexcept { return rate(redis_hits, misses); }

private:
    static double rate(std::uint64_t hits, std::uint64_t others) noexcept
    {
        return hits + others == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(hits + others);
    }
};

/// The cache of a server deployment: one Redis (6.2 or newer), shared by any number of processes. docs/redis.md has the
/// keys and values.
///
/// Each operation is one atomic round trip (a Lua script by its SHA-1). Concurrent calls share one connection and are
/// sent together. A channel is one hash that expires and is evicted whole. `max_channels` bounds the level in this
/// process only; Redis is bounded by its own `maxmemory`.
///
/// The history of a cold channel is read once per process that needs it; whichever comes first fills the channel, and
/// what was removed or cleared meanwhile, by whomever, stays so. It is read on the executor of the caller that needed
/// it first, as in HybridConversationCache.
///
/// `hits` and `misses` are of this cache object, the other statistics of all that is stored under `redis_key_prefix`.
/// They follow every operation; what an eviction took is noticed bit by bit, by asking for statistics.
///
/// While Redis is away calls fail at once with `unavailable`. With `redis_degrade_to_memory` a cache in this process
/// serves instead, filled from the history; its writes are told to Redis, in their order, when it is back.
///
/// With `redis_two_level` channels that were read are kept in this process until Redis says that they changed: another
/// process's write is seen within the delay of that message. Without a connection nothing is kept. A connection that
/// died silently is noticed after twice `redis_health_interval_seconds`: for so long old answers are possible.
///
/// On initialize() and when a server comes back, the `redis_warm_channels` channels written last are filled from the
/// history, on a thread of this cache.
///
/// Thread safe. Two threads of its own. The methods throw StorageError:
///  - closed, invalid_argument, timeout, cancelled, corrupt and what the history source throws: as
///    HybridConversationCache;
///  - unavailable (retryable): Redis cannot be reached, is reading its data, is a replica; the native code is the first
///    word of its error. For a write, outcome() says whether it may have been done; adding and clearing again is safe;
///  - outcome_unknown: the connection broke before remove_message() had its answer; adding and reading are done again
///    unseen;
///  - resource_exhausted: `maxmemory` is reached and nothing may be evicted; nothing was changed;
///  - authentication, permission: see REDIS_USERNAME and REDIS_PASSWORD;
///  - corrupt, version_mismatch: what is stored is damaged, or of a newer whisperstore.
class RedisConversationCache : public ConversationCacheManager
{
public:
    /// \throws StorageError invalid_argument naming the setting. Does not connect.
    explicit RedisConversationCache(CacheConfig config);
    /// Does not wait: calls under way end with `closed`.
    ~RedisConversationCache() override;

    /// Connects. \throws StorageError when that does not succeed, unless the cache degrades to memory.
    awaitable<void> initialize(OperationContext context = OperationContext()) override;
    /// Closes; what is in Redis stays there.
    /// \throws StorageError timeout as HybridConversationCache::cleanup()
    awaitable<void> cleanup() override;
    void set_history_source(HistorySource source) override;

    awaitable<std::vector<CachedMessage>>
    get_conversation_context(std::string channel_id, std::int64_t limit = 5,
                             std::optional<std::int64_t> exclude_message_id = std::nullopt,
                             OperationContext context = OperationContext()) override;
    awaitable<void> add_message(std::string channel_id, UniversalMessage message,
                                OperationContext context = OperationContext()) override;
    awaitable<bool> remove_message(std::string channel_id, std::int64_t message_id,
                                   OperationContext context = OperationContext()) override;
    awaitable<void> clear_channel_cache(std::string channel_id, OperationContext context = OperationContext()) override;
    awaitable<CacheStats> get_cache_stats(OperationContext context = OperationContext()) override;
    awaitable<std::uint64_t> backup_cache(std::filesystem::path backup_path,
                                          OperationContext context = OperationContext()) override;
    awaitable<std::uint64_t> restore_cache(std::filesystem::path backup_path,
                                           OperationContext context = OperationContext()) override;

    RedisCacheHealth health() const;
    /// While it is degraded, why and what Redis has yet to be told.
    std::string get_trouble() const override;
    RedisCacheLevels levels() const;

    std::string_view cache_type() const noexcept override;
    /// The nodes it was told of; health() has those that a cluster was found to have.
    std::vector<std::string> endpoints() const override;
    /// nodes: of each server known now, its connections and the bytes sent to it and received from it.
    json::object get_details() const override;

protected:
    RedisConversationCache(CacheConfig config, bool cluster);

private:
    const std::shared_ptr<redis::RedisCache> impl_;
};

} // namespace whisperstore

#pragma once
/// \file
/// The conversation cache on a Redis Cluster.

#include <whisperstore/cache/cache_config.hpp>
#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/cache/redis_conversation_cache.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore {

/// The cache of a cluster deployment: a Redis Cluster, of which some nodes are named (or one address in front of it).
/// As RedisConversationCache, with the same keys and values: all of a channel is in one slot, the channels are in 256
/// buckets with a hash tag each. Besides:
///
/// The nodes and their slots are learned from the cluster (CLUSTER SHARDS, before Redis 7 CLUSTER SLOTS) on start,
/// after errors and every ten seconds. There is one connection to each master. Calls follow MOVED and ASK, and wait for
/// slots that are being moved or have no master now, until their deadline or `redis_patience_seconds`; then they fail
/// with `unavailable`. When no node at all can be reached they fail at once.
///
/// Replication is asynchronous: what a master acknowledged a moment before it died may be lost. With
/// `redis_wait_replicas` a write is acknowledged when so many replicas have it; otherwise it fails with `unavailable`
/// (NOTREPLICATED), its outcome `applied`.
///
/// With `redis_read_replicas` reads may come from replicas: a channel's latest writes may be missing from them.
class RedisClusterConversationCache final : public ConversationCacheManager
{
public:
    /// \throws StorageError invalid_argument naming the setting. Does not connect.
    explicit RedisClusterConversationCache(CacheConfig config);
    /// Does not wait: calls under way end with `closed`.
    ~RedisClusterConversationCache() override;

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

    /// Writes all channels to a new archive (docs/archive-format.md); what is written meanwhile may be in it or not,
    /// each channel is of one moment. Returns the number of channels.
    /// \throws StorageError already_exists when there is such a file.
    awaitable<std::uint64_t> backup_cache(std::filesystem::path file, OperationContext context = OperationContext());
    /// Brings the channels of an archive back, in place of those with the same id; others stay. The archive is checked
    /// before anything is changed. Returns the number of channels; those that would have expired by now are left out.
    awaitable<std::uint64_t> restore_cache(std::filesystem::path file, OperationContext context = OperationContext());

    RedisCacheHealth health() const;
    /// While it is degraded, why and what Redis has yet to be told.
    std::string get_trouble() const override;
    RedisCacheLevels levels() const;

    std::string_view cache_type() const noexcept override { return "redis_cluster"; }
    /// The nodes it was told of; health() has those it found.
    std::vector<std::string> endpoints() const override;

private:
    const std::shared_ptr<redis::RedisCache> impl_;
};

} // namespace whisperstore

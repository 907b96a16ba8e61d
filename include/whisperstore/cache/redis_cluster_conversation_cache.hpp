#pragma once
/// \file
/// The conversation cache on a Redis Cluster.

#include <whisperstore/cache/redis_conversation_cache.hpp>

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
class RedisClusterConversationCache final : public RedisConversationCache
{
public:
    /// \throws StorageError invalid_argument naming the setting. Does not connect.
    explicit RedisClusterConversationCache(CacheConfig config);
};

} // namespace whisperstore

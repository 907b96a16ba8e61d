#include <whisperstore/cache/redis_cluster_conversation_cache.hpp>

#include <utility>

namespace whisperstore {

RedisClusterConversationCache::RedisClusterConversationCache(CacheConfig config)
    : RedisConversationCache(std::move(config), true)
{
}

} // namespace whisperstore

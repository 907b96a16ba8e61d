#pragma once

#include "conformance/cache_history.hpp"
#include "servers/redis_servers.hpp"
#include "support/run.hpp"

#include <whisperstore/cache/redis_cluster_conversation_cache.hpp>
#include <whisperstore/cache/redis_conversation_cache.hpp>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore::test {

using Ids = std::vector<std::int64_t>;

/// How often a test repeats what takes long: `brief` times, or `full` times with WHISPERSTORE_TEST_REDIS_FULL=1.
inline int rounds(int brief, int full)
{
    const char* wanted = std::getenv("WHISPERSTORE_TEST_REDIS_FULL");
    return wanted && std::string(wanted) == "1" ? full : brief;
}

/// GCC 12 warns falsely of "…" + std::to_string(…).
inline std::string named(std::string name, std::int64_t number) { return name.append(std::to_string(number)); }

template <typename Cache = RedisConversationCache>
std::shared_ptr<Cache> open_cache(const CacheConfig& config)
{
    auto cache = std::make_shared<Cache>(config);
    run(cache->initialize());
    return cache;
}

inline Ids ids_in(ConversationCacheManager& cache, const std::string& channel, std::int64_t limit = 1000)
{
    return ids_of(run(cache.get_conversation_context(channel, limit)));
}

} // namespace whisperstore::test

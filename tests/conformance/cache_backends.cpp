#include "conformance/cache_conformance.hpp"
#include "conformance/decorated.hpp"

#include <whisperstore/cache/hybrid_conversation_cache.hpp>
#if defined(WHISPERSTORE_TEST_REDIS_CACHES)
#include "servers/redis_servers.hpp"

#include <whisperstore/cache/redis_cluster_conversation_cache.hpp>
#include <whisperstore/cache/redis_conversation_cache.hpp>
#endif

#include <atomic>

namespace whisperstore::test {

namespace {

TestedCache memory_cache(const CacheConfig& config)
{
    using Steady = std::chrono::steady_clock;
    const auto passed = std::make_shared<std::atomic<Steady::rep>>(0);
    const Steady::time_point start = Steady::now();
    TestedCache tested;
    tested.cache = std::make_shared<HybridConversationCache>(
        config, [passed, start] { return start + Steady::duration(passed->load()); });
    const std::chrono::duration<double, std::ratio<60>> timeout(config.timeout_minutes);
    tested.pass_time = [passed, timeout](double timeouts) {
        *passed += std::chrono::duration_cast<Steady::duration>(timeout * timeouts).count();
    };
    return tested;
}

#if defined(WHISPERSTORE_TEST_REDIS_CACHES)
/// The servers' time goes on as it does: what is to expire is made to do so earlier.
std::function<void(double)> redis_time(const CacheConfig& config, std::vector<std::uint16_t> ports)
{
    const double timeout = config.timeout_minutes * 60'000;
    return [timeout, ports = std::move(ports), prefix = config.redis_key_prefix](double timeouts) {
        pass_redis_time(ports, prefix, static_cast<std::int64_t>(timeout * timeouts));
    };
}

/// With a level in this process time has passed when the servers' messages of it have come.
template <typename Cache>
void two_level_time(TestedCache& tested, const std::shared_ptr<Cache>& cache)
{
    tested.pass_time = [pass = tested.pass_time, cache = std::weak_ptr<Cache>(cache)](double timeouts) {
        pass(timeouts);
        const auto alive = cache.lock();
        EXPECT_TRUE(eventually([&] { return alive->levels().local_channels == 0; }));
    };
}

TestedCache redis_cache(CacheConfig config)
{
    config = RedisServers::get().single_config(std::move(config));
    TestedCache tested;
    tested.pass_time = redis_time(config, {RedisServers::get().single()});
    const bool levels = config.redis_two_level;
    const auto cache = std::make_shared<RedisConversationCache>(std::move(config));
    if (levels)
        two_level_time(tested, cache);
    tested.cache = cache;
    return tested;
}

TestedCache redis_cluster_cache(CacheConfig config)
{
    config = RedisServers::get().cluster_config(std::move(config));
    TestedCache tested;
    tested.pass_time = redis_time(config, RedisServers::get().cluster());
    const bool levels = config.redis_two_level;
    const auto cache = std::make_shared<RedisClusterConversationCache>(std::move(config));
    if (levels)
        two_level_time(tested, cache);
    tested.cache = cache;
    return tested;
}

/// The suite counts the readings of histories; warming has tests of its own.
CacheConfig cold(CacheConfig config)
{
    config.redis_warm_channels = 0;
    return config;
}

CacheConfig two_level(CacheConfig config)
{
    config = cold(std::move(config));
    config.redis_two_level = true;
    return config;
}

void add_redis(std::vector<CacheBackend>& list)
{
    CacheBackend redis;
    redis.name = redis.cache_type = "redis";
    redis.make = [](const CacheConfig& config) { return redis_cache(cold(config)); };
    list.push_back(redis);
    redis.name = "redis_two_level";
    redis.make = [](const CacheConfig& config) { return redis_cache(two_level(config)); };
    list.push_back(redis);
    redis.name = redis.cache_type = "redis_cluster";
    redis.make = [](const CacheConfig& config) { return redis_cluster_cache(cold(config)); };
    list.push_back(redis);
    redis.name = "redis_cluster_two_level";
    redis.make = [](const CacheConfig& config) { return redis_cluster_cache(two_level(config)); };
    list.push_back(redis);
}
#endif

} // namespace

const std::vector<CacheBackend>& cache_backends()
{
    static const std::vector<CacheBackend> backends = [] {
        std::vector<CacheBackend> list;
        CacheBackend memory;
        memory.name = "memory";
        memory.cache_type = "memory";
        memory.make = memory_cache;
        list.push_back(memory);

        CacheBackend decorated = memory;
        decorated.name = "memory_decorated";
        decorated.make = [](const CacheConfig& config) {
            TestedCache tested = memory_cache(config);
            tested.cache = decorate(std::move(tested.cache), every_layer());
            return tested;
        };
        list.push_back(decorated);
#if defined(WHISPERSTORE_TEST_REDIS_CACHES)
        add_redis(list);
#endif
        return list;
    }();
    return backends;
}

} // namespace whisperstore::test

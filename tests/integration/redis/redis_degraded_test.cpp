// A cache that goes on in memory while Redis is away, and tells it afterwards.
#include "integration/redis/redis_fixture.hpp"
#include "servers/chaos_proxy.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <map>

namespace whisperstore::test {
namespace {

using State = RedisCacheHealth::State;

class RedisDegraded : public testing::Test
{
protected:
    RedisDegraded()
    {
        config = RedisServers::get().single_config();
        config.redis_port = proxy.port();
        config.redis_degrade_to_memory = true;
        config.redis_warm_channels = 0;
        history->put_range(1, 3);
        CacheConfig direct = config;
        direct.redis_port = RedisServers::get().single();
        direct.redis_degrade_to_memory = false;
        observer = open_cache(direct);
    }
    void away()
    {
        proxy.set_rule(ChaosRule{.refuse = true});
        proxy.cut_all();
    }
    void back() { proxy.clear(); }
    bool is(State state)
    {
        return eventually([&] { return cache->health().state == state; });
    }

    ChaosProxy proxy{RedisServers::get().single()};
    std::shared_ptr<TestHistory> history = std::make_shared<TestHistory>();
    CacheConfig config;
    std::shared_ptr<RedisConversationCache> observer; ///< sees Redis all the time
    std::shared_ptr<RedisConversationCache> cache;
};

TEST_F(RedisDegraded, ServesFromMemoryAndTellsRedisAfterwards)
{
    cache = open_cache(config);
    cache->set_history_source(history->source());
    run(cache->add_message("c1", test_message(10)));
    run(cache->add_message("c2", test_message(20)));
    EXPECT_EQ(cache->health().state, State::up);
    away();
    run(cache->add_message("c1", test_message(11)));
    ASSERT_TRUE(is(State::degraded));
    EXPECT_FALSE(cache->health().reason.empty());
    EXPECT_EQ(ids_in(*cache, "c1"), (Ids{1, 2, 3, 11})) << "the history, and what came since";
    EXPECT_EQ(run(cache->remove_message("c1", 2)), true);
    run(cache->clear_channel_cache("c2"));
    run(cache->add_message("c2", test_message(21)));
    EXPECT_EQ(cache->health().pending_writes, 4U);
    EXPECT_EQ(run(cache->get_cache_stats()).cached_channels, 2U);
    EXPECT_EQ(ids_in(*observer, "c1"), Ids{10});
    back();
    ASSERT_TRUE(is(State::up));
    EXPECT_EQ(cache->health().pending_writes, 0U);
    EXPECT_EQ(cache->health().degradations, 1U);
    EXPECT_EQ(ids_in(*observer, "c1"), (Ids{10, 11}));
    EXPECT_EQ(ids_in(*observer, "c2"), Ids{21});
    EXPECT_EQ(ids_in(*cache, "c1"), (Ids{1, 3, 10, 11})) << "the removal holds for the history, too";
}

TEST_F(RedisDegraded, StartsWithoutRedis)
{
    away();
    cache = open_cache(config);
    EXPECT_EQ(cache->health().state, State::degraded);
    run(cache->add_message("c1", test_message(1)));
    EXPECT_EQ(ids_in(*cache, "c1"), Ids{1});
    back();
    ASSERT_TRUE(is(State::up));
    EXPECT_EQ(ids_in(*observer, "c1"), Ids{1});
    // Where it is not asked for, a cache without Redis does not start.
    away();
    config.redis_degrade_to_memory = false;
    RedisConversationCache strict(config);
    EXPECT_STORAGE_ERROR(run(strict.initialize()), unavailable);
    EXPECT_STORAGE_ERROR(run(strict.add_message("c1", test_message(1))), closed);
    back();
    run(strict.initialize());
    EXPECT_EQ(ids_in(strict, "c1"), Ids{1});
}

awaitable<void> write_all(std::shared_ptr<RedisConversationCache> cache, std::string channel,
                          std::shared_ptr<std::atomic<bool>> over, Ids* added)
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (std::int64_t id = 1; !*over; ++id) {
        timer.expires_after(std::chrono::microseconds(200));
        co_await timer.async_wait(asio::use_awaitable);
        co_await cache->add_message(channel, test_message(id)); // never an error, whatever the state of Redis
        added->push_back(id);
    }
}

// Redis comes and goes under load: every call succeeds, and in the end Redis has every message once.
TEST_F(RedisDegraded, NothingIsLostOrDuplicated)
{
    config.max_messages = 1'000'000;
    config.redis_health_interval_seconds = 0.2;
    cache = open_cache(config);
    const auto over = std::make_shared<std::atomic<bool>>(false);
    std::map<std::string, Ids> added;
    std::vector<std::future<void>> writers;
    for (int writer = 0; writer < 8; ++writer) {
        const std::string channel = named("c", writer);
        writers.push_back(start(write_all(cache, channel, over, &added[channel])));
    }
    const int times = rounds(5, 40);
    for (int round = 0; round < times; ++round) {
        away();
        ASSERT_TRUE(is(State::degraded));
        const std::uint64_t pending = cache->health().pending_writes;
        ASSERT_TRUE(eventually([&] { return cache->health().pending_writes > pending + 50; }));
        back();
        ASSERT_TRUE(is(State::up)) << cache->health().pending_writes << " writes are pending";
    }
    *over = true;
    for (auto& writer : writers)
        wait(std::move(writer));
    ASSERT_TRUE(is(State::up));
    CacheConfig direct = config;
    direct.redis_port = RedisServers::get().single();
    const auto all = open_cache(direct);
    for (const auto& [channel, ids] : added)
        EXPECT_EQ(ids_in(*all, channel, 1'000'000), ids) << channel;
    EXPECT_GE(cache->health().degradations, static_cast<std::uint64_t>(times));
}

} // namespace
} // namespace whisperstore::test

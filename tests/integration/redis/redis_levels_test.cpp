// The level in this process, warming, and archives.
#include "integration/redis/redis_fixture.hpp"
#include "servers/chaos_proxy.hpp"

#include <random>

namespace whisperstore::test {
namespace {

using State = RedisCacheHealth::State;

CacheConfig two_level_config()
{
    CacheConfig config = RedisServers::get().single_config();
    config.redis_two_level = true;
    config.redis_warm_channels = 0;
    return config;
}

TEST(RedisLevels, ASecondReadComesFromThisProcess)
{
    const auto cache = open_cache(two_level_config());
    for (std::int64_t id = 1; id <= 9; ++id)
        run(cache->add_message("c1", test_message(id)));
    EXPECT_EQ(ids_in(*cache, "c1", 3), (Ids{7, 8, 9}));
    EXPECT_EQ(cache->levels().local_hits, 0U);
    EXPECT_EQ(ids_in(*cache, "c1", 5), (Ids{5, 6, 7, 8, 9}));
    EXPECT_EQ(ids_of(run(cache->get_conversation_context("c1", 3, 8))), (Ids{6, 7, 9}));
    EXPECT_EQ(ids_in(*cache, "unknown"), Ids());
    const RedisCacheLevels levels = cache->levels();
    EXPECT_EQ(levels.local_hits, 2U);
    EXPECT_EQ(levels.redis_hits, 1U);
    EXPECT_EQ(levels.misses, 1U);
    EXPECT_EQ(levels.local_channels, 1U);
    EXPECT_DOUBLE_EQ(levels.local_hit_rate(), 0.5);
    EXPECT_DOUBLE_EQ(levels.redis_hit_rate(), 0.5);
    EXPECT_EQ(run(cache->get_cache_stats()).hits, 3U);
}

TEST(RedisLevels, OwnWritesAreSeenAtOnceAndOthersSoon)
{
    const CacheConfig config = two_level_config();
    const auto cache = open_cache(config);
    const auto other = open_cache(config);
    Ids expected;
    for (std::int64_t id = 1; id <= 200; ++id) {
        run(cache->add_message("c1", test_message(id)));
        expected.push_back(id);
        EXPECT_EQ(ids_in(*cache, "c1").back(), id) << "its own write";
        if (id % 10 == 0) {
            run(cache->remove_message("c1", id));
            expected.pop_back();
            EXPECT_EQ(ids_in(*cache, "c1").back(), expected.back());
        }
    }
    std::chrono::microseconds longest{0};
    for (std::int64_t id = 1001; id <= 1200; ++id) {
        ids_in(*cache, "c1"); // it has the channel
        run(other->add_message("c1", test_message(id)));
        const auto begun = std::chrono::steady_clock::now();
        while (ids_in(*cache, "c1").back() != id)
            ASSERT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
        longest = std::max(
            longest, std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun));
    }
    std::cout << "    another process's write was seen after " << longest.count() << " us at most\n";
    EXPECT_GT(cache->levels().local_hits, 0U);
}

TEST(RedisLevels, ChangesDuringABreakAreNotMissed)
{
    ChaosProxy proxy(RedisServers::get().single());
    CacheConfig config = two_level_config();
    const auto other = open_cache(config);
    config.redis_port = proxy.port();
    const auto cache = open_cache(config);
    const int times = rounds(20, 300);
    for (int round = 1; round <= times; ++round) {
        run(other->add_message("c1", test_message(round * 2)));
        ASSERT_TRUE(eventually([&] { return ids_in(*cache, "c1").back() == round * 2; }));
        ids_in(*cache, "c1");
        const auto connections = cache->health().nodes.at(0).connections;
        proxy.cut_all();
        run(other->add_message("c1", test_message(round * 2 + 1)));
        ASSERT_TRUE(eventually([&] {
            return cache->health().nodes.at(0).connections > connections && cache->health().state == State::up;
        }));
        EXPECT_EQ(ids_in(*cache, "c1").back(), round * 2 + 1);
    }
}

TEST(RedisLevels, TheLevelIsBoundedAndExpires)
{
    CacheConfig config = two_level_config();
    config.max_channels = 64;
    config.timeout_minutes = 0.5 / 60;
    const auto cache = open_cache(config);
    for (int channel = 0; channel < 500; ++channel) {
        run(cache->add_message(named("c", channel), test_message(1)));
        ids_in(*cache, named("c", channel));
    }
    EXPECT_LE(cache->levels().local_channels, 64U);
    EXPECT_GT(cache->levels().local_channels, 16U);
    EXPECT_TRUE(eventually([&] { return ids_in(*cache, "c499").empty(); }));
}

// ---- warming

TEST(RedisWarming, TheChannelsUsedLastAreFilledOnStart)
{
    CacheConfig config = RedisServers::get().single_config();
    config.redis_warm_channels = 10;
    config.redis_warm_concurrency = 3;
    {
        const auto before = open_cache(config);
        for (int channel = 0; channel < 30; ++channel) {
            run(before->add_message(named("c", channel), test_message(100)));
            // Their order is by the millisecond.
            const auto begun = std::chrono::steady_clock::now();
            while (std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(2))
                ;
        }
    }
    const auto history = std::make_shared<TestHistory>();
    history->put_range(1, 5);
    history->hold();
    std::mutex mutex;
    std::set<std::string> asked;
    std::size_t most_at_once = 0;
    RedisConversationCache cache(config);
    cache.set_history_source(
        [&, inner = history->source()](std::string channel, std::size_t limit, OperationContext context) {
            {
                const std::lock_guard lock(mutex);
                asked.insert(channel);
            }
            return inner(channel, limit, std::move(context));
        });
    run(cache.initialize());
    ASSERT_TRUE(eventually([&] { return history->held() == 3; }));
    most_at_once = history->held();
    history->release();
    ASSERT_TRUE(eventually([&] { return history->calls() == 10; }));
    EXPECT_EQ(most_at_once, 3U);
    std::set<std::string> expected;
    for (int channel = 20; channel < 30; ++channel)
        expected.insert(named("c", channel));
    {
        const std::lock_guard lock(mutex);
        EXPECT_EQ(asked, expected);
    }
    // And are there for the first who asks.
    EXPECT_TRUE(eventually([&] { return ids_in(cache, "c29") == (Ids{1, 2, 3, 4, 5, 100}); }));
    EXPECT_EQ(history->calls(), 10);
    EXPECT_EQ(cache.levels().misses, 0U) << "warming is not counted";
    EXPECT_EQ(ids_in(cache, "c5"), (Ids{1, 2, 3, 4, 5, 100}));
    EXPECT_EQ(history->calls(), 11);
    run(cache.cleanup());
}

TEST(RedisWarming, AndWhenTheServerComesBack)
{
    ChaosProxy proxy(RedisServers::get().single());
    CacheConfig config = RedisServers::get().single_config();
    config.redis_port = proxy.port();
    const auto history = std::make_shared<TestHistory>();
    history->put_range(1, 5);
    const auto cache = open_cache(config);
    cache->set_history_source(history->source());
    EXPECT_EQ(ids_in(*cache, "c1"), range(1, 5));
    proxy.set_rule(ChaosRule{.refuse = true});
    proxy.cut_all();
    ASSERT_TRUE(eventually([&] { return cache->health().state == State::away; }));
    // Meanwhile the server lost the channel, not what was used last.
    PlainRedis redis(RedisServers::get().single());
    for (const std::string& key : redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*}c*"}))
        redis.ask({"DEL", key});
    const int calls = history->calls();
    proxy.clear();
    EXPECT_TRUE(eventually([&] { return history->calls() == calls + 1; }));
    EXPECT_TRUE(eventually([&] { return !redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*}cc1"}).empty(); }));
    run(cache->cleanup());
}

// ---- archives

TEST(RedisBackup, BringsEveryChannelBack)
{
    const TestDirectory directory;
    CacheConfig config = RedisServers::get().single_config();
    config.redis_warm_channels = 0;
    const auto cache = open_cache(config);
    const auto history = std::make_shared<TestHistory>();
    history->put_range(1, 5);
    cache->set_history_source(history->source());
    std::map<std::string, std::vector<UniversalMessage>> expected;
    for (int channel = 0; channel < 200; ++channel) {
        run(cache->add_message(named("c", channel), test_message(100 + channel)));
        if (channel % 2 == 0)
            for (const CachedMessage& message : run(cache->get_conversation_context(named("c", channel), 100)))
                expected[named("c", channel)].push_back(*message);
    }
    EXPECT_EQ(run(cache->backup_cache(directory / "cache.db")), 200U);
    EXPECT_STORAGE_ERROR(run(cache->backup_cache(directory / "cache.db")), already_exists);

    // Into a cluster, and beside what is there.
    CacheConfig other = RedisServers::get().cluster_config();
    other.redis_warm_channels = 0;
    const auto target = open_cache<RedisClusterConversationCache>(other);
    run(target->add_message("c0", test_message(999)));
    run(target->add_message("another", test_message(1)));
    EXPECT_EQ(run(target->restore_cache(directory / "cache.db")), 200U);
    EXPECT_EQ(ids_in(*target, "another"), Ids{1});
    for (const auto& [channel, messages] : expected) {
        const auto restored = run(target->get_conversation_context(channel, 100));
        ASSERT_EQ(restored.size(), messages.size()) << channel;
        for (std::size_t i = 0; i < messages.size(); ++i)
            EXPECT_EQ(*restored[i], messages[i]);
    }
    const CacheStats stats = run(target->get_cache_stats());
    EXPECT_EQ(stats.cached_channels, 201U);
    EXPECT_EQ(stats.total_cached_messages, 200U + 100U * 5U + 1U);
    // What was warm is warm, what was cold is cold.
    target->set_history_source(history->source());
    const int calls = history->calls();
    ids_in(*target, "c0");
    EXPECT_EQ(history->calls(), calls);
    EXPECT_EQ(ids_in(*target, "c1"), (Ids{1, 2, 3, 4, 5, 101}));
    EXPECT_EQ(history->calls(), calls + 1);
}

} // namespace
} // namespace whisperstore::test

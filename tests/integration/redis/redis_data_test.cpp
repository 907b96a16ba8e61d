// What is in Redis: one hash a channel, versioned values, registries that converge.
#include "integration/redis/redis_fixture.hpp"

#include <algorithm>
#include <random>

namespace whisperstore::test {
namespace {

class RedisData : public testing::Test
{
protected:
    RedisData()
    {
        config = RedisServers::get().single_config();
        config.redis_warm_channels = 0;
        cache = open_cache(config);
    }
    std::string key_of(const std::string& channel)
    {
        for (const std::string& key : redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*}c" + channel}))
            return key;
        return "";
    }
    CacheStats stats() { return run(cache->get_cache_stats()); }

    PlainRedis redis{RedisServers::get().single()};
    CacheConfig config;
    std::shared_ptr<RedisConversationCache> cache;
};

TEST_F(RedisData, AChannelIsOneHashWithVersionedJson)
{
    run(cache->add_message("c1", test_message(7)));
    const std::string key = key_of("c1");
    EXPECT_EQ(redis.value({"TYPE", key}), "hash");
    EXPECT_EQ(redis.value({"HGET", key, "v"}), "1");
    EXPECT_EQ(
        redis.value({"HGET", key, "8000000000000007"}),
        R"({"v":1,"message_id":"7","user_id":"u1","username":"Ada","content":"message 7",)"
        R"("timestamp":"2026-01-01T00:00:07.000000Z","is_bot":false,"reply_to":null,"attachments":[],"metadata":{}})");
    const auto left = std::stoll(redis.value({"PTTL", key}));
    EXPECT_GT(left, 14 * 60'000);
    EXPECT_LE(left, 15 * 60'000);
}

TEST_F(RedisData, ValuesOfAnOlderVersionAreRead)
{
    run(cache->add_message("c1", test_message(7)));
    redis.ask(
        {"HSET", key_of("c1"), "8000000000000007",
         R"({"message_id":"7","channel_id":"c1","user_id":"u2","content":"old","timestamp":"2026-01-01T00:00:07Z"})"});
    const auto messages = run(cache->get_conversation_context("c1"));
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0]->content, "old");
    EXPECT_EQ(messages[0]->user_id, "u2");
    EXPECT_EQ(messages[0]->channel_id, "c1");
}

TEST_F(RedisData, WhatCannotBeReadIsAnError)
{
    run(cache->add_message("c1", test_message(7)));
    const std::string key = key_of("c1");
    const auto store = [&](const std::string& value) { redis.ask({"HSET", key, "8000000000000007", value}); };
    store(R"({"v":2,"message_id":"7"})");
    EXPECT_STORAGE_ERROR(ids_in(*cache, "c1"), version_mismatch);
    // What another language's serializer would execute, and other nonsense.
    store("\x80\x04\x95\x0bcos\nsystem\n");
    EXPECT_STORAGE_ERROR(ids_in(*cache, "c1"), corrupt);
    store("[]");
    EXPECT_STORAGE_ERROR(ids_in(*cache, "c1"), corrupt);
    store(R"({"v":1,"message_id":"7"})");
    EXPECT_STORAGE_ERROR(ids_in(*cache, "c1"), corrupt);
    redis.ask({"HDEL", key, "8000000000000007"});
    EXPECT_STORAGE_ERROR(ids_in(*cache, "c1"), corrupt);
    redis.ask({"HSET", key, "v", "2"});
    EXPECT_STORAGE_ERROR(ids_in(*cache, "c1"), version_mismatch);
    EXPECT_STORAGE_ERROR(run(cache->add_message("c1", test_message(8))), version_mismatch);
    redis.ask({"DEL", key});
    redis.ask({"SET", key, "somebody else's"});
    EXPECT_STORAGE_ERROR(ids_in(*cache, "c1"), corrupt);
    run(cache->clear_channel_cache("c1"));
    EXPECT_EQ(ids_in(*cache, "c1"), Ids()) << "a clear heals it";
}

TEST_F(RedisData, EachOperationIsOneCommand)
{
    const OwnRedisServers own({"--single"});
    config = own.servers().single_config();
    config.redis_warm_channels = 0;
    cache = open_cache(config);
    PlainRedis server(own.servers().single());
    const auto commands = [&] {
        const std::string info = server.value({"INFO", "stats"});
        const std::size_t at = info.find("total_commands_processed:") + 25;
        return std::stoll(info.substr(at));
    };
    run(cache->add_message("c1", test_message(1)));
    // Those of scripts are counted, too, so calls are compared with what each script does: EVALSHA is the round trip.
    const auto round_trips = [&] {
        const std::string info = server.value({"INFO", "commandstats"});
        const std::size_t at = info.find("cmdstat_evalsha:calls=");
        return at == std::string::npos ? 0 : std::stoll(info.substr(at + 22));
    };
    EXPECT_GT(commands(), 0);
    const auto before = round_trips();
    for (int i = 0; i < 10; ++i) {
        run(cache->add_message("c1", test_message(i)));
        ids_in(*cache, "c1");
        run(cache->remove_message("c1", i));
        run(cache->clear_channel_cache("c1"));
    }
    EXPECT_EQ(round_trips() - before, 40);
    EXPECT_EQ(server.value({"INFO", "commandstats"}).find("cmdstat_eval:"), std::string::npos);
    EXPECT_EQ(server.value({"INFO", "commandstats"}).find("cmdstat_keys"), std::string::npos);
    server.ask({"SCRIPT", "FLUSH"});
    run(cache->add_message("c1", test_message(1)));
    EXPECT_EQ(ids_in(*cache, "c1"), Ids{1}) << "scripts that the server forgot are sent again";
    run(cache->get_cache_stats());
}

TEST_F(RedisData, TwoCachesShareWhatIsStored)
{
    const auto other = open_cache(config);
    run(cache->add_message("c1", test_message(1)));
    run(other->add_message("c1", test_message(2)));
    EXPECT_EQ(ids_in(*cache, "c1"), (Ids{1, 2}));
    EXPECT_EQ(ids_in(*other, "c1"), (Ids{1, 2}));
    EXPECT_TRUE(run(other->remove_message("c1", 1)));
    EXPECT_FALSE(run(cache->remove_message("c1", 1)));
    run(cache->cleanup());
    EXPECT_EQ(ids_in(*other, "c1"), Ids{2}) << "what is in Redis outlives a cache";
}

TEST_F(RedisData, ARemovalElsewhereIsNotRevivedByAHistoryBeingRead)
{
    const auto other = open_cache(config);
    const auto history = std::make_shared<TestHistory>();
    history->put_range(1, 5);
    history->hold();
    cache->set_history_source(history->source());
    auto reading = start(cache->get_conversation_context("c1", 100));
    ASSERT_TRUE(eventually([&] { return history->held() == 1; }));
    EXPECT_FALSE(run(other->remove_message("c1", 2)));
    run(other->add_message("c1", test_message(9)));
    history->release();
    EXPECT_EQ(ids_of(wait(std::move(reading))), (Ids{1, 3, 4, 5, 9}));

    // And a clear elsewhere: who asked is answered from a reading after it.
    run(cache->clear_channel_cache("c1"));
    history->hold();
    reading = start(cache->get_conversation_context("c1", 100));
    ASSERT_TRUE(eventually([&] { return history->held() == 1; }));
    run(other->clear_channel_cache("c1"));
    history->erase(1);
    history->release();
    EXPECT_EQ(ids_of(wait(std::move(reading))), (Ids{2, 3, 4, 5}));
}

// ---- statistics

TEST_F(RedisData, StatisticsConvergeAfterWhateverHappens)
{
    const int channels = rounds(60, 2'000);
    std::mt19937 random(7);
    for (int channel = 0; channel < channels; ++channel)
        for (int id = 0; id < channel % 5 + 1; ++id)
            run(cache->add_message(named("c", channel), test_message(id)));
    // Evicted channels, registries and their companions.
    std::vector<std::string> keys = redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*}c*"});
    ASSERT_EQ(keys.size(), static_cast<std::size_t>(channels));
    std::shuffle(keys.begin(), keys.end(), random);
    for (int i = 0; i < channels / 3; ++i)
        redis.ask({"DEL", keys[static_cast<std::size_t>(i)]});
    std::vector<std::string> expiries = redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*}e"});
    for (std::size_t i = 0; i < expiries.size() / 4; ++i)
        redis.ask({"DEL", expiries[i]});
    const auto counted = [&] {
        std::uint64_t messages = 0;
        for (const std::string& key : redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*}c*"}))
            messages += redis.value({"HGET", key, "o"}).size() / 32;
        return messages;
    };
    EXPECT_TRUE(eventually([&] {
        const CacheStats now = stats();
        return now.cached_channels == static_cast<std::uint64_t>(channels - channels / 3) &&
               now.total_cached_messages == counted();
    })) << stats().cached_channels
        << " channels, " << stats().total_cached_messages << " messages, there are " << counted();

    // A registry that went comes back with the writes.
    for (const std::string& key : redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*}r"}))
        redis.ask({"DEL", key});
    for (const std::string& key : redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*}c*"}))
        run(cache->add_message(key.substr(key.find("}c") + 2), test_message(50)));
    EXPECT_EQ(stats().cached_channels, static_cast<std::uint64_t>(channels - channels / 3));
    EXPECT_EQ(stats().total_cached_messages, counted());

    pass_redis_time({RedisServers::get().single()}, config.redis_key_prefix, 16 * 60'000);
    EXPECT_EQ(stats().cached_channels, 0U);
    EXPECT_EQ(stats().total_cached_messages, 0U);
    EXPECT_EQ(redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*}r"}).size(), 0U);
}

TEST_F(RedisData, ChannelsExpireInRealTimeAsWell)
{
    config.timeout_minutes = 0.4 / 60;
    config.redis_key_prefix = unique_prefix();
    cache = open_cache(config);
    run(cache->add_message("c1", test_message(1)));
    EXPECT_TRUE(eventually([&] { return ids_in(*cache, "c1").empty(); }));
    EXPECT_EQ(stats().cached_channels, 0U);
}

// ---- memory

void fill(RedisConversationCache& cache, std::map<std::string, Ids>& stored, std::uint64_t& refused, int rounds)
{
    for (int round = 0; round < rounds; ++round)
        for (int channel = 0; channel < 200; ++channel) {
            UniversalMessage message = test_message(round);
            message.content = std::string(2'000, 'x');
            try {
                run(cache.add_message(named("c", channel), message));
                stored[named("c", channel)].push_back(round);
            } catch (const StorageError& error) {
                EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted) << error.what();
                EXPECT_EQ(error.native_code(), "OOM");
                ++refused;
            }
        }
}

TEST_F(RedisData, WithoutRoomAWriteIsRefusedWhole)
{
    const OwnRedisServers own({"--single"});
    PlainRedis server(own.servers().single());
    server.ask({"CONFIG", "SET", "maxmemory", "6mb", "maxmemory-policy", "noeviction"});
    config = own.servers().single_config();
    cache = open_cache(config);
    std::map<std::string, Ids> stored;
    std::uint64_t refused = 0;
    fill(*cache, stored, refused, 20);
    EXPECT_GT(refused, 0U);
    std::uint64_t messages = 0;
    for (const auto& [channel, ids] : stored) {
        EXPECT_EQ(ids_in(*cache, channel), ids) << channel;
        messages += ids.size();
    }
    server.ask({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_EQ(stats().total_cached_messages, messages);
    run(cache->add_message("c1", test_message(99)));
}

TEST_F(RedisData, EvictionTakesChannelsWhole)
{
    const OwnRedisServers own({"--single"});
    PlainRedis server(own.servers().single());
    server.ask({"CONFIG", "SET", "maxmemory", "6mb", "maxmemory-policy", "allkeys-lru"});
    config = own.servers().single_config();
    cache = open_cache(config);
    const auto history = std::make_shared<TestHistory>();
    history->put_range(1000, 1004);
    std::map<std::string, Ids> stored;
    std::uint64_t refused = 0;
    fill(*cache, stored, refused, 20);
    EXPECT_EQ(refused, 0U);
    std::size_t evicted = 0;
    std::size_t rebuilt = 0;
    for (const auto& [channel, ids] : stored) {
        const Ids there = ids_in(*cache, channel);
        // Evicted, and perhaps written to again since: the newest ones, without a gap.
        evicted += there.empty() ? 1 : 0;
        rebuilt += !there.empty() && there.size() < ids.size() ? 1 : 0;
        EXPECT_TRUE(std::equal(there.rbegin(), there.rend(), ids.rbegin())) << channel;
    }
    EXPECT_GT(evicted + rebuilt, 0U);
    // With a history an evicted channel is cold, and filled again.
    cache->set_history_source(history->source());
    for (const auto& [channel, ids] : stored) {
        const Ids there = ids_in(*cache, channel, 5);
        EXPECT_EQ(there, (Ids{1000, 1001, 1002, 1003, 1004})) << channel;
    }
}

} // namespace
} // namespace whisperstore::test

#include "conformance/cache_conformance.hpp"

#include <limits>

namespace whisperstore::test {
namespace {

class Cache : public CacheTest
{
};

INSTANTIATE_TEST_SUITE_P(Backends, Cache, testing::ValuesIn(cache_backends()),
                         [](const auto& backend) { return backend.param.name; });

using Ids = std::vector<std::int64_t>;

// ---- opening and closing

TEST_P(Cache, ClosedBeforeInitializeAndAfterCleanup)
{
    const auto expect_closed = [](ConversationCacheManager& closed) {
        EXPECT_STORAGE_ERROR(run(closed.get_conversation_context("c1")), closed);
        EXPECT_STORAGE_ERROR(run(closed.get_conversation_context("c1", 0)), closed);
        EXPECT_STORAGE_ERROR(run(closed.add_message("c1", test_message(1))), closed);
        EXPECT_STORAGE_ERROR(run(closed.remove_message("c1", 1)), closed);
        EXPECT_STORAGE_ERROR(run(closed.clear_channel_cache("c1")), closed);
        EXPECT_STORAGE_ERROR(run(closed.get_cache_stats()), closed);
    };
    const TestedCache fresh = GetParam().make(CacheConfig());
    expect_closed(*fresh.cache);
    run(cache->cleanup());
    expect_closed(*cache);
}

TEST_P(Cache, BothEndsAreIdempotentAndItOpensAgain)
{
    run(cache->initialize());
    add(1);
    run(cache->initialize());
    EXPECT_EQ(ids(), Ids{1});
    run(cache->cleanup());
    run(cache->cleanup());
    run(cache->initialize());
    add(2);
    EXPECT_EQ(ids(1), Ids{2});
}

TEST_P(Cache, SaysWhatItIs)
{
    EXPECT_EQ(cache->cache_type(), GetParam().cache_type);
    const StorageError error = error_of([&] { run(cache->get_conversation_context("", 5)); });
    EXPECT_EQ(error.backend(), GetParam().cache_type);
    EXPECT_EQ(error.operation(), "get_conversation_context");
}

// ---- what is refused

TEST_P(Cache, BadArgumentsAreRefused)
{
    EXPECT_STORAGE_ERROR(read(-1), invalid_argument);
    EXPECT_STORAGE_ERROR(read(std::numeric_limits<std::int64_t>::min()), invalid_argument);
    const std::string bad_ids[] = {"", "\xff", std::string("a\0b", 3)};
    for (const std::string& id : bad_ids) {
        EXPECT_STORAGE_ERROR(run(cache->get_conversation_context(id)), invalid_argument);
        EXPECT_STORAGE_ERROR(run(cache->add_message(id, test_message(1))), invalid_argument);
        EXPECT_STORAGE_ERROR(run(cache->remove_message(id, 1)), invalid_argument);
        EXPECT_STORAGE_ERROR(run(cache->clear_channel_cache(id)), invalid_argument);
    }
    UniversalMessage message = test_message(1);
    message.channel_id = "another";
    EXPECT_STORAGE_ERROR(add(message), invalid_argument);
    message = test_message(1);
    message.content = "\xc3\x28";
    EXPECT_STORAGE_ERROR(add(message), invalid_argument);
    EXPECT_EQ(stats().total_cached_messages, 0U);
}

TEST_P(Cache, PassedDeadlineIsATimeout)
{
    const OperationContext late = OperationContext::within(std::chrono::seconds(-1));
    EXPECT_STORAGE_ERROR(run(cache->get_conversation_context("c1", 5, std::nullopt, late)), timeout);
    EXPECT_STORAGE_ERROR(run(cache->add_message("c1", test_message(1), late)), timeout);
    EXPECT_STORAGE_ERROR(run(cache->remove_message("c1", 1, late)), timeout);
    EXPECT_STORAGE_ERROR(run(cache->clear_channel_cache("c1", late)), timeout);
    EXPECT_STORAGE_ERROR(run(cache->get_cache_stats(late)), timeout);
    EXPECT_EQ(stats().total_cached_messages, 0U);
}

// ---- messages and their order

TEST_P(Cache, MessagesComeBackWhole)
{
    UniversalMessage message = test_message(std::numeric_limits<std::int64_t>::max(), 1);
    message.timestamp += std::chrono::microseconds(123456);
    message.content = "Grüße \U0001F600";
    message.is_bot = true;
    message.reply_to = std::numeric_limits<std::int64_t>::max() - 1;
    message.attachments.emplace_back(json::object{{"url", "https://example.org/a.png"}});
    message.metadata["nested"] = json::object{{"n", nullptr}, {"f", 0.5}};
    message.metadata["big"] = std::numeric_limits<std::int64_t>::min();
    add(message);
    const auto messages = read();
    ASSERT_EQ(messages.size(), 1U);
    message.channel_id = "c1"; // filled in
    EXPECT_EQ(*messages[0], message);
}

TEST_P(Cache, ContextIsTheNewestOldestFirst)
{
    add_range(1, 9);
    EXPECT_EQ(ids(3), (Ids{7, 8, 9}));
    EXPECT_EQ(ids(100), range(1, 9));
    EXPECT_EQ(ids_of(run(cache->get_conversation_context("c1"))), range(5, 9)) << "the default limit is 5";
    EXPECT_EQ(ids(0), Ids());
    EXPECT_EQ(ids(std::numeric_limits<std::int64_t>::max()), range(1, 9));
}

TEST_P(Cache, LimitCountsAfterTheExcludedMessage)
{
    add_range(1, 9);
    EXPECT_EQ(ids(3, 8), (Ids{6, 7, 9}));
    EXPECT_EQ(ids(3, 1), (Ids{7, 8, 9}));
    EXPECT_EQ(ids(3, 99), (Ids{7, 8, 9}));
    EXPECT_EQ(ids(9, 5), (Ids{1, 2, 3, 4, 6, 7, 8, 9}));
}

TEST_P(Cache, LateArrivalsLandWhereTheyBelong)
{
    add(test_message(1, 10));
    add(test_message(2, 30));
    add(test_message(3, 20));
    EXPECT_EQ(ids(), (Ids{1, 3, 2}));
    add(test_message(9, 20));
    add(test_message(-5, 20));
    EXPECT_EQ(ids(), (Ids{1, -5, 3, 9, 2})) << "equal times are ordered by id";
}

TEST_P(Cache, KnownMessageIsReplacedInPlace)
{
    add_range(1, 3);
    UniversalMessage edited = test_message(2);
    edited.content = "edited";
    add(edited);
    const auto messages = read();
    ASSERT_EQ(ids_of(messages), range(1, 3));
    EXPECT_EQ(messages[1]->content, "edited");
    add(test_message(1, 100));
    EXPECT_EQ(ids(), (Ids{2, 3, 1})) << "a new time moves it";
    EXPECT_EQ(stats().total_cached_messages, 3U);
}

TEST_P(Cache, OldestGoFirstBeyondMaxMessages)
{
    CacheConfig config;
    config.max_messages = 4;
    open(config);
    add_range(1, 10);
    EXPECT_EQ(ids(), range(7, 10));
    add(test_message(11, 0));
    EXPECT_EQ(ids(), range(7, 10)) << "older than all that are kept";
    EXPECT_EQ(stats().total_cached_messages, 4U);
}

TEST_P(Cache, ChannelsAreTheirOwn)
{
    add(1);
    run(cache->add_message("c2", test_message(2)));
    EXPECT_FALSE(run(cache->remove_message("c2", 1)));
    run(cache->clear_channel_cache("c2"));
    EXPECT_EQ(ids(), Ids{1});
    EXPECT_EQ(run(cache->get_conversation_context("c2")).size(), 0U);
}

TEST_P(Cache, RemoveSaysWhetherItWasThere)
{
    add_range(1, 3);
    EXPECT_TRUE(run(cache->remove_message("c1", 2)));
    EXPECT_FALSE(run(cache->remove_message("c1", 2)));
    EXPECT_FALSE(run(cache->remove_message("never used", 2)));
    EXPECT_EQ(ids(), (Ids{1, 3}));
    add(2);
    EXPECT_EQ(ids(), range(1, 3)) << "added again after its removal";
}

TEST_P(Cache, ClearForgetsTheChannel)
{
    add_range(1, 3);
    run(cache->clear_channel_cache("c1"));
    run(cache->clear_channel_cache("never used"));
    EXPECT_EQ(ids(), Ids());
    EXPECT_EQ(stats().cached_channels, 0U);
}

// ---- expiry

TEST_P(Cache, ChannelExpiresAfterItsLastWrite)
{
    add(1);
    pass_time(0.6);
    add(2);
    pass_time(0.6);
    EXPECT_EQ(ids(), (Ids{1, 2})) << "the second write extended it";
    pass_time(0.6);
    EXPECT_EQ(ids(), Ids());
    EXPECT_EQ(stats().cached_channels, 0U);
    EXPECT_EQ(stats().total_cached_messages, 0U);
}

TEST_P(Cache, ReadsDoNotExtendAChannel)
{
    add(1);
    pass_time(0.6);
    EXPECT_EQ(ids(), Ids{1});
    pass_time(0.6);
    EXPECT_EQ(ids(), Ids());
}

TEST_P(Cache, RemovingAMessageExtendsTheChannel)
{
    add_range(1, 2);
    pass_time(0.6);
    EXPECT_TRUE(run(cache->remove_message("c1", 1)));
    pass_time(0.6);
    EXPECT_EQ(ids(), Ids{2});
}

TEST_P(Cache, ExpiredChannelsAreNotCounted)
{
    add(1);
    pass_time(0.6);
    run(cache->add_message("c2", test_message(2)));
    EXPECT_EQ(stats().cached_channels, 2U);
    pass_time(0.6);
    EXPECT_EQ(stats().cached_channels, 1U);
    EXPECT_EQ(stats().total_cached_messages, 1U);
}

// ---- statistics

TEST_P(Cache, StatisticsAreExact)
{
    CacheStats empty = stats();
    EXPECT_EQ(empty.hits + empty.misses + empty.cached_channels + empty.total_cached_messages, 0U);
    EXPECT_EQ(empty.hit_rate, 0.0);
    use_history();
    history->put_range(1, 3);
    ids(); // a miss
    ids();
    ids(1);
    ids(0); // asks nothing
    run(cache->get_conversation_context("c2"));
    run(cache->add_message("c3", test_message(1)));
    CacheStats now = stats();
    EXPECT_EQ(now.hits, 2U);
    EXPECT_EQ(now.misses, 2U);
    EXPECT_DOUBLE_EQ(now.hit_rate, 0.5);
    EXPECT_EQ(now.cached_channels, 3U);
    EXPECT_EQ(now.total_cached_messages, 7U);
    EXPECT_GT(now.memory_usage_mb, 0.0);
    UniversalMessage large = test_message(4);
    large.content = std::string(1 << 20, 'x');
    add(large);
    EXPECT_NEAR(stats().memory_usage_mb - now.memory_usage_mb, 1.0, 0.1);
    run(cache->remove_message("c1", 4));
    run(cache->clear_channel_cache("c2"));
    run(cache->clear_channel_cache("c3"));
    now = stats();
    EXPECT_EQ(now.cached_channels, 1U);
    EXPECT_EQ(now.total_cached_messages, 3U);
}

TEST_P(Cache, WithoutHistoryReadsOfWhatWasAddedAreHits)
{
    ids();
    add(1);
    ids();
    const CacheStats now = stats();
    EXPECT_EQ(now.misses, 1U);
    EXPECT_EQ(now.hits, 1U);
    EXPECT_EQ(now.cached_channels, 1U) << "reading does not make a channel";
}

TEST_P(Cache, StatisticsHaveTheNamesOfTheReference)
{
    const json::object out = stats().to_json();
    const std::string_view names[] = {"hit_rate",       "hits", "misses", "cached_channels", "total_cached_messages",
                                      "memory_usage_mb"};
    EXPECT_EQ(out.size(), std::size(names));
    for (const std::string_view name : names)
        EXPECT_TRUE(out.contains(name)) << name;
}

} // namespace
} // namespace whisperstore::test

// What is particular to the cache in memory; the rest is in the conformance suite.
#include "cache/event.hpp"
#include "support/run.hpp"

#include <whisperstore/cache/hybrid_conversation_cache.hpp>

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <limits>

namespace whisperstore::test {
namespace {

UniversalMessage message(std::int64_t id)
{
    UniversalMessage out;
    out.message_id = id;
    out.content = "text";
    out.timestamp = Timestamp(std::chrono::seconds(id));
    return out;
}

std::string channel(int number)
{
    std::string name = "channel ";
    name += std::to_string(number); // GCC 12 warns falsely of "…" + std::to_string(…)
    return name;
}

CacheConfig bounded(std::size_t channels)
{
    CacheConfig config;
    config.max_channels = channels;
    return config;
}

class MemoryCache : public testing::Test
{
protected:
    void SetUp() override { open(CacheConfig()); }

    void open(const CacheConfig& config)
    {
        cache = std::make_shared<HybridConversationCache>(config, [this] { return time; });
        run(cache->initialize());
    }
    void add(const std::string& channel) { run(cache->add_message(channel, message(1))); }
    bool holds(const std::string& channel) { return !run(cache->get_conversation_context(channel)).empty(); }
    std::uint64_t channels() { return run(cache->get_cache_stats()).cached_channels; }

    /// A history of one message whose reads wait for `gate`.
    HistorySource gated()
    {
        return [this](std::string, std::size_t, OperationContext context) { return read(std::move(context)); };
    }
    awaitable<std::vector<UniversalMessage>> read(OperationContext context)
    {
        ++calls;
        co_await Event::wait(gate, "the gate", std::move(context));
        std::vector<UniversalMessage> messages;
        messages.push_back(message(7));
        co_return messages;
    }

    std::chrono::steady_clock::time_point time{std::chrono::hours(1)};
    std::atomic<int> calls{0};
    std::shared_ptr<Event> gate = std::make_shared<Event>();
    std::shared_ptr<HybridConversationCache> cache;
};

// ---- bounds

TEST_F(MemoryCache, LeastRecentlyUsedChannelGoesFirst)
{
    open(bounded(3));
    add("a");
    add("b");
    add("c");
    EXPECT_TRUE(holds("a")); // a read is a use
    add("d");
    EXPECT_EQ(channels(), 3U);
    EXPECT_FALSE(holds("b"));
    add("c"); // and so is a write
    add("e");
    EXPECT_FALSE(holds("a"));
    EXPECT_TRUE(holds("c"));
    EXPECT_TRUE(holds("d"));
    EXPECT_TRUE(holds("e"));
}

TEST_F(MemoryCache, BoundHoldsOverManyChannels)
{
    open(bounded(100));
    for (int i = 0; i < 1000; ++i)
        add(channel(i));
    EXPECT_EQ(channels(), 100U);
    for (int i = 0; i < 1000; ++i)
        EXPECT_EQ(holds(channel(i)), i >= 900) << i;
}

TEST_F(MemoryCache, SingleChannelIsAllowed)
{
    open(bounded(1));
    add("a");
    add("b");
    EXPECT_FALSE(holds("a"));
    EXPECT_TRUE(holds("b"));
}

TEST_F(MemoryCache, ExpiredChannelsMakeRoomBeforeOthers)
{
    open(bounded(2));
    add("old");
    time += std::chrono::minutes(10);
    add("young");
    EXPECT_TRUE(holds("old")); // used last, but not written
    time += std::chrono::minutes(6);
    add("new");
    EXPECT_TRUE(holds("young"));
    EXPECT_TRUE(holds("new"));
}

TEST_F(MemoryCache, RemovalsFromUnknownChannelsDisplaceNoMessages)
{
    open(bounded(2));
    add("a");
    add("b");
    for (int i = 0; i < 100; ++i)
        run(cache->remove_message(channel(i), 1));
    EXPECT_TRUE(holds("a"));
    EXPECT_TRUE(holds("b"));
}

TEST_F(MemoryCache, BoundIsExactUnderLoad)
{
    open(bounded(8));
    asio::thread_pool threads(8);
    std::vector<std::future<void>> adds;
    for (int i = 0; i < 4000; ++i)
        adds.push_back(asio::co_spawn(threads, cache->add_message(channel(i % 97), message(i)), asio::use_future));
    for (auto& one : adds)
        wait(std::move(one));
    EXPECT_EQ(channels(), 8U);
    threads.join();
}

TEST_F(MemoryCache, ChannelBeingReadIsNotForgotten)
{
    open(bounded(1));
    cache->set_history_source(gated());
    auto reading = start(cache->get_conversation_context("a"));
    ASSERT_TRUE(eventually([&] { return calls == 1; }));
    run(cache->remove_message("a", 7));
    run(cache->add_message("a", message(8)));
    add("b");
    add("c");
    gate->happen();
    const auto messages = wait(std::move(reading));
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0]->message_id, 8);
    EXPECT_EQ(channels(), 1U);
}

// ---- time

TEST_F(MemoryCache, ExpiresAtItsTimeout)
{
    add("a");
    time += std::chrono::minutes(15) - std::chrono::nanoseconds(1);
    EXPECT_TRUE(holds("a"));
    time += std::chrono::nanoseconds(1);
    EXPECT_FALSE(holds("a"));
    EXPECT_EQ(run(cache->get_cache_stats()).memory_usage_mb, 0.0);
}

TEST_F(MemoryCache, FailedBootstrapDoesNotExtendAChannel)
{
    cache->set_history_source(
        [](std::string, std::size_t, OperationContext) -> awaitable<std::vector<UniversalMessage>> {
            throw StorageError(StorageErrc::unavailable, "down");
        });
    add("a");
    time += std::chrono::minutes(10);
    EXPECT_STORAGE_ERROR(holds("a"), unavailable);
    EXPECT_EQ(channels(), 1U);
    time += std::chrono::minutes(6);
    EXPECT_EQ(channels(), 0U);
}

TEST_F(MemoryCache, ChannelDoesNotExpireWhileItsHistoryIsRead)
{
    cache->set_history_source(gated());
    auto reading = start(cache->get_conversation_context("a"));
    ASSERT_TRUE(eventually([&] { return calls == 1; }));
    run(cache->add_message("a", message(8)));
    run(cache->remove_message("a", 7));
    time += std::chrono::minutes(20);
    EXPECT_EQ(channels(), 1U);
    gate->happen();
    const auto messages = wait(std::move(reading));
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0]->message_id, 8);
    time += std::chrono::minutes(14);
    EXPECT_EQ(channels(), 1U) << "the end of the read was an activity";
    time += std::chrono::minutes(1);
    EXPECT_EQ(channels(), 0U);
}

// ---- opening and closing

TEST_F(MemoryCache, CleanupForgetsEverything)
{
    add("a");
    EXPECT_TRUE(holds("a"));
    run(cache->cleanup());
    run(cache->initialize());
    const CacheStats stats = run(cache->get_cache_stats());
    EXPECT_EQ(stats.hits + stats.misses + stats.cached_channels + stats.total_cached_messages, 0U);
    EXPECT_FALSE(holds("a"));
}

TEST_F(MemoryCache, CleanupNamesAReadThatDoesNotEnd)
{
    asio::io_context stuck; // nobody runs it any more
    cache->set_history_source(gated());
    auto reading = asio::co_spawn(stuck, cache->get_conversation_context("a"), asio::use_future);
    while (calls == 0)
        stuck.run_one();
    const StorageError error = error_of([&] { run(cache->cleanup()); });
    EXPECT_EQ(error.errc(), StorageErrc::timeout);
    EXPECT_NE(error.message().find("'a'"), std::string::npos) << error.message();
    EXPECT_STORAGE_ERROR(run(cache->get_cache_stats()), closed);
    stuck.run();
    EXPECT_STORAGE_ERROR(wait(std::move(reading)), closed);
}

TEST_F(MemoryCache, DroppingTheCacheEndsItsCalls)
{
    cache->set_history_source(gated());
    auto reading = start(cache->get_conversation_context("a"));
    ASSERT_TRUE(eventually([&] { return calls == 1; }));
    cache.reset();
    EXPECT_STORAGE_ERROR(wait(std::move(reading)), closed);
}

// ---- reading

TEST_F(MemoryCache, WarmReadsShareTheMessagesAndDoNotSuspend)
{
    add("a");
    asio::io_context io;
    auto first = asio::co_spawn(io, cache->get_conversation_context("a"), asio::use_future);
    auto second = asio::co_spawn(io, cache->get_conversation_context("a"), asio::use_future);
    EXPECT_EQ(io.poll(), 2U) << "one turn of the executor for each";
    EXPECT_EQ(first.get().at(0), second.get().at(0));
}

// ---- settings

TEST(MemoryCacheSettings, ReferenceForm)
{
    HybridConversationCache cache(15, 2);
    run(cache.initialize());
    for (int i = 0; i < 5; ++i)
        run(cache.add_message("a", message(i)));
    EXPECT_EQ(run(cache.get_conversation_context("a")).size(), 2U);
    EXPECT_EQ(cache.cache_type(), "memory");
    EXPECT_TRUE(cache.endpoints().empty());
}

TEST(MemoryCacheSettings, BadOnesAreRefused)
{
    const double bad_times[] = {0, -1, std::numeric_limits<double>::quiet_NaN(),
                                std::numeric_limits<double>::infinity(), 1e300};
    for (const double minutes : bad_times)
        EXPECT_STORAGE_ERROR(HybridConversationCache(minutes, 50), invalid_argument);
    EXPECT_STORAGE_ERROR(HybridConversationCache(15, 0), invalid_argument);
    EXPECT_STORAGE_ERROR(HybridConversationCache(bounded(0)), invalid_argument);
    const StorageError error = error_of([] { HybridConversationCache(15, 0); });
    EXPECT_NE(error.message().find("max_messages"), std::string::npos) << error.message();
    EXPECT_EQ(error.backend(), "memory");
}

TEST(MemoryCacheSettings, TinyTimeoutExpiresAtOnce)
{
    HybridConversationCache cache(1e-15, 50);
    run(cache.initialize());
    run(cache.add_message("a", message(1)));
    EXPECT_TRUE(eventually([&] { return run(cache.get_conversation_context("a")).empty(); }));
}

TEST(MemoryCacheSettings, ConfigsOfTheReference)
{
    EXPECT_EQ(CACHE_CONFIGS.size(), 3U);
    const CacheConfig& desktop = CACHE_CONFIGS.at("desktop");
    EXPECT_EQ(desktop.type, "memory");
    EXPECT_EQ(desktop.timeout_minutes, 15);
    EXPECT_EQ(desktop.max_messages, 50U);
    EXPECT_EQ(desktop.bootstrap_limit, 20U);
    const CacheConfig& docker = CACHE_CONFIGS.at("docker");
    EXPECT_EQ(docker.type, "redis");
    EXPECT_EQ(docker.redis_host, "redis");
    EXPECT_EQ(docker.bootstrap_limit, 50U);
    EXPECT_EQ(CACHE_CONFIGS.at("kubernetes").cluster_nodes.size(), 3U);
    EXPECT_EQ(CACHE_CONFIGS.at("kubernetes").max_messages, 200U);
}

} // namespace
} // namespace whisperstore::test

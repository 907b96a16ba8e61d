// Many threads on one cache. The invariants hold whatever the order.
#include "conformance/cache_conformance.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <map>
#include <optional>
#include <set>

namespace whisperstore::test {
namespace {

using Ids = std::vector<std::int64_t>;

class CacheRaces : public CacheTest
{
protected:
    void TearDown() override
    {
        threads.join();
        CacheTest::TearDown();
    }

    /// Runs a coroutine on the many threads.
    template <typename T>
    std::future<T> launch(awaitable<T> work)
    {
        return asio::co_spawn(threads, std::move(work), asio::use_future);
    }

    /// Returns what ended it.
    StorageErrc use_until_it_fails(int number);

    asio::thread_pool threads{8};
};

INSTANTIATE_TEST_SUITE_P(Backends, CacheRaces, testing::ValuesIn(cache_backends()),
                         [](const auto& backend) { return backend.param.name; });

std::string channel_name(int number)
{
    std::string name = "c";
    name += std::to_string(number); // GCC 12 warns falsely of "…" + std::to_string(…)
    return name;
}

TEST_P(CacheRaces, ManyCallersOnColdChannelsReadEachHistoryOnce)
{
    use_history();
    history->put_range(1, 20);
    constexpr int channels = 100;
    constexpr int callers = 32;
    std::vector<std::future<std::vector<CachedMessage>>> reads;
    for (int i = 0; i < channels * callers; ++i)
        reads.push_back(launch(cache->get_conversation_context(channel_name(i / callers), 20)));
    for (auto& read : reads)
        EXPECT_EQ(ids_of(wait(std::move(read))), range(1, 20));
    EXPECT_EQ(history->calls(), channels);
    EXPECT_EQ(history->most_at_once(), 1);
    const CacheStats now = stats();
    EXPECT_EQ(now.hits + now.misses, static_cast<std::uint64_t>(channels * callers));
    EXPECT_GE(now.misses, static_cast<std::uint64_t>(channels));
    EXPECT_EQ(now.cached_channels, static_cast<std::uint64_t>(channels));
    EXPECT_EQ(now.total_cached_messages, static_cast<std::uint64_t>(channels * 20));
}

// Seen in an earlier implementation: a removal looked up the message's place, an add moved it, and the
// message that was then there was removed instead.
TEST_P(CacheRaces, RemoveRacingAddRemovesTheRightMessage)
{
    CacheConfig config;
    config.max_messages = 5000;
    open(config);
    for (std::int64_t id = 2; id <= 2000; id += 2)
        add(id);
    std::vector<std::future<void>> adds;
    std::vector<std::future<bool>> removals;
    for (std::int64_t id = 1; id <= 1999; id += 2) { // each lands before messages that are being removed
        adds.push_back(launch(cache->add_message("c1", test_message(id))));
        if ((id + 1) % 4 == 0)
            removals.push_back(launch(cache->remove_message("c1", id + 1)));
    }
    for (auto& one : adds)
        wait(std::move(one));
    for (auto& one : removals)
        EXPECT_TRUE(wait(std::move(one)));
    Ids expected;
    for (const std::int64_t id : range(1, 2000))
        if (id % 4 != 0)
            expected.push_back(id);
    EXPECT_EQ(ids(5000), expected);
    EXPECT_EQ(stats().total_cached_messages, expected.size());
}

TEST_P(CacheRaces, AddsAndRemovalsDuringABootstrapAllCount)
{
    use_history();
    history->put_range(1, 20);
    Ids expected = range(11, 20);
    for (const std::int64_t id : range(101, 110))
        expected.push_back(id);
    for (int round = 0; round < 100; ++round) {
        const std::string channel = channel_name(round);
        std::vector<std::future<void>> adds;
        std::vector<std::future<bool>> removals;
        std::vector<std::future<std::vector<CachedMessage>>> reads;
        for (const std::int64_t id : range(1, 10)) {
            removals.push_back(launch(cache->remove_message(channel, id)));
            reads.push_back(launch(cache->get_conversation_context(channel, 50)));
            adds.push_back(launch(cache->add_message(channel, test_message(100 + id))));
        }
        for (auto& one : adds)
            wait(std::move(one));
        for (auto& one : removals)
            wait(std::move(one));
        for (auto& one : reads)
            wait(std::move(one));
        ASSERT_EQ(ids_of(run(cache->get_conversation_context(channel, 50))), expected) << "round " << round;
    }
    EXPECT_EQ(history->most_at_once(), 1);
}

/// What a set of racing users of one channel knows for certain.
struct Certain
{
    static constexpr std::int64_t messages = 400;
    std::array<std::atomic<bool>, messages + 1> added{};
    std::array<std::atomic<bool>, messages + 1> removed{};
    std::atomic<int> readers{0};
    std::atomic<bool> over{false};
};

constexpr int readers_of_a_channel = 3;

awaitable<void> add_and_remove(std::shared_ptr<ConversationCacheManager> cache, std::shared_ptr<TestHistory> history,
                               std::string channel, std::shared_ptr<Certain> certain)
{
    while (certain->readers < readers_of_a_channel)
        co_await asio::post(asio::use_awaitable);
    for (std::int64_t id = 1; id <= Certain::messages; ++id) {
        const UniversalMessage message = test_message(id);
        history->put(message);
        co_await cache->add_message(channel, message);
        certain->added[static_cast<std::size_t>(id)] = true;
        const std::int64_t gone = id - 5;
        if (gone > 0 && gone % 2 == 0) {
            history->erase(gone);
            co_await cache->remove_message(channel, gone);
            certain->removed[static_cast<std::size_t>(gone)] = true;
        }
        co_await asio::post(asio::use_awaitable);
    }
    certain->over = true;
}

awaitable<void> clear_often(std::shared_ptr<ConversationCacheManager> cache, std::string channel,
                            std::shared_ptr<Certain> certain)
{
    while (!certain->over) {
        co_await cache->clear_channel_cache(channel);
        co_await asio::post(asio::use_awaitable);
    }
}

/// Reads until the others are done; returns what it saw that cannot be.
awaitable<std::string> read_and_compare(std::shared_ptr<ConversationCacheManager> cache, std::string channel,
                                        std::shared_ptr<Certain> certain)
{
    ++certain->readers;
    while (!certain->over) {
        std::set<std::int64_t> must;
        std::set<std::int64_t> must_not;
        for (std::int64_t id = 1; id <= Certain::messages; ++id) {
            const auto index = static_cast<std::size_t>(id);
            if (certain->removed[index])
                must_not.insert(id);
            else if (certain->added[index])
                must.insert(id);
        }
        const Ids seen = ids_of(co_await cache->get_conversation_context(channel, 10));
        for (const std::int64_t id : seen)
            if (must_not.contains(id))
                co_return "message " + std::to_string(id) + " was removed before the read";
        // The newest one added before the read: it is never removed within the next five.
        if (!must.empty() && (seen.empty() || seen.back() < *must.rbegin()))
            co_return "message " + std::to_string(*must.rbegin()) + " was added before the read";
        if (!std::is_sorted(seen.begin(), seen.end()))
            co_return "out of order";
        co_await asio::post(asio::use_awaitable);
    }
    co_return "";
}

TEST_P(CacheRaces, NobodySeesLessOrMoreThanWhatWasDoneBefore)
{
    CacheConfig config;
    config.max_channels = 3; // fewer than are in use: they are forgotten all the time
    open(config);
    constexpr int channels = 6;
    std::map<std::string, std::shared_ptr<TestHistory>> histories; // each channel has a truth of its own
    for (int number = 0; number < channels; ++number)
        histories[channel_name(number)] = std::make_shared<TestHistory>();
    cache->set_history_source([histories](std::string channel, std::size_t limit, OperationContext context) {
        return histories.at(channel)->source()(channel, limit, std::move(context));
    });
    std::vector<std::future<void>> writers;
    std::vector<std::future<std::string>> readers;
    for (const auto& [channel, own] : histories) {
        const auto certain = std::make_shared<Certain>();
        writers.push_back(launch(add_and_remove(cache, own, channel, certain)));
        writers.push_back(launch(clear_often(cache, channel, certain)));
        for (int reader = 0; reader < readers_of_a_channel; ++reader)
            readers.push_back(launch(read_and_compare(cache, channel, certain)));
    }
    for (auto& writer : writers)
        wait(std::move(writer));
    for (auto& reader : readers)
        EXPECT_EQ(wait(std::move(reader)), "");
    for (const auto& [channel, own] : histories)
        EXPECT_EQ(own->most_at_once(), 1) << channel;
}

TEST_P(CacheRaces, StatisticsAddUpUnderLoad)
{
    constexpr int channels = 16;
    constexpr int each = 200;
    std::vector<std::future<void>> adds;
    std::vector<std::future<std::vector<CachedMessage>>> reads;
    for (int i = 0; i < channels * each; ++i) {
        adds.push_back(launch(cache->add_message(channel_name(i % channels), test_message(i))));
        reads.push_back(launch(cache->get_conversation_context(channel_name(i % channels))));
    }
    for (auto& one : adds)
        wait(std::move(one));
    for (auto& one : reads)
        wait(std::move(one));
    const CacheStats now = stats();
    EXPECT_EQ(now.hits + now.misses, static_cast<std::uint64_t>(channels * each));
    EXPECT_EQ(now.cached_channels, static_cast<std::uint64_t>(channels));
    EXPECT_EQ(now.total_cached_messages, channels * CacheConfig().max_messages);
}

/// How an operation failed. Told as a value: an exception that two threads hold looks like a race to the
/// thread sanitizer, which does not see into the standard library.
template <typename T>
awaitable<std::optional<StorageErrc>> failure_of(awaitable<T> operation)
{
    std::optional<StorageErrc> failure;
    try {
        co_await std::move(operation);
    } catch (const StorageError& error) {
        failure = error.errc();
    }
    co_return failure;
}

StorageErrc CacheRaces::use_until_it_fails(int number)
{
    std::optional<StorageErrc> failure;
    for (int i = 0; !failure; ++i) {
        const std::string channel = channel_name((number + i) % 7);
        failure = wait(launch(failure_of(cache->add_message(channel, test_message(i)))));
        if (!failure)
            failure = wait(launch(failure_of(cache->get_conversation_context(channel))));
        if (!failure)
            failure = wait(launch(failure_of(cache->remove_message(channel, i - 1))));
        if (!failure && i % 10 == 0)
            failure = wait(launch(failure_of(cache->clear_channel_cache(channel))));
    }
    return *failure;
}

TEST_P(CacheRaces, CleanupUnderLoadClosesForEverybody)
{
    use_history();
    history->put_range(1, 20);
    for (int round = 0; round < 20; ++round) {
        std::vector<std::future<StorageErrc>> users;
        for (int i = 0; i < 16; ++i)
            users.push_back(std::async(std::launch::async, [this, i] { return use_until_it_fails(i); }));
        ASSERT_TRUE(eventually([&] { return stats().hits > 20; }));
        run(cache->cleanup());
        for (auto& user : users)
            EXPECT_EQ(wait(std::move(user)), StorageErrc::closed);
        run(cache->initialize());
    }
    EXPECT_EQ(history->most_at_once(), 1);
}

} // namespace
} // namespace whisperstore::test

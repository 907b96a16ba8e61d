// Random operations against a plain model, and races, over every kind of Redis cache.
#include "cache/channel.hpp"
#include "integration/redis/redis_fixture.hpp"

#include <whisperstore/cache/hybrid_conversation_cache.hpp>

#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <deque>
#include <map>
#include <random>

namespace whisperstore::test {
namespace {

struct Kind
{
    std::string name;
    std::function<std::shared_ptr<ConversationCacheManager>(CacheConfig)> make; ///< of the same prefix as before
    std::function<CacheConfig(CacheConfig)> config;
};

const std::vector<Kind>& kinds()
{
    static const std::vector<Kind> all = [] {
        const auto redis = [](const CacheConfig& config) -> std::shared_ptr<ConversationCacheManager> {
            return std::make_shared<RedisConversationCache>(config);
        };
        const auto cluster = [](const CacheConfig& config) -> std::shared_ptr<ConversationCacheManager> {
            return std::make_shared<RedisClusterConversationCache>(config);
        };
        const auto memory = [](const CacheConfig& config) -> std::shared_ptr<ConversationCacheManager> {
            return std::make_shared<HybridConversationCache>(config);
        };
        std::vector<Kind> list;
        list.push_back({"memory", memory, [](CacheConfig config) { return config; }});
        list.push_back({"redis", redis, [](CacheConfig config) { return RedisServers::get().single_config(config); }});
        list.push_back(
            {"redis_cluster", cluster, [](CacheConfig config) { return RedisServers::get().cluster_config(config); }});
        list.push_back({"two_level", redis, [](CacheConfig config) {
                            config.redis_two_level = true;
                            return RedisServers::get().single_config(config);
                        }});
        return list;
    }();
    return all;
}

class RedisModel : public testing::TestWithParam<Kind>
{
protected:
    std::shared_ptr<ConversationCacheManager> open(CacheConfig config = CacheConfig())
    {
        config.redis_warm_channels = 0;
        config_ = GetParam().config(config);
        return again();
    }
    /// Another client of the same.
    std::shared_ptr<ConversationCacheManager> again()
    {
        const auto cache = GetParam().make(config_);
        run(cache->initialize());
        return cache;
    }
    CacheConfig config_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, RedisModel, testing::ValuesIn(kinds()),
                         [](const auto& kind) { return kind.param.name; });

/// The channel by the words of the contract, as simply as can be.
class Model
{
public:
    explicit Model(std::size_t most) : most_(most) {}
    void add(std::int64_t id, std::int64_t second)
    {
        seconds_[id] = second;
        while (seconds_.size() > most_)
            seconds_.erase(ordered().front());
    }
    bool remove(std::int64_t id) { return seconds_.erase(id) != 0; }
    void clear() { seconds_.clear(); }
    Ids newest(std::size_t limit, std::optional<std::int64_t> exclude) const
    {
        Ids ids = ordered();
        if (exclude)
            std::erase(ids, *exclude);
        if (ids.size() > limit)
            ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(limit));
        return ids;
    }
    std::size_t size() const { return seconds_.size(); }

private:
    Ids ordered() const
    {
        Ids ids;
        for (const auto& [id, second] : seconds_)
            ids.push_back(id);
        std::sort(ids.begin(), ids.end(), [&](std::int64_t a, std::int64_t b) {
            return std::pair(seconds_.at(a), a) < std::pair(seconds_.at(b), b);
        });
        return ids;
    }
    std::size_t most_;
    std::map<std::int64_t, std::int64_t> seconds_;
};

TEST_P(RedisModel, RandomOperationsOfSeveralClientsAgreeWithAModel)
{
    CacheConfig config;
    config.max_messages = 12;
    std::vector<std::shared_ptr<ConversationCacheManager>> clients{open(config)};
    const bool shared = GetParam().name == "redis" || GetParam().name == "redis_cluster";
    for (int client = 1; shared && client < 4; ++client)
        clients.push_back(again());
    Model model(config.max_messages);
    std::mt19937 random(11);
    const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
    const int operations = rounds(2'000, 10'000);
    for (int operation = 0; operation < operations; ++operation) {
        ConversationCacheManager& client = *clients[static_cast<std::size_t>(below(static_cast<int>(clients.size())))];
        const std::int64_t id = below(40) - 5;
        const int what = below(100);
        if (what < 55) {
            const std::int64_t second = below(30);
            run(client.add_message("c1", test_message(id, second)));
            model.add(id, second);
        } else if (what < 75) {
            ASSERT_EQ(run(client.remove_message("c1", id)), model.remove(id)) << "operation " << operation;
        } else if (what < 77) {
            run(client.clear_channel_cache("c1"));
            model.clear();
        } else if (what < 79) {
            ASSERT_EQ(run(client.get_cache_stats()).total_cached_messages, model.size()) << "operation " << operation;
        } else {
            const int limit = below(16);
            const auto exclude = below(2) == 0 ? std::nullopt : std::optional<std::int64_t>(id);
            ASSERT_EQ(ids_of(run(client.get_conversation_context("c1", limit, exclude))),
                      model.newest(static_cast<std::size_t>(limit), exclude))
                << "operation " << operation;
        }
    }
    std::cout << "    " << operations << " operations of " << clients.size() << " clients agree\n";
}

TEST_P(RedisModel, RemoveRacingAddNeverRemovesAnotherMessage)
{
    const auto cache = open();
    asio::thread_pool threads(4);
    const int times = rounds(500, 10'000);
    int wrong = 0;
    for (int round = 0; round < times; ++round) {
        const std::string channel = named("c", round % 8);
        run(cache->clear_channel_cache(channel));
        for (std::int64_t id = 2; id <= 6; id += 2)
            run(cache->add_message(channel, test_message(id)));
        auto add = asio::co_spawn(threads, cache->add_message(channel, test_message(1)), asio::use_future);
        auto removal = asio::co_spawn(threads, cache->remove_message(channel, 4), asio::use_future);
        auto late = asio::co_spawn(threads, cache->add_message(channel, test_message(3)), asio::use_future);
        wait(std::move(add));
        wait(std::move(late));
        wrong += wait(std::move(removal)) ? 0 : 1;
        wrong += ids_in(*cache, channel) == Ids{1, 2, 3, 6} ? 0 : 1;
    }
    EXPECT_EQ(wrong, 0);
    std::cout << "    " << times << " rounds, wrong outcomes " << wrong << '\n';
}

TEST_P(RedisModel, TwoCallersOnAColdChannelReadItsHistoryOnce)
{
    const auto cache = open();
    const auto history = std::make_shared<TestHistory>();
    history->put_range(1, 5);
    cache->set_history_source(history->source());
    asio::thread_pool threads(4);
    const int times = rounds(500, 10'000);
    int wrong = 0;
    for (int round = 0; round < times; ++round) {
        const std::string channel = named("c", round);
        auto first = asio::co_spawn(threads, cache->get_conversation_context(channel), asio::use_future);
        auto second = asio::co_spawn(threads, cache->get_conversation_context(channel), asio::use_future);
        wrong += ids_of(wait(std::move(first))) == range(1, 5) ? 0 : 1;
        wrong += ids_of(wait(std::move(second))) == range(1, 5) ? 0 : 1;
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(history->calls(), times);
    std::cout << "    " << times << " rounds, history calls " << history->calls() << ", wrong answers " << wrong
              << '\n';
}

} // namespace
} // namespace whisperstore::test

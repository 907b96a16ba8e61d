// A Redis Cluster whose nodes die, change places and hand their slots on, under load.
#include "integration/redis/cluster_control.hpp"
#include "integration/redis/cluster_load.hpp"
#include "integration/redis/redis_fixture.hpp"
#include "protocol/redis/slot_map.hpp"

#include <iostream>

namespace whisperstore::test {
namespace {

class RedisCluster : public testing::Test
{
protected:
    std::shared_ptr<RedisClusterConversationCache> open(CacheConfig config = CacheConfig())
    {
        config.max_messages = 100'000; // nothing goes for want of room: what is missing was lost
        config.redis_warm_channels = 0;
        return open_cache<RedisClusterConversationCache>(cluster.servers().cluster_config(std::move(config)));
    }

    void kill_masters(const CacheConfig& config, int times, bool nothing_is_lost);

    ClusterControl cluster;
};

void print(const ClusterLoad::Seen& seen)
{
    std::cout << "    acknowledged " << seen.acknowledged << ", failures " << seen.failures << ", longest gap "
              << seen.longest_gap.count() << " ms, wrong answers " << seen.wrong_answers << '\n';
    for (const std::string& error : seen.errors)
        std::cout << "    " << error << '\n';
}

void RedisCluster::kill_masters(const CacheConfig& config, int times, bool nothing_is_lost)
{
    std::uint64_t all_lost = 0;
    std::uint64_t all_acknowledged = 0;
    std::chrono::milliseconds longest{0};
    for (int round = 0; round < times; ++round) {
        ASSERT_TRUE(cluster.wait_healthy());
        const auto cache = open(config);
        ClusterLoad load(cache, 12);
        ASSERT_TRUE(eventually([&] { return load.acknowledged() > 500; }));
        load.forget_gap();
        const auto masters = cluster.masters();
        const std::uint16_t victim = masters.at(static_cast<std::size_t>(round) % masters.size()).port;
        cluster.kill(victim);
        ASSERT_TRUE(eventually([&] { return cluster.masters().size() == 3; })) << "no replica took over";
        const std::uint64_t then = load.acknowledged();
        ASSERT_TRUE(eventually([&] { return load.acknowledged() > then + 500; }));
        load.stop();
        const ClusterLoad::Seen seen = load.seen();
        const auto [lost, revived] = load.compare();
        EXPECT_EQ(seen.wrong_answers, 0U);
        // A removal may be lost as an addition may.
        if (nothing_is_lost) {
            EXPECT_EQ(lost, 0U);
            EXPECT_EQ(revived, 0U);
        }
        print(seen);
        std::cout << "    round " << round + 1 << ": lost " << lost << ", revived " << revived << '\n';
        all_lost += lost;
        all_acknowledged += seen.acknowledged;
        longest = std::max(longest, seen.longest_gap);
        EXPECT_LT(seen.longest_gap, std::chrono::seconds(10));
        cluster.start(victim);
        run(cache->cleanup());
    }
    std::cout << "kill -9 of a master, " << times << " rounds: longest gap " << longest.count() << " ms, acknowledged "
              << all_acknowledged << ", lost " << all_lost << '\n';
    RecordProperty("longest_gap_ms", static_cast<int>(longest.count()));
    RecordProperty("lost", static_cast<int>(all_lost));
}

TEST_F(RedisCluster, SurvivesTheDeathOfMasters) { kill_masters(CacheConfig(), rounds(1, 20), false); }

TEST_F(RedisCluster, LosesNothingWhereReplicasAreWaitedFor)
{
    CacheConfig config;
    config.redis_wait_replicas = 1;
    kill_masters(config, rounds(1, 20), true);
}

TEST_F(RedisCluster, NobodySeesSlotsBeingMoved)
{
    const auto cache = open();
    ClusterLoad load(cache, 12);
    for (int channel = 0; channel < 1000; ++channel)
        run(cache->add_message(named("quiet-", channel), test_message(channel)));
    const auto masters = cluster.masters();
    const auto& from = masters.at(0);
    const auto& to = masters.at(1);
    int moved = 0;
    PlainRedis source(from.port);
    for (const auto& [first, last] : from.slots)
        for (int slot = first; slot <= last; ++slot)
            if (source.value({"CLUSTER", "COUNTKEYSINSLOT", std::to_string(slot)}) != "0") {
                cluster.move_slot(slot, from, to);
                ++moved;
            }
    const std::uint64_t then = load.acknowledged();
    ASSERT_TRUE(eventually([&] { return load.acknowledged() > then + 500; }));
    load.stop();
    print(load.seen());
    std::cout << "    " << moved << " slots moved\n";
    EXPECT_GT(moved, 50);
    EXPECT_EQ(load.seen().failures, 0U);
    EXPECT_EQ(load.seen().wrong_answers, 0U);
    EXPECT_EQ(load.compare(), std::pair(std::uint64_t(0), std::uint64_t(0)));
    for (int channel = 0; channel < 1000; ++channel)
        EXPECT_EQ(ids_in(*cache, named("quiet-", channel)), Ids{channel});
    EXPECT_EQ(run(cache->get_cache_stats()).cached_channels, 1012U);
    EXPECT_EQ(cache->health().state, RedisCacheHealth::State::up);
}

TEST_F(RedisCluster, NobodySeesAnOrderedFailover)
{
    const auto cache = open();
    ClusterLoad load(cache, 8);
    ASSERT_TRUE(eventually([&] { return load.acknowledged() > 200; }));
    const auto before = cluster.masters();
    std::uint16_t replica = 0;
    for (const auto& node : cluster.nodes(cluster.some_port()))
        if (!node.master)
            replica = node.port;
    // It can be ignored for a while after an election.
    ASSERT_TRUE(eventually([&] {
        PlainRedis redis(replica);
        if (redis.value({"ROLE"}) == "master")
            return true;
        redis.ask({"CLUSTER", "FAILOVER"});
        return eventually([&] { return PlainRedis(replica).value({"ROLE"}) == "master"; },
                          std::chrono::milliseconds(2'000));
    }));
    const std::uint64_t then = load.acknowledged();
    ASSERT_TRUE(eventually([&] { return load.acknowledged() > then + 500; }));
    load.stop();
    print(load.seen());
    EXPECT_EQ(load.seen().failures, 0U);
    EXPECT_EQ(load.seen().wrong_answers, 0U);
    EXPECT_EQ(load.compare(), std::pair(std::uint64_t(0), std::uint64_t(0)));
}

TEST_F(RedisCluster, OneNodeIsEnoughToFindTheOthers)
{
    CacheConfig config = cluster.servers().cluster_config();
    config.redis_warm_channels = 0;
    config.cluster_nodes.resize(1);
    const auto cache = open_cache<RedisClusterConversationCache>(config);
    for (int channel = 0; channel < 100; ++channel)
        run(cache->add_message(named("c", channel), test_message(1)));
    EXPECT_EQ(run(cache->get_cache_stats()).cached_channels, 100U);
    std::size_t ready = 0;
    for (const auto& node : cache->health().nodes)
        ready += node.ready ? 1 : 0;
    EXPECT_GE(ready, 3U);
    EXPECT_EQ(cache->endpoints().size(), 1U);

    config.redis_read_replicas = true;
    const auto reader = open_cache<RedisClusterConversationCache>(config);
    for (int channel = 0; channel < 100; ++channel)
        EXPECT_TRUE(eventually([&] { return ids_in(*reader, named("c", channel)) == Ids{1}; }));
    // Some of those reads came to replicas: they execute scripts for nobody else but their master.
    std::size_t replicas_asked = 0;
    for (const auto& node : cluster.nodes(cluster.some_port()))
        if (!node.master &&
            PlainRedis(node.port).value({"INFO", "commandstats"}).find("cmdstat_evalsha") != std::string::npos)
            ++replicas_asked;
    EXPECT_GT(replicas_asked, 0U);
}

TEST_F(RedisCluster, WithoutAnyNodeCallsFailAtOnce)
{
    const auto cache = open();
    run(cache->add_message("c1", test_message(1)));
    for (const std::uint16_t port : cluster.servers().cluster())
        cluster.kill(port);
    ASSERT_TRUE(eventually([&] { return cache->health().state == RedisCacheHealth::State::away; }));
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_STORAGE_ERROR(run(cache->add_message("c1", test_message(2))), unavailable);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(500));
}

} // namespace
} // namespace whisperstore::test

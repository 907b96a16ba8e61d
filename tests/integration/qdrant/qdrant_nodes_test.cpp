// A cluster of which nodes fail under load.

#include "servers/chaos_proxy.hpp"
#include "servers/qdrant_managers.hpp"
#include "support/run.hpp"

#include <whisperstore/vector/distributed_qdrant_manager.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <thread>

namespace whisperstore::test {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Three nodes, each behind a proxy, and callers that never stop.
class QdrantNodes : public testing::Test
{
protected:
    void SetUp() override
    {
        VectorDatabaseConfig config;
        for (const std::uint16_t port : server.address().ports)
            proxies.push_back(std::make_unique<ChaosProxy>(port));
        for (const auto& proxy : proxies)
            config.cluster_nodes.push_back(HostPort{"127.0.0.1", proxy->port()}.to_string());
        manager = std::make_unique<DistributedQdrantManager>(config);
        run(manager->initialize());
        CollectionConfig shape;
        shape.embedding_dimension = 4;
        run(manager->create_collection("docs", shape));
        std::vector<VectorDocument> documents;
        for (int i = 0; i < 200; ++i)
            documents.push_back(VectorDocument{std::to_string(i), "text", vector(i), {}});
        run(manager->store_documents("docs", documents));
    }
    void TearDown() override
    {
        stop = true;
        for (std::future<void>& caller : callers)
            wait(std::move(caller));
    }
    static std::vector<float> vector(int i)
    {
        return {1.0F, static_cast<float>(i % 7), static_cast<float>(i % 11), static_cast<float>(i % 13)};
    }
    void load(int count)
    {
        for (int i = 0; i < count; ++i)
            callers.push_back(start(call(i)));
    }
    awaitable<void> call(int caller)
    {
        for (int i = 0; !stop; ++i) {
            const auto begin = Clock::now();
            try {
                const OperationContext context = OperationContext::within(std::chrono::seconds(10));
                if (i % 4 == 0) {
                    std::string id = "c";
                    id.append(std::to_string(caller)).append("-").append(std::to_string(i % 50));
                    const std::vector<float> embedding = vector(i);
                    co_await manager->store_document("docs", id, "text", embedding, json::object(), context);
                } else {
                    const std::vector<float> embedding = vector(i);
                    const auto found = co_await manager->search_similar("docs", embedding, 5, Filter(), context);
                    if (found.size() != 5)
                        ++wrong;
                }
                ++done;
            } catch (const StorageError& error) {
                ++failed;
                const std::lock_guard lock(mutex);
                failure = error.what();
            }
            const double taken = seconds_since(begin);
            double longest = slowest;
            while (taken > longest && !slowest.compare_exchange_weak(longest, taken)) {
            }
        }
    }
    bool healthy(std::size_t node) const { return manager->node_health()[node].healthy; }
    std::vector<std::uint64_t> served() const
    {
        std::vector<std::uint64_t> all;
        for (const QdrantNodeHealth& node : manager->node_health())
            all.push_back(node.served);
        return all;
    }
    /// What each node serves from now until so many calls are done.
    std::vector<double> shares(std::uint64_t calls)
    {
        const std::vector<std::uint64_t> before = served();
        const std::uint64_t begin = done;
        EXPECT_TRUE(eventually([&] { return done >= begin + calls; }));
        std::vector<double> part = {0, 0, 0};
        double all = 0;
        const std::vector<std::uint64_t> after = served();
        for (std::size_t i = 0; i < 3; ++i)
            all += part[i] = static_cast<double>(after[i] - before[i]);
        for (double& one : part)
            one /= all;
        return part;
    }
    /// Seconds until a node is in or out of the choice.
    double seconds_until(std::size_t node, bool is_healthy)
    {
        const auto begin = Clock::now();
        EXPECT_TRUE(eventually([&] { return healthy(node) == is_healthy; }));
        return seconds_since(begin);
    }

    QdrantServer server{QdrantServer::Options{.nodes = 3}};
    std::vector<std::unique_ptr<ChaosProxy>> proxies;
    std::unique_ptr<DistributedQdrantManager> manager;
    std::vector<std::future<void>> callers;
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<double> slowest{0};
    std::mutex mutex;
    std::string failure;
};

TEST_F(QdrantNodes, OneKilledOneBlackHoledOneSlow)
{
    load(16);
    const std::vector<double> even = shares(2000);
    std::cout << "all well: shares " << even[0] << " " << even[1] << " " << even[2] << "\n";
    for (const double share : even)
        EXPECT_GT(share, 0.2);

    // The slow one gets what it can take.
    ChaosRule slow;
    slow.delay = std::chrono::milliseconds(20);
    proxies[2]->set_rule(slow);
    const std::vector<double> with_slow = shares(1000);
    std::cout << "third slow (20 ms a piece): shares " << with_slow[0] << " " << with_slow[1] << " " << with_slow[2]
              << "\n";
    EXPECT_LT(with_slow[2], even[2]);

    ChaosRule killed;
    killed.refuse = true;
    proxies[0]->set_rule(killed);
    proxies[0]->cut_all();
    std::cout << "first killed: ejected after " << seconds_until(0, false) << " s\n";

    ChaosRule black_hole;
    black_hole.cut_request_at = 0;
    black_hole.cut_answer_at = 0;
    black_hole.cut = ChaosRule::Cut::black_hole;
    proxies[1]->set_rule(black_hole);
    std::cout << "second black-holed: ejected after " << seconds_until(1, false) << " s\n";
    const std::uint64_t before = done;
    EXPECT_TRUE(eventually([&] { return done >= before + 200; })); // all by the slow one
    EXPECT_GT(shares(100)[2], 0.99);

    proxies[0]->clear();
    std::cout << "first is back: in use after " << seconds_until(0, true) << " s\n";
    proxies[1]->cut_all();
    proxies[1]->clear();
    std::cout << "second is back: in use after " << seconds_until(1, true) << " s\n";
    proxies[2]->clear();
    const std::vector<double> again = shares(2000);
    std::cout << "all well again: shares " << again[0] << " " << again[1] << " " << again[2] << "\n";
    for (const double share : again)
        EXPECT_GT(share, 0.2);
    std::cout << "calls " << done << ", failed " << failed << ", wrong " << wrong << ", the slowest " << slowest
              << " s\n";
    EXPECT_EQ(failed, 0U) << failure;
    EXPECT_EQ(wrong, 0U);
}

TEST_F(QdrantNodes, AnAnswerIsAwaitedAsLongAsTheNodeIsWell)
{
    // Slower than two health checks take to fail, but the node answers them.
    ChaosRule slow;
    slow.delay = std::chrono::milliseconds(400); // in both directions
    for (const auto& proxy : proxies)
        proxy->set_rule(slow);
    EXPECT_EQ(run(manager->search_similar("docs", vector(1), 5)).size(), 5U);
    for (std::size_t node = 0; node < 3; ++node)
        EXPECT_TRUE(healthy(node)) << manager->node_health()[node].failure;
}

TEST_F(QdrantNodes, WithoutAnyNodeCallersHearOfItSoon)
{
    ChaosRule killed;
    killed.refuse = true;
    for (const auto& proxy : proxies) {
        proxy->set_rule(killed);
        proxy->cut_all();
    }
    const auto begin = Clock::now();
    const StorageError error = error_of([&] { run(manager->search_similar("docs", vector(1), 5)); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_LT(seconds_since(begin), 5);
    for (const auto& proxy : proxies)
        proxy->clear();
    EXPECT_TRUE(eventually([&] { return healthy(0) && healthy(1) && healthy(2); }));
    EXPECT_EQ(run(manager->search_similar("docs", vector(1), 5)).size(), 5U);
}

} // namespace
} // namespace whisperstore::test

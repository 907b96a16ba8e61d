// What reaches a store that is gone, and one that has just come back.
#include "integration/chaos/chaos_layer.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iostream>
#include <string>

namespace whisperstore::test {
namespace {

class ChaosOutage : public ChaosLayer, public testing::WithParamInterface<std::string>
{
protected:
    awaitable<void> call_until_it_works()
    {
        CallLog own;
        asio::steady_timer timer(co_await asio::this_coro::executor);
        while (true) {
            co_await call_once(*harmed, own, 0);
            if (own.failures() == 0)
                co_return;
            own.clear();
            timer.expires_after(Milliseconds(2));
            co_await timer.async_wait(asio::use_awaitable);
        }
    }
};

std::string name_of(const testing::TestParamInfo<std::string>& store) { return store.param; }

// CTest gives what begins with "Other" the label "thorough".
INSTANTIATE_TEST_SUITE_P(Stores, ChaosOutage, testing::Values("http_qdrant", "redis"), name_of);
INSTANTIATE_TEST_SUITE_P(OtherStores, ChaosOutage, testing::Values("postgresql", "http_chromadb", "neo4j"), name_of);

TEST_P(ChaosOutage, WithoutABreakerThereIsAtMostOneRetryForTenCalls)
{
    ResilienceConfig resilience = short_resilience();
    resilience.breaker_failures = 0;
    open(GetParam(), resilience);
    const ChaosObserver::Counts before = counts();
    faulty().begin(Fault::refused);
    start_callers(8, Milliseconds(5));
    ASSERT_TRUE(eventually([&] { return counts().calls >= before.calls + 300; })) << log.text() << "\n"
                                                                                  << log.messages();
    stop_all();
    const std::uint64_t calls = counts().calls - before.calls;
    const std::uint64_t attempts = counts().attempts - before.attempts;
    EXPECT_EQ(log.failures(), log.calls());
    EXPECT_GE(attempts, calls);
    EXPECT_LE(static_cast<double>(attempts), 1.1 * static_cast<double>(calls));
    EXPECT_GT(harmed->stats().retries_withheld, 0U);
    std::cout << GetParam() << ": " << calls << " calls, " << attempts << " attempts\n";
    faulty().end();
    ASSERT_TRUE(eventually([&] {
        log.clear();
        run(call_once(*harmed, log, 0));
        return log.failures() == 0;
    }));
}

TEST_P(ChaosOutage, ACrowdThatWaitsIsLetInAfterOneProbe)
{
    open(GetParam());
    faulty().begin(Fault::refused);
    start_callers(8, Milliseconds(5));
    ASSERT_TRUE(eventually([&] { return circuit_is("open"); })) << log.text();
    stop_all();
    // The store is back, and a probe takes a while.
    const std::uint64_t refused_before = harmed->stats().circuit_refused;
    faulty().end_with_answers_after(Milliseconds(50));
    std::vector<std::future<void>> crowd;
    for (int i = 0; i < 64; ++i)
        crowd.push_back(start(call_until_it_works()));
    std::uint64_t most = 0;
    ASSERT_TRUE(eventually([&] {
        const std::uint64_t in_flight = harmed->stats().in_flight;
        if (circuit_is("closed"))
            return true;
        most = std::max(most, in_flight); // it was not closed before either
        return false;
    }));
    EXPECT_EQ(most, 1U);
    EXPECT_GE(harmed->stats().circuit_refused, refused_before + 63);
    for (auto& one : crowd)
        wait(std::move(one), std::chrono::seconds(20));
    EXPECT_TRUE(circuit_is("closed"));
}

} // namespace
} // namespace whisperstore::test

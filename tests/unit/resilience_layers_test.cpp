// The concurrency limit, metrics and trace hooks around a scripted database, and everything at once.

#include "unit/resilience_layers.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;

// ---- concurrency limit

TEST_F(Layers, CallsWaitForTheirTurn)
{
    ResilienceConfig config = ResilienceConfig::none();
    config.max_concurrent = 1;
    config.max_queued = 1;
    use(config);
    script().hang();
    Cancellable first(store->execute_query("SELECT 1"));
    ASSERT_TRUE(eventually([&] { return script().count() == 1; }));
    Cancellable second(store->execute_query("SELECT 2"));
    ASSERT_TRUE(eventually([&] { return stats().queued == 1; }));
    const StorageError error = error_of([&] { read(); });
    EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted);
    EXPECT_EQ(error.backend(), "fake");
    EXPECT_EQ(stats().in_flight, 1U);
    EXPECT_EQ(stats().queue_refused, 1U);
    EXPECT_EQ(script().count(), 1U);
    first.cancel();
    EXPECT_STORAGE_ERROR(first.get(), cancelled);
    ASSERT_TRUE(eventually([&] { return script().count() == 2; }));
    second.cancel();
    EXPECT_STORAGE_ERROR(second.get(), cancelled);
    EXPECT_EQ(stats().in_flight, 0U);
}

TEST_F(Layers, AFailureAndItsWaitLeaveThePlaceToOthers)
{
    ResilienceConfig config = only_retry(2);
    config.max_concurrent = 1;
    config.retry_initial_backoff = config.retry_max_backoff = 24h;
    use(config);
    script().fail(scripted(StorageErrc::unavailable));
    Cancellable waiting(store->execute_query("SELECT 1"));
    ASSERT_TRUE(eventually([&] { return script().count() == 1 && stats().in_flight == 0; }));
    read();
    waiting.cancel();
    EXPECT_STORAGE_ERROR(waiting.get(), cancelled);
    EXPECT_EQ(stats().in_flight, 0U);
}

TEST_F(Layers, WhoWaitedWhileTheEndpointWentIsRefused)
{
    ResilienceConfig config = ResilienceConfig::none();
    config.max_concurrent = 1;
    config.breaker_failures = 1;
    use(config);
    script().hang();
    Cancellable first(store->execute_query("SELECT 1"));
    ASSERT_TRUE(eventually([&] { return script().count() == 1; }));
    auto second = start(store->execute_query("SELECT 2"));
    ASSERT_TRUE(eventually([&] { return stats().queued == 1; }));
    // connect() stands in no line; its failure opens the breaker.
    script().fail(scripted(StorageErrc::unavailable));
    EXPECT_STORAGE_ERROR(run(store->connect()), unavailable);
    first.cancel();
    EXPECT_STORAGE_ERROR(first.get(), cancelled);
    EXPECT_STORAGE_ERROR(wait(std::move(second)), unavailable);
    EXPECT_EQ(script().count(), 2U);
    EXPECT_EQ(stats().in_flight, 0U);
}

awaitable<void> many_calls(std::shared_ptr<AbstractDatabaseAdapter> store, int calls, std::atomic<int>& failed)
{
    for (int i = 0; i < calls; ++i) {
        try {
            co_await store->execute_query("SELECT 1");
        } catch (const StorageError&) {
            ++failed;
        }
    }
}

TEST_F(Layers, ManyCoroutinesOnManyThreadsThroughEveryLayer)
{
    ResilienceConfig config;
    config.default_deadline = 30s;
    config.attempt_timeout = 10s;
    config.retry_initial_backoff = config.retry_max_backoff = 1ms;
    config.max_concurrent = 4;
    config.breaker_failures = 1000000;
    use(config);
    std::atomic<unsigned> number{0};
    script().set_hook([&number] {
        if (++number % 7 == 0)
            throw scripted(StorageErrc::unavailable);
    });
    std::atomic<int> failed{0};
    std::vector<std::future<void>> all;
    for (int i = 0; i < 32; ++i)
        all.push_back(asio::co_spawn(asio::make_strand(pool()), many_calls(store, 50, failed), asio::use_future));
    for (auto& each : all)
        wait(std::move(each));
    const ResilienceStats counted = stats();
    ASSERT_EQ(counted.operations.size(), 1U);
    EXPECT_EQ(counted.operations[0].calls, 1600U);
    EXPECT_EQ(counted.operations[0].calls + counted.operations[0].retries, script().count());
    EXPECT_EQ(counted.in_flight, 0U);
    EXPECT_EQ(counted.queued, 0U);
    EXPECT_EQ(observer->ended().size(), 1600U);
    EXPECT_EQ(observer->under_way(), 0);
    EXPECT_LT(failed, 160);
}

// ---- metrics and trace hooks

TEST_F(Layers, TheObserverSeesEveryCallOnce)
{
    ResilienceConfig config = only_retry(3);
    config.metrics = true;
    use(config);
    observer->child_trace = "00-aa-bb-01";
    OperationContext context;
    context.tenant = "t1";
    context.trace = "00-aa-00-01";
    script().fail(scripted(StorageErrc::unavailable));
    read(context);
    script().fail(scripted(StorageErrc::constraint_violation, false, Outcome::not_applied, "UNIQUE"));
    EXPECT_STORAGE_ERROR(write(context), constraint_violation);
    EXPECT_STORAGE_ERROR(read(OperationContext::within(-1ms)), timeout);

    const std::vector<RecordingObserver::Ended> ended = observer->ended();
    ASSERT_EQ(ended.size(), 3U);
    EXPECT_EQ(ended[0].name, "database fake db1:5432 execute_query");
    EXPECT_EQ(ended[0].tenant, "t1");
    EXPECT_EQ(ended[0].trace, "00-aa-bb-01");
    EXPECT_EQ(script().contexts().at(0).trace, "00-aa-bb-01"); // goes down
    EXPECT_EQ(ended[0].attempts, 2);
    EXPECT_EQ(ended[0].error, std::nullopt);
    EXPECT_GT(ended[0].duration.count(), 0);
    EXPECT_EQ(ended[1].attempts, 1);
    EXPECT_EQ(ended[1].error, StorageErrc::constraint_violation);
    EXPECT_EQ(ended[1].message, "UNIQUE");
    EXPECT_EQ(ended[2].attempts, 0);
    EXPECT_EQ(ended[2].error, StorageErrc::timeout);
    EXPECT_EQ(observer->under_way(), 0);

    const ResilienceStats counted = stats();
    ASSERT_EQ(counted.operations.size(), 1U);
    const OperationStats& query = counted.operations[0];
    EXPECT_EQ(query.operation, "execute_query");
    EXPECT_EQ(query.calls, 3U);
    EXPECT_EQ(query.retries, 1U);
    using Errors = std::vector<std::pair<std::string, std::uint64_t>>;
    EXPECT_EQ(query.errors, (Errors{{"constraint_violation", 1}, {"timeout", 1}}));
    EXPECT_EQ(query.latency.calls(), 3U);
    EXPECT_EQ(counted.latency().calls(), 3U);
    const json::object shown = counted.to_json();
    EXPECT_EQ(shown.at("operations").at("execute_query").at("calls").as_uint64(), 3U);
    EXPECT_EQ(shown.at("circuit_breaker").at("state").as_string(), "closed");
}

TEST_F(Layers, AClustersNodesAreOneEndpoint)
{
    fake->nodes = {"a:1", "b:2"};
    use(ResilienceConfig());
    EXPECT_EQ(stats().endpoint, "a:1,b:2");
}

TEST_F(Layers, AnExceptionOfAnotherKindPassesAndIsCounted)
{
    use(ResilienceConfig());
    script().set_hook([] { throw std::logic_error("a defect"); });
    EXPECT_THROW(read(), std::logic_error);
    using Errors = std::vector<std::pair<std::string, std::uint64_t>>;
    EXPECT_EQ(stats().operations.at(0).errors, (Errors{{"other", 1}}));
    EXPECT_EQ(stats().in_flight, 0U);
}

TEST_F(Layers, ACallOutlivesTheStoreItWasMadeOn)
{
    use(ResilienceConfig());
    script().hang();
    std::optional<Cancellable<QueryResult>> call;
    call.emplace(store->execute_query("SELECT 1"));
    ASSERT_TRUE(eventually([&] { return script().count() == 1; }));
    store.reset();
    const std::shared_ptr<Script> kept = fake->script;
    fake.reset();
    call->cancel();
    EXPECT_STORAGE_ERROR(call->get(), cancelled);
    EXPECT_EQ(kept->count(), 1U);
}

} // namespace
} // namespace whisperstore::test

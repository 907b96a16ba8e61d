// Each layer alone, and several together, around a scripted database.

#include "unit/resilience_fakes.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include <atomic>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;
using Clock = OperationContext::Clock;

class Layers : public testing::Test
{
protected:
    void use(const ResilienceConfig& config)
    {
        ChainSources sources;
        if (fake_time)
            sources.now = [time = time] { return Clock::time_point(Clock::duration(*time)); };
        sources.random = [] { return 0.5; };
        store = decorate_with(fake, config, observer, std::move(sources));
    }
    void pass(Clock::duration duration) { *time += duration.count(); }

    QueryResult read(OperationContext context = OperationContext())
    {
        return run(store->execute_query("SELECT 1", Parameters(), std::move(context)));
    }
    QueryResult write(OperationContext context = OperationContext())
    {
        return run(store->execute_query("INSERT INTO t VALUES (1)", Parameters(), std::move(context)));
    }
    ResilienceStats stats() const { return resilience_stats(*store).value(); }
    Script& script() { return *fake->script; }

    std::shared_ptr<FakeDatabase> fake = std::make_shared<FakeDatabase>();
    std::shared_ptr<AbstractDatabaseAdapter> store;
    std::shared_ptr<RecordingObserver> observer = std::make_shared<RecordingObserver>();
    bool fake_time = false;
    std::shared_ptr<std::atomic<Clock::rep>> time =
        std::make_shared<std::atomic<Clock::rep>>(Clock::duration(std::chrono::hours(1)).count());
};

/// A call that can be cancelled.
class Cancellable
{
public:
    template <typename T>
    explicit Cancellable(awaitable<T> work) : strand_(asio::make_strand(pool()))
    {
        result_ = asio::co_spawn(strand_, without_result(std::move(work)),
                                 asio::bind_cancellation_slot(signal_.slot(), asio::use_future));
    }
    void cancel()
    {
        asio::post(strand_, [this] { signal_.emit(asio::cancellation_type::terminal); });
    }
    void get() { wait(std::move(result_)); }

private:
    template <typename T>
    static awaitable<void> without_result(awaitable<T> work)
    {
        co_await std::move(work);
    }
    asio::strand<asio::thread_pool::executor_type> strand_;
    asio::cancellation_signal signal_;
    std::future<void> result_;
};

// ---- construction

TEST_F(Layers, WithoutLayersTheBackendIsReachedAsItIs)
{
    ResilienceConfig config;
    config.enabled = false;
    EXPECT_EQ(decorate(std::shared_ptr<AbstractDatabaseAdapter>(fake), config), fake);
    EXPECT_FALSE(resilience_stats(*fake));
    use(ResilienceConfig::none());
    OperationContext context = OperationContext::within(1h);
    const auto deadline = context.deadline;
    EXPECT_EQ(read(context).row_count, 7);
    EXPECT_EQ(script().contexts().at(0).deadline, deadline);
    EXPECT_EQ(script().contexts().at(0).retry_budget, nullptr);
    script().fail(scripted(StorageErrc::unavailable));
    EXPECT_STORAGE_ERROR(read(), unavailable);
    EXPECT_TRUE(stats().operations.empty());
}

TEST_F(Layers, NoStoreOrABadConfigurationIsRefused)
{
    EXPECT_STORAGE_ERROR(decorate(std::shared_ptr<AbstractDatabaseAdapter>(), ResilienceConfig()), invalid_argument);
    EXPECT_STORAGE_ERROR(decorate(std::shared_ptr<GraphDatabaseManager>(), ResilienceConfig()), invalid_argument);
    ResilienceConfig config;
    config.retry_attempts = 0;
    const StorageError error = error_of([&] { use(config); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_EQ(error.message(), "resilience of the database: retry_attempts is 0; allowed are 1 to 100");
}

// ---- deadline

TEST_F(Layers, ACallWithoutADeadlineGetsTheDefault)
{
    ResilienceConfig config = ResilienceConfig::none();
    config.default_deadline = 30s;
    use(config);
    const auto before = Clock::now();
    read();
    const auto given = script().contexts().at(0).deadline;
    ASSERT_TRUE(given);
    EXPECT_GE(*given, before + 30s);
    EXPECT_LE(*given, Clock::now() + 30s);
    const OperationContext own = OperationContext::within(1h);
    read(own);
    EXPECT_EQ(script().contexts().at(1).deadline, own.deadline);
}

TEST_F(Layers, ADeadlineThatHasPassedReachesNobody)
{
    use(ResilienceConfig::none());
    const StorageError error = error_of([&] { read(OperationContext::within(-1ms)); });
    EXPECT_EQ(error.errc(), StorageErrc::timeout);
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_EQ(error.backend(), "fake");
    EXPECT_EQ(error.operation(), "execute_query");
    EXPECT_EQ(script().count(), 0U);
}

TEST_F(Layers, LongWorkAndStreamsGetNoTimeLimits)
{
    ResilienceConfig config = ResilienceConfig::none();
    config.default_deadline = 30s;
    config.attempt_timeout = 10s;
    use(config);
    run(store->backup_database("/b"));
    run(store->restore_database("/b"));
    run(store->create_tables(TableDefinitions()));
    run(store->stream_query("SELECT 1"));
    for (const OperationContext& context : script().contexts())
        EXPECT_FALSE(context.deadline);
    EXPECT_EQ(script().count(), 4U);
}

// ---- retry

TEST_F(Layers, TheLastErrorComesOutWithTheNumberOfAttempts)
{
    use(only_retry(3));
    script().fail(scripted(StorageErrc::unavailable, true, Outcome::not_applied, "refused"), 5);
    const StorageError error = error_of([&] { read(); });
    EXPECT_EQ(error.message(), "after 3 attempts: refused");
    EXPECT_EQ(script().count(), 3U);
}

TEST_F(Layers, ALaterFailureDoesNotHideThatAnEarlierAttemptMayHaveHappened)
{
    use(only_retry(2));
    script().fail(scripted(StorageErrc::unavailable, true, Outcome::unknown));
    script().fail(scripted(StorageErrc::unavailable, true, Outcome::not_applied));
    EXPECT_EQ(error_of([&] { run(store->connect()); }).outcome(), Outcome::unknown);
}

TEST_F(Layers, RetriesStopWithTheBudgetOfTheContext)
{
    use(only_retry(10));
    script().fail(scripted(StorageErrc::unavailable), 20);
    OperationContext context;
    context.retry_budget = std::make_shared<RetryBudget>(2);
    EXPECT_STORAGE_ERROR(read(context), unavailable);
    EXPECT_EQ(script().count(), 3U);
    EXPECT_EQ(context.retry_budget->left(), 0);
    EXPECT_STORAGE_ERROR(read(context), unavailable);
    EXPECT_EQ(script().count(), 4U);
}

TEST_F(Layers, LayersBelowShareTheDefaultBudget)
{
    ResilienceConfig config = only_retry(10);
    config.retry_budget = 4;
    use(config);
    script().set_hook([this] { script().contexts().back().retry_budget->try_take(); }); // a failover below
    script().fail(scripted(StorageErrc::unavailable), 20);
    EXPECT_STORAGE_ERROR(read(), unavailable);
    EXPECT_EQ(script().count(), 3U); // two of the four were taken below
}

// Seen in clients that retry at every level: three attempts around three attempts make nine.
TEST_F(Layers, NestedDecoratorsDoNotMultiply)
{
    ResilienceConfig config = only_retry(4);
    config.retry_budget = 3;
    const auto inner = decorate(std::shared_ptr<AbstractDatabaseAdapter>(fake), config);
    const auto outer = decorate(inner, config);
    script().fail(scripted(StorageErrc::unavailable), 100);
    EXPECT_STORAGE_ERROR(run(outer->execute_query("SELECT 1")), unavailable);
    EXPECT_EQ(script().count(), 4U);
}

TEST_F(Layers, NoWaitGoesPastTheDeadline)
{
    ResilienceConfig config = only_retry(5);
    config.retry_initial_backoff = config.retry_max_backoff = 24h;
    use(config);
    script().fail(scripted(StorageErrc::unavailable, true, Outcome::not_applied, "refused"), 5);
    const StorageError error = error_of([&] { read(OperationContext::within(1h)); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable); // what went wrong, not that time would run out
    EXPECT_EQ(error.message(), "refused");
    EXPECT_EQ(script().count(), 1U);
}

TEST_F(Layers, CancellationEndsTheWaitBetweenAttempts)
{
    ResilienceConfig config = only_retry(5);
    config.retry_initial_backoff = config.retry_max_backoff = 24h;
    use(config);
    script().fail(scripted(StorageErrc::unavailable, true, Outcome::unknown), 5);
    Cancellable call(store->execute_query("SELECT 1"));
    ASSERT_TRUE(eventually([&] { return stats().operations.empty() && script().count() == 1; }));
    call.cancel();
    const StorageError error = error_of([&] { call.get(); });
    EXPECT_EQ(error.errc(), StorageErrc::cancelled);
    EXPECT_EQ(error.outcome(), Outcome::unknown); // of the attempt before
    EXPECT_EQ(error.backend(), "fake");
    EXPECT_EQ(script().count(), 1U);
}

TEST_F(Layers, ACancelledCallIsNotTriedAgain)
{
    use(only_retry(5));
    script().hang();
    Cancellable call(store->execute_query("SELECT 1"));
    ASSERT_TRUE(eventually([&] { return script().count() == 1; }));
    call.cancel();
    EXPECT_STORAGE_ERROR(call.get(), cancelled);
    EXPECT_EQ(script().count(), 1U);
}

// ---- circuit breaker

class BreakerLayer : public Layers
{
protected:
    BreakerLayer() { fake_time = true; }
    static ResilienceConfig config(int failures = 3)
    {
        ResilienceConfig config = ResilienceConfig::none();
        config.metrics = true;
        config.breaker_failures = failures;
        return config;
    }
    void break_it(int failures = 3)
    {
        script().fail(scripted(StorageErrc::unavailable, true, Outcome::not_applied, "connection refused"), failures);
        for (int i = 0; i < failures; ++i)
            EXPECT_STORAGE_ERROR(read(), unavailable);
        script().forget();
        ASSERT_EQ(stats().circuit, "open");
    }
};

TEST_F(BreakerLayer, RefusesAtOnceAndSaysWhenItTriesAgain)
{
    use(config());
    break_it();
    pass(300ms);
    const StorageError error = error_of([&] { read(); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_EQ(error.message(),
              "db1:5432 has failed and is left alone (connection refused); it is tried again in 700 ms");
    EXPECT_EQ(script().count(), 0U);
    EXPECT_EQ(stats().circuit_refused, 1U);
    EXPECT_EQ(stats().circuit_reason, "connection refused");
}

TEST_F(BreakerLayer, AProbeThatSucceedsClosesIt)
{
    use(config());
    break_it();
    pass(1s);
    read();
    EXPECT_EQ(stats().circuit, "closed");
    write();
    EXPECT_EQ(script().count(), 2U);
    EXPECT_EQ(observer->circuit(), (std::vector<std::string>{"open: connection refused", "closed"}));
}

TEST_F(BreakerLayer, WhileOneProbesTheOthersAreRefused)
{
    use(config());
    break_it();
    pass(1s);
    script().hang();
    Cancellable probe(store->execute_query("SELECT 1"));
    ASSERT_TRUE(eventually([&] { return script().count() == 1; }));
    const StorageError error = error_of([&] { read(); });
    EXPECT_TRUE(error.message().ends_with("it is being tried again right now")) << error.message();
    // A cancelled probe says nothing; the next call probes.
    probe.cancel();
    EXPECT_STORAGE_ERROR(probe.get(), cancelled);
    EXPECT_EQ(stats().circuit, "half_open");
    script().hang(false);
    read();
    EXPECT_EQ(stats().circuit, "closed");
}

TEST_F(BreakerLayer, ErrorsOfTheCallItselfDoNotOpenIt)
{
    use(config(2));
    for (const StorageErrc code : {StorageErrc::syntax, StorageErrc::constraint_violation, StorageErrc::timeout,
                                   StorageErrc::cancelled, StorageErrc::resource_exhausted}) {
        script().fail(scripted(code, false), 5);
        for (int i = 0; i < 5; ++i)
            EXPECT_ANY_THROW(read());
        EXPECT_EQ(stats().circuit, "closed") << to_string(code);
    }
}

TEST_F(BreakerLayer, ItsRefusalIsNotTriedAgainByTheRetryLayer)
{
    ResilienceConfig both = config(2);
    both.retry_attempts = 5;
    both.retry_initial_backoff = both.retry_max_backoff = 1ms;
    use(both);
    script().fail(scripted(StorageErrc::unavailable, true, Outcome::unknown), 10);
    // The second failure opens it, the third attempt is refused.
    const StorageError error = error_of([&] { read(); });
    EXPECT_NE(error.message().find("is left alone"), std::string::npos) << error.message();
    EXPECT_EQ(error.outcome(), Outcome::unknown); // of what was tried before
    EXPECT_EQ(script().count(), 2U);
}

TEST_F(BreakerLayer, ConnectAndTheEndsAreNeverBarred)
{
    use(config());
    break_it();
    run(store->connect());
    run(store->disconnect());
    EXPECT_EQ(script().count(), 2U);
}

TEST_F(BreakerLayer, AnAttemptThatHadAllItsTimeCountsAnImpatientCallerDoesNot)
{
    fake_time = false;
    ResilienceConfig limited = config(2);
    limited.attempt_timeout = 20ms;
    use(limited);
    script().hang();
    for (int i = 0; i < 3; ++i)
        EXPECT_STORAGE_ERROR(read(OperationContext::within(5ms)), timeout);
    EXPECT_EQ(stats().circuit, "closed");
    for (int i = 0; i < 2; ++i)
        EXPECT_STORAGE_ERROR(read(), timeout);
    EXPECT_EQ(stats().circuit, "open");
}

TEST_F(BreakerLayer, ACoroutineDestroyedHalfWayGivesItsProbeBack)
{
    use(config());
    break_it();
    pass(1s);
    script().hang();
    {
        asio::io_context io;
        asio::co_spawn(io, store->execute_query("SELECT 1"), [](const std::exception_ptr&, const QueryResult&) {});
        io.poll();
        ASSERT_EQ(script().count(), 1U);
    }
    EXPECT_EQ(observer->under_way(), 0);
    EXPECT_EQ(observer->ended().back().error, StorageErrc::cancelled);
    script().hang(false);
    read();
    EXPECT_EQ(stats().circuit, "closed");
}

// ---- attempt timeout

TEST_F(Layers, AnAttemptGetsItsOwnTimeAndTheNextAnother)
{
    ResilienceConfig config = only_retry(3);
    config.attempt_timeout = 15ms;
    use(config);
    script().hang();
    const StorageError error = error_of([&] { read(); });
    EXPECT_EQ(error.errc(), StorageErrc::timeout);
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(error.message(), "after 3 attempts: an attempt may take 15 ms: late below");
    const std::vector<OperationContext> contexts = script().contexts();
    ASSERT_EQ(contexts.size(), 3U);
    EXPECT_LT(*contexts[0].deadline, *contexts[1].deadline);
    EXPECT_LT(*contexts[1].deadline, *contexts[2].deadline);
}

TEST_F(Layers, TheCallersEarlierDeadlineWinsAndIsNotTriedAgain)
{
    ResilienceConfig config = only_retry(3);
    config.attempt_timeout = 1h;
    use(config);
    script().hang();
    const OperationContext context = OperationContext::within(15ms);
    const StorageError error = error_of([&] { read(context); });
    EXPECT_EQ(error.errc(), StorageErrc::timeout);
    EXPECT_FALSE(error.retryable());
    EXPECT_EQ(error.message(), "late below");
    EXPECT_EQ(script().contexts().at(0).deadline, context.deadline);
    EXPECT_EQ(script().count(), 1U);
}

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
    std::uint64_t in_buckets = 0;
    for (const auto& [bound, count] : query.latency)
        in_buckets += count;
    EXPECT_EQ(in_buckets, 3U);
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
    std::optional<Cancellable> call;
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

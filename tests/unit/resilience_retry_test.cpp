// Deadline, retry and attempt timeout around a scripted database.

#include "unit/resilience_layers.hpp"

#include <gtest/gtest.h>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;

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

TEST_F(Layers, AnOutageGetsNoMoreRetriesThanTheStoreHasInHand)
{
    ResilienceConfig config = only_retry(3);
    config.retry_reserve = 5;
    config.metrics = true;
    use(config);
    script().fail(scripted(StorageErrc::unavailable), 1000);
    for (int i = 0; i < 100; ++i)
        EXPECT_STORAGE_ERROR(read(), unavailable);
    EXPECT_EQ(script().count(), 105U);
    EXPECT_EQ(stats().operations.at(0).retries, 5U);
    EXPECT_EQ(stats().retries_withheld, 98U); // two calls had two each, the third its second withheld

    // Ten calls that work give one back.
    script().forget();
    for (int i = 0; i < 10; ++i)
        read();
    script().fail(scripted(StorageErrc::unavailable));
    read();
    EXPECT_EQ(script().count(), 12U);
    script().fail(scripted(StorageErrc::unavailable));
    EXPECT_STORAGE_ERROR(read(), unavailable);
}

TEST_F(Layers, CallsThatFailNowAndThenAreTriedAgainForEver)
{
    ResilienceConfig config = only_retry(2);
    config.retry_reserve = 1;
    use(config);
    for (int i = 0; i < 20; ++i) {
        script().fail(scripted(StorageErrc::unavailable));
        for (int call = 0; call < 10; ++call)
            read();
    }
    EXPECT_EQ(script().count(), 220U);
    EXPECT_EQ(stats().retries_withheld, 0U);
}

TEST_F(Layers, ARetryThatTheCallHasNoBudgetForIsNotTakenFromTheStore)
{
    ResilienceConfig config = only_retry(2);
    config.retry_reserve = 1;
    use(config);
    script().fail(scripted(StorageErrc::unavailable), 5);
    OperationContext poor;
    poor.retry_budget = std::make_shared<RetryBudget>(0);
    for (int i = 0; i < 4; ++i)
        EXPECT_STORAGE_ERROR(read(poor), unavailable);
    EXPECT_EQ(script().count(), 4U);
    read();
    EXPECT_EQ(script().count(), 6U);
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

} // namespace
} // namespace whisperstore::test

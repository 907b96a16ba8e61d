// What stays open after a call: transactions, streams and a cache's history source.

#include "unit/resilience_fakes.hpp"

#include <gtest/gtest.h>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;

class Scopes : public testing::Test
{
protected:
    void use(const ResilienceConfig& config) { store = decorate_with(fake, config, observer, ChainSources()); }
    ResilienceStats stats() const { return resilience_stats(*store).value(); }
    std::vector<std::string> calls() const { return fake->script->calls(); }

    std::shared_ptr<FakeDatabase> fake = std::make_shared<FakeDatabase>();
    std::shared_ptr<RecordingObserver> observer = std::make_shared<RecordingObserver>();
    std::shared_ptr<AbstractDatabaseAdapter> store;
};

TEST_F(Scopes, ATransactionWithSavepointsReachesTheBackend)
{
    use(ResilienceConfig());
    Transaction outer = run(store->begin_transaction());
    run(outer.execute_query("SELECT ?", params(arg(1))));
    Transaction inner = run(outer.begin_transaction());
    Transaction innermost = run(inner.begin_transaction());
    EXPECT_STORAGE_ERROR(run(outer.execute_query("SELECT 1")), invalid_argument);
    run(innermost.rollback());
    run(inner.execute_query("SELECT 2"));
    run(inner.commit());
    run(outer.commit());
    EXPECT_EQ(calls(), (std::vector<std::string>{"begin_transaction", "tx.execute SELECT ? 1", "tx.savepoint 1",
                                                 "tx.savepoint 2", "tx.rollback 2", "tx.execute SELECT 2 0",
                                                 "tx.release 1", "tx.commit"}));
    EXPECT_TRUE(fake->transaction->abandoned.empty());
    EXPECT_STORAGE_ERROR(run(outer.execute_query("SELECT 1")), invalid_argument);

    std::vector<std::string> seen;
    for (const OperationStats& operation : stats().operations)
        seen.push_back(operation.operation + " " + std::to_string(operation.calls));
    EXPECT_EQ(seen,
              (std::vector<std::string>{"begin_transaction 1", "transaction.execute_query 2", "transaction.savepoint 2",
                                        "transaction.release 1", "transaction.commit 1", "transaction.rollback 1"}));
}

TEST_F(Scopes, ADroppedTransactionIsAbandonedAtTheLevelThatWasDropped)
{
    use(ResilienceConfig());
    {
        Transaction outer = run(store->begin_transaction());
        {
            const Transaction inner = run(outer.begin_transaction());
        }
        EXPECT_EQ(fake->transaction->abandoned, std::vector<int>(1, 1));
        run(outer.execute_query("SELECT 1"));
    }
    EXPECT_EQ(fake->transaction->abandoned, (std::vector<int>{1, 0}));
    const auto second = [&] {
        Transaction outer = run(store->begin_transaction());
        Transaction inner = run(outer.begin_transaction());
        outer = Transaction(std::make_shared<FakeTransaction>(fake->script)); // the outer one goes first
        EXPECT_EQ(fake->transaction->abandoned, std::vector<int>(1, 0));
        run(outer.commit());
    };
    second();
    EXPECT_EQ(fake->transaction->abandoned, std::vector<int>(1, 0));
}

TEST_F(Scopes, NothingInsideATransactionIsTriedAgain)
{
    ResilienceConfig config = only_retry(5);
    config.attempt_timeout = 10s;
    config.default_deadline = 30s;
    use(config);
    Transaction transaction = run(store->begin_transaction());
    fake->script->forget();
    fake->script->fail(scripted(StorageErrc::conflict));
    const StorageError error = error_of([&] { run(transaction.execute_query("SELECT 1")); });
    EXPECT_EQ(error.errc(), StorageErrc::conflict);
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(fake->script->count(), 1U);
    // The default deadline is theirs too, the attempt's is not: there is one attempt.
    EXPECT_GT(*fake->script->contexts().at(0).deadline, OperationContext::Clock::now() + 20s);
    fake->script->fail(scripted(StorageErrc::outcome_unknown, true, Outcome::unknown));
    EXPECT_EQ(error_of([&] { run(transaction.commit()); }).outcome(), Outcome::unknown);
    EXPECT_EQ(calls().back(), "tx.commit");
    EXPECT_EQ(fake->script->count(), 2U);
    EXPECT_FALSE(transaction.active());
}

TEST_F(Scopes, AnOpenTransactionHoldsNoPlaceAndItsCallsNeedNone)
{
    ResilienceConfig config = ResilienceConfig::none();
    config.max_concurrent = 1;
    config.max_queued = 0;
    use(config);
    Transaction transaction = run(store->begin_transaction());
    EXPECT_EQ(stats().in_flight, 0U);
    run(store->execute_query("SELECT 1"));
    // Others fill every place while they wait for this very transaction.
    fake->script->hang();
    asio::thread_pool thread(1);
    auto waiting = asio::co_spawn(thread, store->begin_transaction(OperationContext::within(200ms)), asio::use_future);
    ASSERT_TRUE(eventually([&] { return stats().in_flight == 1; }));
    fake->script->hang(false);
    run(transaction.execute_query("SELECT 1"));
    run(transaction.commit());
    EXPECT_STORAGE_ERROR(waiting.get(), timeout);
    thread.join();
}

TEST_F(Scopes, AnOpenBreakerLetsATransactionEndAndItsFailuresCount)
{
    ResilienceConfig config = ResilienceConfig::none();
    config.breaker_failures = 2;
    config.breaker_open = config.breaker_max_open = 1h;
    use(config);
    Transaction transaction = run(store->begin_transaction());
    fake->script->fail(scripted(StorageErrc::unavailable), 2);
    EXPECT_STORAGE_ERROR(run(transaction.execute_query("SELECT 1")), unavailable);
    EXPECT_STORAGE_ERROR(run(transaction.execute_query("SELECT 1")), unavailable);
    EXPECT_EQ(stats().circuit, "open");
    EXPECT_STORAGE_ERROR(run(store->execute_query("SELECT 1")), unavailable);
    run(transaction.execute_query("SELECT 1"));
    run(transaction.rollback());
    EXPECT_EQ(calls().back(), "tx.rollback 0");
}

TEST_F(Scopes, StreamsAreObservedPieceByPiece)
{
    ResilienceConfig config;
    config.max_concurrent = 1;
    use(config);
    {
        RowStream stream = run(store->stream_query("SELECT 1"));
        EXPECT_EQ(stats().in_flight, 0U);
        fake->script->fail(scripted(StorageErrc::unavailable));
        EXPECT_STORAGE_ERROR(run(stream.next()), unavailable); // its place is lost: not tried again
        EXPECT_EQ(fake->script->count(), 2U);
        EXPECT_FALSE(fake->stream->closed);
    }
    EXPECT_TRUE(fake->stream->closed);
    RowStream ended = run(store->stream_query("SELECT 1"));
    EXPECT_TRUE(run(ended.next()).empty());
    EXPECT_TRUE(fake->stream->closed);
    EXPECT_EQ(stats().operations.at(1).operation, "stream.next");
    EXPECT_EQ(stats().operations.at(1).calls, 2U);
}

// ---- history sources

awaitable<std::vector<UniversalMessage>> scripted_history(std::shared_ptr<Script> script, std::string channel_id,
                                                          std::size_t limit, OperationContext context)
{
    co_await script->step("source " + channel_id + " " + std::to_string(limit), std::move(context));
    co_return std::vector<UniversalMessage>();
}

class DecoratedHistory : public testing::Test
{
protected:
    void use(const ResilienceConfig& config)
    {
        cache = decorate_with(fake, config, observer, ChainSources());
        cache->set_history_source(
            [script = script](std::string channel_id, std::size_t limit, OperationContext context) {
                return scripted_history(script, std::move(channel_id), limit, std::move(context));
            });
    }
    void read(OperationContext context = OperationContext())
    {
        run(cache->get_conversation_context("c1", 5, std::nullopt, std::move(context)));
    }

    std::shared_ptr<FakeCache> fake = std::make_shared<FakeCache>();
    std::shared_ptr<Script> script = std::make_shared<Script>();
    std::shared_ptr<RecordingObserver> observer = std::make_shared<RecordingObserver>();
    std::shared_ptr<ConversationCacheManager> cache;
};

TEST_F(DecoratedHistory, IsObservedWithTheContextTheCacheGives)
{
    use(ResilienceConfig());
    OperationContext context;
    context.tenant = "t1";
    read(context);
    EXPECT_EQ(script->calls(), std::vector<std::string>(1, "source c1 20"));
    EXPECT_EQ(script->contexts().at(0).tenant, "t1");
    EXPECT_NE(script->contexts().at(0).retry_budget, nullptr); // shared with the store below
    const auto ended = observer->ended();
    ASSERT_EQ(ended.size(), 2U);
    EXPECT_EQ(ended[0].name, "cache fake  read_history");
    EXPECT_EQ(ended[1].name, "cache fake  get_conversation_context");
}

TEST_F(DecoratedHistory, ItsFailuresAreNeitherTriedAgainNorHeldAgainstTheCache)
{
    ResilienceConfig config = only_retry(5);
    config.breaker_failures = 2;
    use(config);
    ErrorDetails details;
    details.backend = "postgresql";
    details.operation = "execute_query";
    details.native_code = "08006";
    details.retryable = true;
    script->fail(StorageError(StorageErrc::unavailable, "connection refused", details), 4);
    for (int i = 0; i < 4; ++i) {
        const StorageError error = error_of([&] { read(); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable);
        EXPECT_EQ(error.backend(), "postgresql");
        EXPECT_EQ(error.operation(), "read_history");
        EXPECT_EQ(error.native_code(), "08006");
        EXPECT_EQ(error.message(), "the history cannot be read: connection refused");
    }
    EXPECT_EQ(script->count(), 4U);
    EXPECT_EQ(resilience_stats(*cache)->circuit, "closed");
    // The cache's own failures are.
    fake->script->fail(scripted(StorageErrc::unavailable), 2);
    EXPECT_STORAGE_ERROR(read(), unavailable);
    EXPECT_EQ(resilience_stats(*cache)->circuit, "open");
}

TEST_F(DecoratedHistory, WhatTheApplicationThrowsBecomesUnavailable)
{
    use(only_retry(5));
    script->set_hook([] { throw std::runtime_error("no luck"); });
    const StorageError error = error_of([&] { read(); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_EQ(error.message(), "the history cannot be read: no luck");
    EXPECT_EQ(script->count(), 1U);
}

TEST_F(DecoratedHistory, DoesNotKeepTheCacheAlive)
{
    use(ResilienceConfig());
    const std::weak_ptr<FakeCache> inner = fake;
    fake.reset();
    cache.reset();
    EXPECT_TRUE(inner.expired());
}

TEST_F(DecoratedHistory, AnEmptyFunctionTakesItAway)
{
    use(ResilienceConfig());
    cache->set_history_source(nullptr);
    EXPECT_FALSE(fake->source);
    read();
    EXPECT_EQ(script->count(), 0U);
}

} // namespace
} // namespace whisperstore::test

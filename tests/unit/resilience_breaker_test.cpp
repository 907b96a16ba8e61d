// The circuit breaker around a scripted database.

#include "unit/resilience_layers.hpp"

#include <gtest/gtest.h>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;

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

} // namespace
} // namespace whisperstore::test

#include "core/circuit_breaker.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace whisperstore {
namespace {

using namespace std::chrono_literals;
using Change = CircuitBreaker::Change;
using State = CircuitBreaker::State;
using Verdict = CircuitBreaker::Verdict;

class Breaker : public testing::Test
{
protected:
    static CircuitBreaker::Settings settings(int probes = 1)
    {
        CircuitBreaker::Settings settings;
        settings.failures = 3;
        settings.open_for = 1s;
        settings.max_open_for = 5s;
        settings.probes = probes;
        return settings;
    }
    static State state(const CircuitBreaker& subject) { return subject.snapshot().state; }

    Change ordinary(CircuitBreaker& subject, Verdict verdict)
    {
        const auto ticket = subject.admit(now);
        EXPECT_EQ(ticket, CircuitBreaker::Ticket(0));
        return subject.report(0, verdict, now, "connection refused");
    }
    void open(CircuitBreaker& subject)
    {
        for (int i = 0; i < 3; ++i)
            ordinary(subject, Verdict::failing);
        ASSERT_EQ(state(subject), State::open);
    }

    CircuitBreaker breaker{settings()};
    CircuitBreaker::Time now{1000s};
};

TEST_F(Breaker, OpensAfterFailuresInARow)
{
    EXPECT_EQ(ordinary(breaker, Verdict::failing), Change::none);
    EXPECT_EQ(ordinary(breaker, Verdict::failing), Change::none);
    EXPECT_EQ(ordinary(breaker, Verdict::healthy), Change::none); // starts the count again
    EXPECT_EQ(ordinary(breaker, Verdict::failing), Change::none);
    EXPECT_EQ(ordinary(breaker, Verdict::failing), Change::none);
    EXPECT_EQ(ordinary(breaker, Verdict::silent), Change::none); // does not
    EXPECT_TRUE(breaker.closed());
    EXPECT_EQ(ordinary(breaker, Verdict::failing), Change::opened);
    EXPECT_FALSE(breaker.closed());
    const CircuitBreaker::Snapshot snapshot = breaker.snapshot();
    EXPECT_EQ(snapshot.last_failure, "connection refused");
    EXPECT_EQ(snapshot.retry_at, now + 1s);
    EXPECT_EQ(snapshot.opened, 1U);
}

TEST_F(Breaker, RefusesUntilItsTimeThenLetsOneProbeThrough)
{
    open(breaker);
    EXPECT_EQ(breaker.admit(now), std::nullopt);
    EXPECT_EQ(breaker.admit(now + 999ms), std::nullopt);
    now += 1s;
    const auto probe = breaker.admit(now);
    ASSERT_TRUE(probe);
    EXPECT_NE(*probe, 0U);
    EXPECT_EQ(state(breaker), State::half_open);
    EXPECT_EQ(breaker.admit(now), std::nullopt);
    EXPECT_EQ(breaker.snapshot().refused, 3U);
    EXPECT_EQ(breaker.report(*probe, Verdict::healthy, now), Change::closed);
    EXPECT_EQ(breaker.admit(now), CircuitBreaker::Ticket(0));
}

TEST_F(Breaker, AFailedProbeOpensItForTwiceAsLongUpToTheLongest)
{
    open(breaker);
    for (const auto pause : {1s, 2s, 4s, 5s, 5s}) {
        EXPECT_EQ(breaker.admit(now + pause - 1ms), std::nullopt) << pause.count();
        now += pause;
        const auto probe = breaker.admit(now);
        ASSERT_TRUE(probe) << pause.count();
        EXPECT_EQ(breaker.report(*probe, Verdict::failing, now, "still refused"), Change::opened);
    }
    now += 5s;
    EXPECT_EQ(breaker.report(*breaker.admit(now), Verdict::healthy, now), Change::closed);
    // Once closed, it starts from the beginning.
    open(breaker);
    EXPECT_EQ(breaker.snapshot().retry_at, now + 1s);
}

TEST_F(Breaker, AProbeThatSaysNothingMakesRoomForAnother)
{
    open(breaker);
    now += 1s;
    const auto first = breaker.admit(now);
    ASSERT_TRUE(first);
    EXPECT_EQ(breaker.report(*first, Verdict::silent, now), Change::none);
    EXPECT_EQ(state(breaker), State::half_open);
    const auto second = breaker.admit(now);
    ASSERT_TRUE(second);
    EXPECT_EQ(breaker.report(*second, Verdict::healthy, now), Change::closed);
}

TEST_F(Breaker, SeveralProbesMustAllSucceed)
{
    CircuitBreaker three(settings(3));
    open(three);
    now += 1s;
    std::vector<CircuitBreaker::Ticket> probes;
    for (int i = 0; i < 3; ++i)
        probes.push_back(three.admit(now).value());
    EXPECT_EQ(three.admit(now), std::nullopt);
    EXPECT_EQ(three.report(probes[0], Verdict::healthy, now), Change::none);
    EXPECT_EQ(three.report(probes[1], Verdict::healthy, now), Change::none);
    EXPECT_EQ(three.report(probes[2], Verdict::healthy, now), Change::closed);

    open(three);
    now += 1s;
    probes.clear();
    for (int i = 0; i < 3; ++i)
        probes.push_back(three.admit(now).value());
    EXPECT_EQ(three.report(probes[0], Verdict::healthy, now), Change::none);
    EXPECT_EQ(three.report(probes[1], Verdict::failing, now), Change::opened);
    EXPECT_EQ(three.report(probes[2], Verdict::healthy, now), Change::none); // too late to matter
    EXPECT_EQ(state(three), State::open);
}

TEST_F(Breaker, ReportsFromBeforeItOpenedChangeNothing)
{
    const auto early = breaker.admit(now);
    open(breaker);
    now += 1s;
    const auto probe = breaker.admit(now);
    ASSERT_TRUE(probe);
    EXPECT_EQ(breaker.report(*early, Verdict::failing, now), Change::none);
    EXPECT_EQ(breaker.report(*early, Verdict::healthy, now), Change::none);
    EXPECT_EQ(state(breaker), State::half_open);
    EXPECT_EQ(breaker.report(*probe, Verdict::healthy, now), Change::closed);
    EXPECT_EQ(breaker.report(*probe, Verdict::failing, now), Change::none); // a second report neither
    EXPECT_TRUE(breaker.closed());
}

TEST_F(Breaker, AProbeThatNeverComesBackIsWrittenOff)
{
    open(breaker);
    now += 1s;
    const auto lost = breaker.admit(now);
    ASSERT_TRUE(lost);
    EXPECT_EQ(breaker.admit(now + 5s - 1ms), std::nullopt);
    now += 5s;
    const auto next = breaker.admit(now);
    ASSERT_TRUE(next);
    EXPECT_EQ(breaker.report(*lost, Verdict::healthy, now), Change::none);
    EXPECT_EQ(breaker.report(*next, Verdict::healthy, now), Change::closed);
}

// Seen with attempts that took longer than the longest pause: a probe after the other, all at once, and none counted.
TEST_F(Breaker, AProbeMayTakeItsTimeAndCountsWhenItIsWrittenOff)
{
    CircuitBreaker::Settings patient = settings();
    patient.probe_time = 20s;
    CircuitBreaker subject(patient);
    open(subject);
    now += 1s;
    const auto first = subject.admit(now);
    ASSERT_TRUE(first);
    EXPECT_EQ(subject.admit(now + 19s), std::nullopt);
    now += 20s;
    const auto second = subject.admit(now);
    ASSERT_TRUE(second);
    EXPECT_EQ(subject.report(*first, Verdict::healthy, now), Change::none);
    EXPECT_EQ(subject.report(*first, Verdict::failing, now, "late"), Change::opened);
    EXPECT_EQ(subject.snapshot().retry_at, now + 2s);
    EXPECT_EQ(subject.report(*second, Verdict::healthy, now), Change::none);
    EXPECT_EQ(state(subject), State::open);
}

TEST_F(Breaker, EveryChangeIsReportedToExactlyOneOfManyThreads)
{
    for (int round = 0; round < 50; ++round) {
        CircuitBreaker shared(settings());
        std::atomic<int> opened{0};
        std::atomic<int> probes{0};
        std::atomic<int> closed{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int call = 0; call < 20; ++call)
                    if (shared.admit(now) == CircuitBreaker::Ticket(0) &&
                        shared.report(0, Verdict::failing, now) == Change::opened)
                        ++opened;
                if (const auto probe = shared.admit(now + 1s)) {
                    ++probes;
                    if (shared.report(*probe, Verdict::healthy, now + 1s) == Change::closed)
                        ++closed;
                }
            });
        for (std::thread& thread : threads)
            thread.join();
        EXPECT_GE(opened, 1);
        EXPECT_GE(probes, 1);
        EXPECT_GE(closed, 1);
        EXPECT_EQ(shared.snapshot().opened, static_cast<std::uint64_t>(opened));
    }
}

} // namespace
} // namespace whisperstore

#include "resilience/concurrency_limit.hpp"
#include "support/cancellable.hpp"
#include "support/run.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>
#include <vector>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;

using Waiting = Cancellable<Permit>;

std::unique_ptr<Waiting> in_line(ConcurrencyLimit& limit, OperationContext context = OperationContext())
{
    const std::uint32_t before = limit.in_line();
    auto waiting = std::make_unique<Waiting>(limit.acquire(std::move(context)));
    EXPECT_TRUE(eventually([&] { return limit.in_line() == before + 1; }));
    return waiting;
}

TEST(ConcurrencyLimit, GivesPlacesUntilNoneIsLeft)
{
    ConcurrencyLimit limit(2, 8);
    Permit first = limit.try_acquire();
    Permit second = limit.try_acquire();
    EXPECT_TRUE(first);
    EXPECT_TRUE(second);
    EXPECT_FALSE(limit.try_acquire());
    EXPECT_EQ(limit.in_use(), 2U);
    first.give_back();
    first.give_back(); // once only
    EXPECT_EQ(limit.in_use(), 1U);
    second = limit.try_acquire(); // takes another before it gives the old one back
    EXPECT_EQ(limit.in_use(), 1U);
    Permit moved = std::move(second);
    EXPECT_TRUE(moved);
    EXPECT_EQ(limit.in_use(), 1U);
    moved = Permit();
    EXPECT_EQ(limit.in_use(), 0U);
}

TEST(ConcurrencyLimit, FirstComeFirstServed)
{
    ConcurrencyLimit limit(1, 8);
    Permit held = limit.try_acquire();
    auto first = in_line(limit);
    auto second = in_line(limit);
    held.give_back();
    Permit given = first->get();
    EXPECT_EQ(limit.in_line(), 1U);
    EXPECT_FALSE(limit.try_acquire()); // nobody passes those who wait
    given.give_back();
    EXPECT_TRUE(second->get());
    EXPECT_EQ(limit.in_use(), 0U);
    EXPECT_EQ(limit.in_line(), 0U);
}

TEST(ConcurrencyLimit, AFullLineRefuses)
{
    ConcurrencyLimit limit(1, 1);
    const Permit held = limit.try_acquire();
    auto waiting = in_line(limit);
    const StorageError error = error_of([&] { run(limit.acquire(OperationContext())); });
    EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted);
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_EQ(limit.refused(), 1U);
    waiting->cancel();
    EXPECT_STORAGE_ERROR(waiting->get(), cancelled);
    // Who has gone makes room.
    EXPECT_EQ(limit.in_line(), 0U);
    auto next = in_line(limit);
    next->cancel();
    EXPECT_STORAGE_ERROR(next->get(), cancelled);
}

TEST(ConcurrencyLimit, ALineOfNoneRefusesAtOnce)
{
    ConcurrencyLimit limit(1, 0);
    const Permit held = limit.try_acquire();
    EXPECT_STORAGE_ERROR(run(limit.acquire(OperationContext())), resource_exhausted);
}

TEST(ConcurrencyLimit, DeadlineAndCancellationEndTheWaitAndTellApart)
{
    ConcurrencyLimit limit(1, 8);
    Permit held = limit.try_acquire();
    const StorageError late = error_of([&] { run(limit.acquire(OperationContext::within(20ms))); });
    EXPECT_EQ(late.errc(), StorageErrc::timeout);
    EXPECT_NE(late.message().find("1 places"), std::string::npos) << late.message();
    auto waiting = in_line(limit);
    waiting->cancel();
    EXPECT_STORAGE_ERROR(waiting->get(), cancelled);
    EXPECT_EQ(limit.in_line(), 0U);
    held.give_back();
    EXPECT_EQ(limit.in_use(), 0U);
}

TEST(ConcurrencyLimit, APlaceGivenToOneWhoIsCancelledGoesToTheNext)
{
    ConcurrencyLimit limit(1, 8);
    Permit held = limit.try_acquire();
    auto first = in_line(limit);
    auto second = in_line(limit);
    first->cancel();
    EXPECT_STORAGE_ERROR(first->get(), cancelled);
    held.give_back();
    EXPECT_TRUE(second->get());
    EXPECT_EQ(limit.in_use(), 0U);
}

/// Takes and gives back `rounds` times; counts how many are inside at once.
awaitable<void> worker(ConcurrencyLimit& limit, std::atomic<int>& inside, std::atomic<int>& most, int rounds)
{
    for (int i = 0; i < rounds; ++i) {
        Permit permit = limit.try_acquire();
        if (!permit)
            permit = co_await limit.acquire(OperationContext());
        const int now_inside = ++inside;
        int seen = most;
        while (now_inside > seen && !most.compare_exchange_weak(seen, now_inside)) {
        }
        co_await asio::post(asio::use_awaitable);
        --inside;
    }
}

TEST(ConcurrencyLimit, ManyCoroutinesNeverExceedItAndAllGetTheirTurn)
{
    ConcurrencyLimit limit(3, 1000);
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::vector<std::future<void>> all;
    for (int i = 0; i < 64; ++i)
        all.push_back(asio::co_spawn(asio::make_strand(pool()), worker(limit, inside, most, 100), asio::use_future));
    for (auto& each : all)
        wait(std::move(each));
    EXPECT_LE(most, 3);
    EXPECT_GE(most, 2);
    EXPECT_EQ(limit.in_use(), 0U);
    EXPECT_EQ(limit.in_line(), 0U);
}

awaitable<void> impatient(ConcurrencyLimit& limit, unsigned seed, std::atomic<int>& served, std::atomic<int>& gone)
{
    std::minstd_rand random(seed);
    for (int i = 0; i < 60; ++i) {
        try {
            const OperationContext context = OperationContext::within(std::chrono::microseconds(random() % 400));
            const Permit permit = co_await limit.acquire(context);
            ++served;
            co_await asio::post(asio::use_awaitable);
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::timeout)
                throw;
            ++gone;
        }
    }
}

TEST(ConcurrencyLimit, NoPlaceIsLostBetweenGivingAndGivingUp)
{
    ConcurrencyLimit limit(2, 1000);
    std::atomic<int> served{0};
    std::atomic<int> gone{0};
    std::vector<std::future<void>> all;
    for (unsigned i = 0; i < 48; ++i)
        all.push_back(
            asio::co_spawn(asio::make_strand(pool()), impatient(limit, i + 1, served, gone), asio::use_future));
    for (auto& each : all)
        wait(std::move(each));
    EXPECT_EQ(served + gone, 48 * 60);
    EXPECT_GT(served, 0);
    EXPECT_GT(gone, 0);
    EXPECT_EQ(limit.in_use(), 0U);
    EXPECT_EQ(limit.in_line(), 0U);
    EXPECT_TRUE(limit.try_acquire());
}

TEST(ConcurrencyLimit, NoPlaceIsLostBetweenGivingAndCancelling)
{
    ConcurrencyLimit limit(1, 1000);
    int served = 0;
    int gone = 0;
    for (int round = 0; round < 300; ++round) {
        Permit held = limit.try_acquire();
        ASSERT_TRUE(held) << round;
        auto waiting = in_line(limit);
        std::thread canceller([&] { waiting->cancel(); });
        held.give_back();
        canceller.join();
        try {
            EXPECT_TRUE(waiting->get());
            ++served;
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::cancelled);
            ++gone;
        }
        ASSERT_EQ(limit.in_use(), 0U) << round;
    }
    EXPECT_EQ(served + gone, 300);
}

} // namespace
} // namespace whisperstore::test

#include "core/both.hpp"
#include "support/cancellable.hpp"
#include "support/run.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <atomic>

namespace whisperstore::test {
namespace {

awaitable<void> wait_for(std::chrono::milliseconds time, std::atomic<int>& ended)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    try {
        co_await timer.async_wait(asio::use_awaitable);
    } catch (const boost::system::system_error&) {
        ended += 100; // cancelled
        throw;
    }
    ++ended;
}

awaitable<void> fail()
{
    throw StorageError(StorageErrc::conflict, "failed");
    co_return;
}

TEST(Both, WaitsForBoth)
{
    std::atomic<int> ended{0};
    run(both(wait_for(std::chrono::milliseconds(1), ended), wait_for(std::chrono::milliseconds(20), ended)));
    EXPECT_EQ(ended, 2);
}

TEST(Both, AFailureEndsTheOther)
{
    for (const bool first : {true, false}) {
        std::atomic<int> ended{0};
        awaitable<void> waiting = wait_for(std::chrono::hours(1), ended);
        awaitable<void> work = first ? both(fail(), std::move(waiting)) : both(std::move(waiting), fail());
        EXPECT_STORAGE_ERROR(run(std::move(work)), conflict);
        EXPECT_EQ(ended, 100);
    }
}

TEST(Both, CancellingTheCallerEndsBoth)
{
    std::atomic<int> ended{0};
    Cancellable<void> waiting(both(wait_for(std::chrono::hours(1), ended), wait_for(std::chrono::hours(1), ended)));
    EXPECT_FALSE(eventually([&] { return ended != 0; }, std::chrono::milliseconds(20)));
    waiting.cancel();
    EXPECT_THROW(waiting.get(), std::exception);
    EXPECT_EQ(ended, 200);
}

} // namespace
} // namespace whisperstore::test

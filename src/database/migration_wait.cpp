#include "database/migration_wait.hpp"

#include <whisperstore/core/error.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace whisperstore {

namespace {

constexpr std::chrono::milliseconds longest_pause{200};

}

awaitable<void> MigrationWait::pause(std::string holder)
{
    if (!std::exchange(told_, true) && waits_)
        waits_(holder);
    if (context_.expired())
        throw StorageError(StorageErrc::timeout,
                           "the time is up, and " + holder +
                               " still applies migrations to the database: wait for it, or end it",
                           ErrorDetails{"", "", "", Outcome::not_applied, true});
    const auto executor = co_await asio::this_coro::executor;
    auto end = OperationContext::Clock::now() + next_;
    if (context_.deadline)
        end = std::min(end, *context_.deadline);
    asio::steady_timer timer(executor, end);
    co_await timer.async_wait(asio::use_awaitable);
    next_ = std::min(next_ * 2, longest_pause);
}

} // namespace whisperstore

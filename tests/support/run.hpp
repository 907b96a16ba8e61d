#pragma once

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/error.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <stdexcept>

namespace whisperstore::test {

/// The threads coroutines of tests run on (two).
asio::thread_pool& pool();

/// Starts a coroutine on the pool.
template <typename T>
std::future<T> start(awaitable<T> work)
{
    return asio::co_spawn(pool(), std::move(work), asio::use_future);
}

/// Waits for a future with a deadline: a hang becomes a failure.
template <typename T>
T wait(std::future<T> future, std::chrono::seconds limit = std::chrono::seconds(120))
{
    if (future.wait_for(limit) != std::future_status::ready)
        throw std::runtime_error("the operation did not end within its time");
    return future.get();
}

/// Runs a coroutine on the pool and returns its result or throws its exception.
template <typename T>
T run(awaitable<T> work)
{
    return wait(start(std::move(work)));
}

/// Polls until `condition` holds; false when the limit passes.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = std::chrono::seconds(20));

/// Runs `action` and returns the StorageError it throws; fails the test when it throws none.
StorageError error_of(const std::function<void()>& action);

} // namespace whisperstore::test

/// EXPECT_STORAGE_ERROR(expression, code): the expression throws a StorageError with that code.
#define EXPECT_STORAGE_ERROR(expression, expected_code)                                                                \
    EXPECT_EQ(whisperstore::to_string(whisperstore::test::error_of([&] { static_cast<void>(expression); }).errc()),    \
              whisperstore::to_string(whisperstore::StorageErrc::expected_code))

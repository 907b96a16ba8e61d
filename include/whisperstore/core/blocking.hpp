#pragma once
/// \file
/// Running operations from code that is no coroutine.

#include <whisperstore/core/async.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace whisperstore::blocking {

namespace detail {

/// An io_context for the calling thread: the thread's own, or a new one while that is in use (a
/// blocking call inside a coroutine that a blocking call runs).
class ThreadContext
{
public:
    ThreadContext();
    ~ThreadContext();
    ThreadContext(const ThreadContext&) = delete;
    ThreadContext& operator=(const ThreadContext&) = delete;
    asio::io_context& io() noexcept { return *io_; }

private:
    std::unique_ptr<asio::io_context> io_;
};

template <typename T>
struct Outcome
{
    std::exception_ptr error;
    std::optional<T> value;
    T get() { return std::move(*value); }
};

template <>
struct Outcome<void>
{
    std::exception_ptr error;
    void get() noexcept {}
};

} // namespace detail

/// Runs one operation on the calling thread and returns its result, or throws what it throws. The
/// thread also runs whatever the operation leaves behind on its executor (a history being read for
/// several callers) before it returns. May be called by many threads; each works for itself.
/// \param work e.g. `database.execute_query("SELECT 1")`, not yet awaited.
template <typename T>
T run(awaitable<T> work)
{
    detail::ThreadContext context;
    detail::Outcome<T> outcome;
    if constexpr (std::is_void_v<T>)
        asio::co_spawn(context.io(), std::move(work),
                       [&](std::exception_ptr error) { outcome.error = std::move(error); });
    else
        asio::co_spawn(context.io(), std::move(work), [&](std::exception_ptr error, T value) {
            outcome.error = std::move(error);
            if (!outcome.error)
                outcome.value.emplace(std::move(value));
        });
    context.io().run();
    if (outcome.error)
        std::rethrow_exception(outcome.error);
    return outcome.get();
}

/// The same on the application's own io_context, which must not be running: runs it until the
/// operation ends, and leaves other work in it.
template <typename T>
T run(asio::io_context& io, awaitable<T> work)
{
    detail::Outcome<T> outcome;
    bool done = false;
    if constexpr (std::is_void_v<T>)
        asio::co_spawn(io, std::move(work), [&](std::exception_ptr error) {
            outcome.error = std::move(error);
            done = true;
        });
    else
        asio::co_spawn(io, std::move(work), [&](std::exception_ptr error, T value) {
            outcome.error = std::move(error);
            if (!outcome.error)
                outcome.value.emplace(std::move(value));
            done = true;
        });
    io.restart();
    while (!done)
        io.run_one();
    io.restart();
    if (outcome.error)
        std::rethrow_exception(outcome.error);
    return outcome.get();
}

} // namespace whisperstore::blocking

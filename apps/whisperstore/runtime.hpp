#pragma once
// Runs operations on the main thread until they end, a signal comes or the time is up.

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <string>

namespace whisperstore::cli {

/// Ctrl-C or SIGTERM came, and what was running has been cancelled.
struct Interrupted
{
    int signal;
    std::string outcome = {}; ///< what became of it; empty: it is rolled back
};

/// The io_context of the program. The first Ctrl-C cancels what runs, which then rolls back; a
/// second one ends the process at once.
class Runtime
{
public:
    Runtime();

    /// \param seconds for everything that follows; 0 = no limit.
    void limit(double seconds);
    /// For each operation.
    const OperationContext& context() const noexcept { return context_; }
    asio::io_context& io() noexcept { return io_; }

    /// Runs one operation and returns its result. Throws what it throws, or Interrupted.
    template <typename T>
    T run(awaitable<T> work)
    {
        check();
        try {
            return blocking::run(io_, cancellable(std::move(work)));
        } catch (...) {
            check(); // an aborted operation fails in many ways; that it was aborted is what counts
            throw;
        }
    }
    /// The same for what must happen in any case, such as closing.
    template <typename T>
    T finish(awaitable<T> work)
    {
        return blocking::run(io_, std::move(work));
    }

    /// Throws Interrupted when a signal has come.
    void check();

private:
    template <typename T>
    awaitable<T> cancellable(awaitable<T> work)
    {
        const auto executor = co_await asio::this_coro::executor;
        auto token = asio::bind_cancellation_slot(cancellation_.slot(), asio::use_awaitable);
        co_return co_await asio::co_spawn(executor, std::move(work), std::move(token));
    }
    void await_signal();

    asio::io_context io_{1};
    asio::signal_set signals_;
    asio::cancellation_signal cancellation_;
    std::optional<int> signal_;
    OperationContext context_;
};

} // namespace whisperstore::cli

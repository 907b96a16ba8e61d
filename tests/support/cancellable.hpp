#pragma once

#include "support/run.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

namespace whisperstore::test {

/// A coroutine running on the pool that can be cancelled. A signal may only be emitted where its slot
/// is used, so the coroutine has a strand.
template <typename T>
class Cancellable
{
public:
    explicit Cancellable(awaitable<T> work)
        : result_(
              asio::co_spawn(strand_, std::move(work), asio::bind_cancellation_slot(signal_.slot(), asio::use_future)))
    {
    }
    /// Returns when the signal was emitted.
    void cancel()
    {
        std::promise<void> emitted;
        asio::post(strand_, [&] {
            signal_.emit(asio::cancellation_type::terminal);
            emitted.set_value();
        });
        emitted.get_future().get();
    }
    T get() { return wait(std::move(result_)); }

private:
    asio::strand<asio::thread_pool::executor_type> strand_ = asio::make_strand(pool().get_executor());
    asio::cancellation_signal signal_;
    std::future<T> result_;
};

} // namespace whisperstore::test

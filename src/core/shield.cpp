#include "core/shield.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace whisperstore {

awaitable<std::exception_ptr> shielded(awaitable<void> work)
{
    try {
        auto executor = co_await asio::this_coro::executor;
        auto token = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
        co_await asio::co_spawn(executor, std::move(work), std::move(token));
    } catch (...) {
        co_return std::current_exception();
    }
    co_return nullptr;
}

} // namespace whisperstore

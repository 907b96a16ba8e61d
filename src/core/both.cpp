#include "core/both.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <exception>

namespace whisperstore {

awaitable<void> both(awaitable<void> first, awaitable<void> second)
{
    const auto executor = co_await asio::this_coro::executor;
    auto group = asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(first), asio::deferred),
                                                         asio::co_spawn(executor, std::move(second), asio::deferred));
    const auto [order, first_error, second_error] =
        co_await group.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
    const std::array<std::exception_ptr, 2> errors{first_error, second_error};
    for (const std::size_t which : order)
        if (errors.at(which))
            std::rethrow_exception(errors.at(which));
}

} // namespace whisperstore

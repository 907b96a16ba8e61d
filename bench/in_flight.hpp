#pragma once
// Many operations at once: by coroutines of one thread, and by blocking threads.

#include <whisperstore/core/async.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

namespace whisperstore::bench {

/// Starts `in_flight` coroutines on one thread that share `total` operations.
template <typename MakeOperation>
void run_in_flight(std::size_t in_flight, std::size_t total, MakeOperation make_operation)
{
    asio::io_context io(1);
    auto left = std::make_shared<std::size_t>(total);
    std::exception_ptr failure;
    for (std::size_t i = 0; i < in_flight; ++i)
        asio::co_spawn(io, make_operation(left), [&](std::exception_ptr error) {
            if (error)
                failure = error;
        });
    io.run();
    if (failure)
        std::rethrow_exception(failure);
}

/// A thread for each connection, which does `work(connection, number)`; throws what one of them threw.
template <typename Connection, typename Work>
void on_threads(std::vector<Connection>& connections, const Work& work)
{
    std::vector<std::exception_ptr> failures(connections.size());
    std::vector<std::thread> threads;
    for (std::size_t number = 0; number < connections.size(); ++number)
        threads.emplace_back([&, number] {
            try {
                work(connections[number], number);
            } catch (...) {
                failures[number] = std::current_exception();
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    for (const std::exception_ptr& failure : failures)
        if (failure)
            std::rethrow_exception(failure);
}

} // namespace whisperstore::bench

#pragma once
// The steps of a chat turn, each of which can be run alone.

#include "chat_turn.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>

namespace whisperstore::bench {

/// Who says what in one turn.
struct Turn
{
    explicit Turn(std::int64_t turn_number);

    std::int64_t number;
    std::string user;
    std::string channel;
};

/// What the turns of one run share. One thread runs them all.
struct Run
{
    std::size_t left = 0;
    std::int64_t next = 1; ///< number of the next turn, over all runs
    std::size_t rows = 0;  ///< read, so that nothing is left out
    std::vector<double> latencies_ms;
};

// A step takes the turn by reference: its caller waits for it.
awaitable<void> read_context(StorageLayer& storage, const Turn& turn, Run& run);
awaitable<void> read_rows(AbstractDatabaseAdapter& database, const Turn& turn, Run& run);
awaitable<void> recall(StorageLayer& storage, const Turn& turn, Run& run);
awaitable<void> read_graph(StorageLayer& storage, const Turn& turn, Run& run);
awaitable<void> cache_messages(StorageLayer& storage, const Turn& turn);
awaitable<void> write_rows(AbstractDatabaseAdapter& database, const Turn& turn);
awaitable<void> write_vector(StorageLayer& storage, const Turn& turn);
awaitable<void> write_graph(StorageLayer& storage, const Turn& turn);

/// Runs `in_flight` coroutines made by `make` on one thread until all are done.
template <typename Make>
void run_together(std::size_t in_flight, Make make)
{
    asio::io_context io(1);
    std::exception_ptr failure;
    for (std::size_t i = 0; i < in_flight; ++i)
        asio::co_spawn(io, make(), [&failure](std::exception_ptr error) {
            if (error)
                failure = error;
        });
    io.run();
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace whisperstore::bench

#include "redis_load.hpp"

#include <whisperstore/core/blocking.hpp>

#include <boost/asio/io_context.hpp>

#include <stdexcept>

namespace whisperstore::bench::redis_load {

namespace {

awaitable<void> add_some(ConversationCacheManager& cache, std::int64_t& next, std::int64_t end)
{
    while (next < end) {
        const std::int64_t number = next++;
        co_await cache.add_message(channel(static_cast<std::size_t>(number)), message(number));
    }
}

awaitable<void> get_some(ConversationCacheManager& cache, std::size_t& next, std::size_t end)
{
    while (next < end) {
        const auto messages = co_await cache.get_conversation_context(channel(next++), context_size);
        if (messages.size() != static_cast<std::size_t>(context_size))
            throw std::runtime_error("a context has too few messages");
    }
}

void rethrow(std::exception_ptr error)
{
    if (error)
        std::rethrow_exception(error);
}

std::int64_t& next_message()
{
    static std::int64_t next = 0;
    return next;
}

} // namespace

std::string channel(std::size_t number) { return std::to_string(1180000000000000000 + number * 77 % channels); }

UniversalMessage message(std::int64_t number)
{
    UniversalMessage message;
    message.message_id = 1190000000000000000 + number;
    message.user_id = "user-1";
    message.username = "Ada";
    message.content = std::string(120, 'x');
    message.timestamp = parse_timestamp("2026-01-01T00:00:00Z") + std::chrono::milliseconds(number);
    return message;
}

void fill(ConversationCacheManager& cache) { add(cache, 64, channels * kept_messages); }

void add(ConversationCacheManager& cache, std::size_t in_flight, std::size_t count)
{
    asio::io_context io(1);
    const std::int64_t end = next_message() + static_cast<std::int64_t>(count);
    for (std::size_t i = 0; i < in_flight; ++i)
        asio::co_spawn(io, add_some(cache, next_message(), end), rethrow);
    io.run();
}

void get(ConversationCacheManager& cache, std::size_t in_flight, std::size_t count)
{
    asio::io_context io(1);
    std::size_t next = 0;
    for (std::size_t i = 0; i < in_flight; ++i)
        asio::co_spawn(io, get_some(cache, next, count), rethrow);
    io.run();
}

} // namespace whisperstore::bench::redis_load

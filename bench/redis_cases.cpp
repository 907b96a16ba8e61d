// The cache on Redis beside Boost.Redis, which sends the same commands over one connection.

#include "cache/redis/channel_commands.hpp"
#include "harness.hpp"
#include "redis_load.hpp"
#include "redis_server.hpp"

#include <whisperstore/cache/redis_conversation_cache.hpp>
#include <whisperstore/core/blocking.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/redis/connection.hpp>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace whisperstore::bench {

namespace {

namespace boost_redis = boost::redis;

/// 64 (or one) coroutines, each with a request and its response, on the one connection; answers are kept as they come.
class RawRedis
{
public:
    explicit RawRedis(const RedisServer& server, const CacheConfig& config)
        : options_(redis::Options::of(config, false)), commands_(options_)
    {
        config_.addr.host = server.host();
        config_.addr.port = std::to_string(server.port());
        // The scripts are there: our side has loaded them.
    }

    void run(std::size_t in_flight, std::size_t count, bool adds)
    {
        asio::io_context io(1);
        boost_redis::basic_connection<asio::io_context::executor_type> connection(
            io.get_executor(), asio::ssl::context(asio::ssl::context::tls_client),
            boost_redis::logger{boost_redis::logger::level::disabled});
        connection.async_run(config_, asio::detached);
        left_ = count;
        std::size_t running = in_flight;
        for (std::size_t i = 0; i < in_flight; ++i)
            asio::co_spawn(io, work(connection, adds), [&](std::exception_ptr error) {
                if (error)
                    std::rethrow_exception(error);
                if (--running == 0)
                    connection.cancel();
            });
        io.run();
    }

private:
    awaitable<void> work(boost_redis::basic_connection<asio::io_context::executor_type>& connection, bool adds)
    {
        boost_redis::request request;
        boost_redis::generic_response response;
        while (left_ > 0) {
            --left_;
            redis::Command command;
            if (adds) {
                const std::int64_t number = ++number_;
                UniversalMessage message = redis_load::message(number);
                message.channel_id = redis_load::channel(static_cast<std::size_t>(number));
                command = commands_.add(message);
            } else {
                command =
                    commands_.get(redis_load::channel(left_), redis_load::context_size, std::nullopt, false, false);
            }
            request.clear();
            std::vector<std::string_view> words{command.script->sha1};
            words.insert(words.end(), command.words.begin(), command.words.end());
            request.push_range("EVALSHA", words.begin(), words.end());
            if (response)
                response->clear();
            co_await connection.async_exec(request, response, asio::use_awaitable);
            if (!response || response->empty())
                throw std::runtime_error("Redis refused a command");
        }
    }

    redis::Options options_;
    redis::ChannelCommands commands_;
    boost_redis::config config_;
    std::size_t left_ = 0;
    std::int64_t number_ = 1'000'000'000;
};

std::vector<Result> redis_cache(const Settings& settings)
{
    const RedisServer server(fresh_folder(settings, "redis"));
    const CacheConfig config = server.config();
    RedisConversationCache cache(config);
    blocking::run(cache.initialize());
    redis_load::fill(cache);
    RawRedis raw(server, config);
    const auto operations = [&](std::size_t in_flight) {
        return static_cast<std::size_t>((in_flight == 1 ? 10'000.0 : 40'000.0) * settings.scale);
    };
    std::vector<Result> results;
    for (const std::size_t in_flight : {std::size_t(64), std::size_t(1)}) {
        const std::size_t count = operations(in_flight);
        const std::string suffix = "_" + std::to_string(in_flight);
        const std::string note = "Boost.Redis, the same commands on one connection";
        results.push_back(compare(
            "redis_add" + suffix, "ops/s", note, settings.rounds,
            [&] { return rate(count, [&] { redis_load::add(cache, in_flight, count); }); },
            [&] { return rate(count, [&] { raw.run(in_flight, count, true); }); }));
        results.push_back(compare(
            "redis_get" + suffix, "ops/s", note, settings.rounds,
            [&] { return rate(count, [&] { redis_load::get(cache, in_flight, count); }); },
            [&] { return rate(count, [&] { raw.run(in_flight, count, false); }); }));
    }
    CacheConfig levels = config;
    levels.redis_two_level = true;
    RedisConversationCache two_level(levels);
    blocking::run(two_level.initialize());
    const auto hits = static_cast<std::size_t>(1'000'000 * settings.scale);
    const std::size_t count = operations(1);
    redis_load::get(two_level, 1, redis_load::channels);
    results.push_back(compare(
        "redis_two_level_get_1", "ops/s", "the same from Redis", settings.rounds,
        [&] { return rate(hits, [&] { redis_load::get(two_level, 1, hits); }); },
        [&] { return rate(count, [&] { redis_load::get(cache, 1, count); }); }));
    results.push_back(compare(
        "redis_two_level_get_64", "ops/s", "64 in flight from Redis", settings.rounds,
        [&] { return rate(hits, [&] { redis_load::get(two_level, 64, hits); }); },
        [&] { return rate(operations(64), [&] { redis_load::get(cache, 64, operations(64)); }); }));
    results.push_back({"redis_stats", milliseconds([&] { blocking::run(cache.get_cache_stats()); }),
                       std::numeric_limits<double>::quiet_NaN(), "ms", "statistics over 256 buckets"});
    blocking::run(two_level.cleanup());
    blocking::run(cache.cleanup());
    return results;
}

} // namespace

std::vector<Case> redis_cases()
{
    return {{"redis", "conversation cache on Redis: add, get(15), 64 and 1 in flight, two levels", redis_cache}};
}

} // namespace whisperstore::bench

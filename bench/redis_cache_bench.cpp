// The cache on Redis under measurement, one side of bench/redis_python.py.
//
//   redis_cache_bench FOLDER IN_FLIGHT < commands
//
// Starts a server below FOLDER (or takes the one of WHISPERSTORE_BENCH_REDIS), fills the channels and prints the
// server's port and the SHA-1 of the scripts that add and get as a line. Then "add COUNT" or "get COUNT" a line; each
// is answered, when so many operations have been done by that many coroutines of one thread, by a line of JSON:
// seconds.

#include "cache/redis/script.hpp"
#include "harness.hpp"
#include "redis_load.hpp"
#include "redis_server.hpp"

#include <whisperstore/cache/redis_conversation_cache.hpp>
#include <whisperstore/core/blocking.hpp>
#include <whisperstore/core/json.hpp>

#include <iostream>

namespace {

using namespace whisperstore;

void measure(const std::filesystem::path& folder, std::size_t in_flight)
{
    const bench::RedisServer server(folder);
    RedisConversationCache cache(server.config());
    blocking::run(cache.initialize());
    bench::redis_load::fill(cache);
    const redis::Scripts& scripts = redis::Scripts::all();
    std::cout << server.port() << ' ' << scripts.add.sha1 << ' ' << scripts.get.sha1 << std::endl;
    std::string what;
    for (std::size_t count = 0; std::cin >> what >> count;) {
        json::object answer;
        answer["seconds"] = bench::milliseconds([&] {
                                if (what == "add")
                                    bench::redis_load::add(cache, in_flight, count);
                                else
                                    bench::redis_load::get(cache, in_flight, count);
                            }) /
                            1000;
        std::cout << json::serialize(answer) << std::endl;
    }
    blocking::run(cache.cleanup());
}

} // namespace

int main(int count, char** arguments)
{
    try {
        if (count != 3) {
            std::cerr << "usage: redis_cache_bench FOLDER IN_FLIGHT (see bench/redis_python.py)\n";
            return 2;
        }
        measure(arguments[1], std::stoul(arguments[2]));
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "redis_cache_bench: " << error.what() << '\n';
        return 1;
    }
}

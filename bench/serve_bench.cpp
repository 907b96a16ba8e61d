// A storage layer at work while its monitoring server is asked 1,000 times a second, and while it is asked by clients
// that are slow, send too much, nonsense, or take nothing. Rounds with and without clients take turns; each line is one
// figure as JSON.
//
//     serve_bench [SECONDS] [ROUNDS] [REQUESTS PER SECOND]     default 60 30 1000: so many seconds in all with clients

#include "harness.hpp"
#include "serve_clients.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/serve/monitoring_server.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <limits>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace whisperstore::bench {

namespace {

namespace fs = std::filesystem;

/// The program itself, started again as a client.
class Clients
{
public:
    Clients(const std::string& kind, std::uint16_t port, int per_second)
    {
        const std::string arguments[] = {"serve_bench", kind, std::to_string(port), std::to_string(per_second)};
        process_ = ::fork();
        if (process_ == 0) {
            ::execl("/proc/self/exe", arguments[0].c_str(), arguments[1].c_str(), arguments[2].c_str(),
                    arguments[3].c_str(), nullptr);
            ::_exit(127);
        }
    }
    ~Clients()
    {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;

private:
    pid_t process_ = 0;
};

/// What an assistant does all the time: it looks up a row and a conversation.
awaitable<void> work(std::shared_ptr<StorageLayer> storage, std::atomic<std::uint64_t>& done, std::atomic<bool>& ends)
{
    std::size_t number = 0;
    while (!ends) {
        Parameters values = params(arg("id", std::int64_t(number++ % 1000)));
        co_await storage->database().execute_query("SELECT content FROM messages WHERE message_id = :id",
                                                   std::move(values));
        co_await storage->cache().get_conversation_context("channel", 5);
        done.fetch_add(1, std::memory_order_relaxed);
    }
}

struct Measured
{
    double per_second = 0;      ///< turns of the storage load
    double cpu_per_turn_us = 0; ///< of the whole process, the server's included
};

Measured measure(const std::atomic<std::uint64_t>& done, double seconds)
{
    const std::uint64_t before = done;
    const double cpu = cpu_seconds();
    const auto begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto turns = static_cast<double>(done - before);
    return {turns / elapsed, (cpu_seconds() - cpu) * 1e6 / turns};
}

void print(const std::string& name, double ours, double reference, const std::string& unit, const std::string& note)
{
    boost::json::object line;
    const bool comparable = reference == reference;
    line["case"] = name;
    line["ours"] = ours;
    line["reference"] = comparable ? boost::json::value(reference) : boost::json::value(nullptr);
    line["ratio"] = comparable ? boost::json::value(ours / reference) : boost::json::value(nullptr);
    line["unit"] = unit;
    line["note"] = note;
    std::cout << boost::json::serialize(line) << std::endl;
}

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

void run_kind(const std::string& kind, const MonitoringServer& server, const std::atomic<std::uint64_t>& done,
              double seconds, int rounds, int per_second)
{
    std::vector<double> with;
    std::vector<double> without;
    std::vector<double> kept;
    std::vector<double> cpu_with;
    std::vector<double> cpu_without;
    double most_memory = 0;
    const std::uint64_t requests = server.stats().requests;
    const double first_memory = static_cast<double>(resident_bytes()) / 1e6;
    const double round = seconds / rounds;
    for (int i = 0; i < rounds; ++i) {
        const Measured before = measure(done, round / 2);
        Measured during;
        {
            const Clients clients(kind, server.port(), per_second);
            std::this_thread::sleep_for(std::chrono::milliseconds(200)); // until they are at it
            during = measure(done, round);
            most_memory = std::max(most_memory, static_cast<double>(resident_bytes()) / 1e6);
        }
        const Measured after = measure(done, round / 2);
        const double alone = (before.per_second + after.per_second) / 2;
        with.push_back(during.per_second);
        without.push_back(alone);
        kept.push_back(during.per_second / alone);
        cpu_with.push_back(during.cpu_per_turn_us);
        cpu_without.push_back((before.cpu_per_turn_us + after.cpu_per_turn_us) / 2);
    }
    const double clients_seconds = seconds + 0.2 * rounds;
    print("serve_" + kind + "_throughput", median(with), median(without), "turns/s", "storage load without clients");
    print("serve_" + kind + "_kept", median(kept), nothing, "share", "median of the rounds' own shares");
    print("serve_" + kind + "_cpu", median(cpu_with), median(cpu_without), "us/turn",
          "CPU of the process without clients");
    print("serve_" + kind + "_requests", static_cast<double>(server.stats().requests - requests) / clients_seconds,
          nothing, "requests/s", "that were understood");
    print("serve_" + kind + "_memory", most_memory, first_memory, "MB resident", "before the first client");
}

void run(double seconds, int rounds, int per_second)
{
    const fs::path folder = fs::temp_directory_path() / ("serve-bench-" + std::to_string(::getpid()));
    ConfigOptions options;
    options.environment = EnvironmentMap();
    options.config_file = fs::path();
    options.data_dir = folder;
    options.laptop_defaults = LaptopDefaults::on;
    options.settings = {{"WHISPERENGINE_EMBEDDING_TYPE", "none"}, {"WHISPERENGINE_SERVE_LISTEN", "127.0.0.1:0"}};
    const AdaptiveConfigManager manager(options);

    asio::io_context io;
    const auto storage = blocking::run(initialize_storage_layer(manager));
    blocking::run(storage->database().execute_query("INSERT INTO users (user_id, username) VALUES ('user', 'user')"));
    for (int i = 0; i < 1000; ++i) {
        Parameters values = params(arg("id", std::int64_t(i)), arg("content", std::string(300, 'x')));
        blocking::run(storage->database().execute_query(
            "INSERT INTO messages (message_id, channel_id, user_id, content, timestamp) "
            "VALUES (:id, 'channel', 'user', :content, '2026-01-01T00:00:00.000000Z')",
            std::move(values)));
    }
    // The server shares the application's one thread, as it does where an application has no other.
    MonitoringServer server(io.get_executor(), monitoring_source(storage, manager.to_json()),
                            manager.get_storage_configuration().serve);
    server.start();
    std::atomic<std::uint64_t> done{0};
    std::atomic<bool> ends{false};
    asio::co_spawn(io, work(storage, done, ends), asio::detached);
    std::thread application([&] { io.run(); });
    measure(done, 2); // until all is warm
    run_kind("steady", server, done, seconds, rounds, per_second);
    // Longer rounds: slow clients shall see the end of the server's patience.
    run_kind("bad", server, done, seconds, std::max(1, rounds / 10), per_second);
    ends = true;
    asio::co_spawn(io, server.stop(), asio::detached);
    application.join();
    std::cout << boost::json::serialize(server.stats().to_json()) << std::endl;
    blocking::run(storage->close());
    fs::remove_all(folder);
}

} // namespace

} // namespace whisperstore::bench

int main(int count, char** arguments)
{
    using namespace whisperstore::bench;
    const auto number = [&](int place, int otherwise) {
        return place < count ? std::stoi(arguments[place]) : otherwise;
    };
    try {
        const std::string kind = count > 1 ? arguments[1] : "";
        if (kind == "steady")
            run_steady_clients(static_cast<std::uint16_t>(number(2, 0)), number(3, 1000));
        if (kind == "bad")
            run_bad_clients(static_cast<std::uint16_t>(number(2, 0)));
        run(number(1, 60), number(2, 30), number(3, 1000));
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "serve_bench: " << error.what() << '\n';
        return 1;
    }
}

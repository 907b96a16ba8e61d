// A chat turn through the whole storage layer, and where its time goes.

#include "chat_turn_steps.hpp"
#include "harness.hpp"

#include <whisperstore/core/blocking.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <cmath>

namespace whisperstore::bench {

namespace {

using Clock = std::chrono::steady_clock;
const double no_reference = std::nan("");

/// As an application would: it waits for what it needs, and for the writes of the three durable stores at once.
awaitable<void> take_turn(StorageLayer& storage, const Turn& turn, Run& run)
{
    using asio::experimental::awaitable_operators::operator&&;
    co_await read_context(storage, turn, run);
    co_await read_rows(storage.database(), turn, run);
    co_await recall(storage, turn, run);
    co_await read_graph(storage, turn, run);
    co_await cache_messages(storage, turn);
    co_await (write_rows(storage.database(), turn) && write_vector(storage, turn) && write_graph(storage, turn));
}

using Step = awaitable<void> (*)(StorageLayer& storage, const Turn& turn, Run& run);

awaitable<void> read_database(StorageLayer& storage, const Turn& turn, Run& run)
{
    return read_rows(storage.database(), turn, run);
}
awaitable<void> add_messages(StorageLayer& storage, const Turn& turn, Run&) { return cache_messages(storage, turn); }
awaitable<void> write_database(StorageLayer& storage, const Turn& turn, Run&)
{
    return write_rows(storage.database(), turn);
}
awaitable<void> store_vector(StorageLayer& storage, const Turn& turn, Run&) { return write_vector(storage, turn); }
awaitable<void> store_node(StorageLayer& storage, const Turn& turn, Run&) { return write_graph(storage, turn); }

awaitable<void> repeat(StorageLayer& storage, Step step, Run& run)
{
    while (run.left > 0) {
        --run.left;
        const auto start = Clock::now();
        const Turn turn(run.next++);
        co_await step(storage, turn, run);
        run.latencies_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
}

struct Figures
{
    double rate = 0;          ///< steps a second
    double cpu_us = 0;        ///< of all threads, a step
    double caller_cpu_us = 0; ///< of the thread that runs the coroutines, a step
    std::vector<double> latencies_ms;
};

/// One warm-up, then the rounds.
Figures measure(StorageLayer& storage, Step step, std::size_t in_flight, std::size_t count, std::size_t rounds,
                Run& run)
{
    std::vector<double> rates;
    std::vector<double> cpu;
    std::vector<double> caller_cpu;
    for (std::size_t round = 0; round <= rounds; ++round) {
        if (round <= 1)
            run.latencies_ms.clear();
        run.left = count;
        const double before = cpu_seconds();
        const double caller_before = thread_cpu_seconds();
        const double figure = rate(count, [&] { run_together(in_flight, [&] { return repeat(storage, step, run); }); });
        if (round == 0)
            continue;
        rates.push_back(figure);
        cpu.push_back((cpu_seconds() - before) * 1e6 / static_cast<double>(count));
        caller_cpu.push_back((thread_cpu_seconds() - caller_before) * 1e6 / static_cast<double>(count));
    }
    return Figures{median(rates), median(cpu), median(caller_cpu), std::exchange(run.latencies_ms, {})};
}

ChatHistory history_of(const Settings& settings)
{
    ChatHistory history;
    history.memories = std::max<std::size_t>(chat_users, static_cast<std::size_t>(100000 * settings.scale));
    return history;
}

std::vector<Result> chat_turn(const Settings& settings)
{
    const ChatHistory history = history_of(settings);
    const std::shared_ptr<StorageLayer> storage = chat_storage(fresh_folder(settings, "chat_turn"), history);
    const auto count = std::max<std::size_t>(64, static_cast<std::size_t>(4000 * settings.scale));
    std::vector<Result> results;
    Run run;
    for (const std::size_t in_flight : {1U, 16U, 64U}) {
        const std::size_t turns = in_flight == 1 ? count / 4 : count;
        const Figures figures = measure(*storage, take_turn, in_flight, turns, settings.rounds, run);
        const std::string name = "chat_turn_" + std::to_string(in_flight);
        results.push_back(Result{name, figures.rate, no_reference, "turns/s",
                                 std::to_string(history.memories) + " vectors, durable, all decorators on"});
        for (const auto& [suffix, share] : {std::pair("_p50", 0.5), std::pair("_p99", 0.99)})
            results.push_back(
                Result{name + suffix, percentile(figures.latencies_ms, share), no_reference, "ms", "of one turn"});
        results.push_back(Result{name + "_cpu", figures.cpu_us, no_reference, "us", "of all threads, a turn"});
        results.push_back(Result{name + "_caller_cpu", figures.caller_cpu_us, no_reference, "us",
                                 "of the thread that runs the coroutines, a turn"});
    }
    blocking::run(storage->close());
    return results;
}

std::vector<Result> chat_turn_profile(const Settings& settings)
{
    constexpr std::size_t in_flight = 16;
    const std::shared_ptr<StorageLayer> storage =
        chat_storage(fresh_folder(settings, "chat_turn_profile"), history_of(settings));
    const auto count = std::max<std::size_t>(64, static_cast<std::size_t>(4000 * settings.scale));
    const std::vector<std::pair<std::string, Step>> steps{{"turn", take_turn},
                                                          {"cache_context", read_context},
                                                          {"sql_reads", read_database},
                                                          {"vector_search", recall},
                                                          {"graph_read", read_graph},
                                                          {"cache_adds", add_messages},
                                                          {"sql_writes", write_database},
                                                          {"vector_store", store_vector},
                                                          {"graph_writes", store_node}};
    std::vector<Result> results;
    Run run;
    for (const auto& [name, step] : steps) {
        const Figures figures = measure(*storage, step, in_flight, count, settings.rounds, run);
        results.push_back(
            Result{"chat_turn_profile_" + name, figures.cpu_us, no_reference, "us",
                   "CPU of all threads, a turn; p50 " + std::to_string(percentile(figures.latencies_ms, 0.5)) + " ms"});
    }
    blocking::run(storage->close());
    return results;
}

} // namespace

std::vector<Case> chat_turn_cases()
{
    return {
        {"chat_turn", "a whole chat turn through all four stores, durable, 1, 16 and 64 in flight on one thread",
         chat_turn},
        {"chat_turn_profile", "the CPU time of each step of that turn, 16 in flight", chat_turn_profile},
    };
}

} // namespace whisperstore::bench

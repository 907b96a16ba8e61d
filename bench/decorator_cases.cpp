// What the decorators cost: the same calls with and without every layer, in the time of the calling thread.

#include "harness.hpp"

#include <whisperstore/cache/hybrid_conversation_cache.hpp>
#include <whisperstore/core/blocking.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/resilience/decorate.hpp>

#include <cmath>
#include <functional>
#include <memory>
#include <string>

namespace whisperstore::bench {

namespace {

/// Every layer switched on, with limits that are not reached.
ResilienceConfig every_layer()
{
    ResilienceConfig config;
    config.default_deadline = std::chrono::seconds(30);
    config.attempt_timeout = std::chrono::seconds(10);
    return config;
}

OperationContext with_deadline()
{
    static const auto deadline = OperationContext::Clock::now() + std::chrono::hours(24);
    OperationContext context;
    context.deadline = deadline;
    return context;
}

/// Nanoseconds of CPU that each of `count` calls takes on this thread.
double nanoseconds(std::size_t count, awaitable<void> calls)
{
    const double before = thread_cpu_seconds();
    blocking::run(std::move(calls));
    return (thread_cpu_seconds() - before) * 1e9 / static_cast<double>(count);
}

awaitable<void> add_messages(ConversationCacheManager& cache, std::size_t count)
{
    UniversalMessage message;
    message.user_id = "u1";
    message.username = "Ada";
    message.content = std::string(120, 'x');
    for (std::size_t i = 0; i < count; ++i) {
        UniversalMessage copy = message;
        copy.message_id = static_cast<std::int64_t>(i) + 1;
        co_await cache.add_message("c1", std::move(copy), with_deadline());
    }
}

awaitable<void> read_contexts(ConversationCacheManager& cache, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        co_await cache.get_conversation_context("c1", 5, std::nullopt, with_deadline());
}

awaitable<void> select_rows(AbstractDatabaseAdapter& database, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        Parameters id = params(arg(static_cast<std::int64_t>(i % 1000) + 1));
        co_await database.execute_query("SELECT * FROM notes WHERE id = ?", std::move(id), with_deadline());
    }
}

/// A call with and without the layers, and what they add to it.
void measure(std::vector<Result>& results, const std::string& name, int aim, std::size_t rounds,
             const std::function<double()>& decorated, const std::function<double()>& plain)
{
    Result both = compare(name, "ns CPU/op", "the same without decorators", rounds, decorated, plain);
    Result added{name + "_overhead", both.ours - both.reference, std::nan(""), both.unit,
                 "what the layers add; aim: at most " + std::to_string(aim) + " ns"};
    results.push_back(std::move(both));
    results.push_back(std::move(added));
}

std::vector<Result> decorated_cache(const Settings& settings)
{
    constexpr int aim = 300;
    const auto count = static_cast<std::size_t>(300'000 * settings.scale);
    const std::shared_ptr<ConversationCacheManager> plain = std::make_shared<HybridConversationCache>();
    blocking::run(plain->initialize());
    const auto decorated = decorate(plain, every_layer());
    std::vector<Result> results;
    measure(
        results, "decorators_cache_add", aim, settings.rounds,
        [&] { return nanoseconds(count, add_messages(*decorated, count)); },
        [&] { return nanoseconds(count, add_messages(*plain, count)); });
    measure(
        results, "decorators_cache_get", aim, settings.rounds,
        [&] { return nanoseconds(count, read_contexts(*decorated, count)); },
        [&] { return nanoseconds(count, read_contexts(*plain, count)); });
    blocking::run(plain->cleanup());
    return results;
}

std::vector<Result> decorated_sqlite(const Settings& settings)
{
    constexpr int aim = 600;
    const auto count = static_cast<std::size_t>(100'000 * settings.scale);
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + (fresh_folder(settings, "decorators") / "database.db").string();
    const std::shared_ptr<AbstractDatabaseAdapter> plain = std::make_shared<SQLiteAdapter>(config);
    blocking::run(plain->connect());
    blocking::run(plain->execute_query("CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, body TEXT)"));
    blocking::run(plain->execute_query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                                       "INSERT INTO notes SELECT i, hex(randomblob(50)), hex(randomblob(300)) FROM n"));
    const auto decorated = decorate(plain, every_layer());
    std::vector<Result> results;
    measure(
        results, "decorators_sqlite_select", aim, settings.rounds,
        [&] { return nanoseconds(count, select_rows(*decorated, count)); },
        [&] { return nanoseconds(count, select_rows(*plain, count)); });
    blocking::run(plain->disconnect());
    return results;
}

} // namespace

std::vector<Case> decorator_cases()
{
    return {{"decorators_cache", "a cached message written and a context of five read, behind every decorator",
             decorated_cache},
            {"decorators_sqlite", "a point select of a 700-byte row, behind every decorator", decorated_sqlite}};
}

} // namespace whisperstore::bench

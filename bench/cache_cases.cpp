// The conversation cache in memory beside a plain map of deques under one mutex.

#include "harness.hpp"

#include <whisperstore/cache/hybrid_conversation_cache.hpp>
#include <whisperstore/core/blocking.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>

namespace whisperstore::bench {

namespace {

constexpr std::size_t channels = 200;
constexpr std::int64_t context_size = 5;
constexpr std::size_t kept_messages = 50;
constexpr std::size_t threads = 8;

/// As long as the ids of chat platforms are: too long for a std::string's own memory.
std::string channel_name(std::size_t channel) { return std::to_string(1180000000000000000 + channel); }

UniversalMessage message_numbered(std::int64_t number)
{
    UniversalMessage message;
    message.message_id = number;
    message.user_id = "user-1";
    message.username = "Ada";
    message.content = std::string(120, 'x');
    message.timestamp = Timestamp(std::chrono::milliseconds(number));
    return message;
}

/// What the cache is measured against: nothing but the messages and a lock.
class PlainCache
{
public:
    void add(std::string channel, UniversalMessage message)
    {
        auto shared = std::make_shared<const UniversalMessage>(std::move(message));
        const std::lock_guard lock(mutex_);
        std::deque<CachedMessage>& messages = channels_[std::move(channel)];
        messages.push_back(std::move(shared));
        if (messages.size() > kept_messages)
            messages.pop_front();
    }
    std::vector<CachedMessage> newest(std::string channel, std::size_t limit)
    {
        const std::lock_guard lock(mutex_);
        const std::deque<CachedMessage>& messages = channels_[std::move(channel)];
        const auto count = static_cast<std::ptrdiff_t>(std::min(limit, messages.size()));
        return std::vector<CachedMessage>(messages.end() - count, messages.end());
    }

private:
    std::mutex mutex_;
    std::unordered_map<std::string, std::deque<CachedMessage>> channels_;
};

/// Where new messages come from, the same for both; each thread has its own.
class Messages
{
public:
    explicit Messages(std::size_t thread) : number_(static_cast<std::int64_t>(thread) << 40) {}
    UniversalMessage next()
    {
        UniversalMessage copy = pattern_;
        copy.message_id = ++number_;
        copy.timestamp = Timestamp(std::chrono::milliseconds(number_));
        return copy;
    }

private:
    UniversalMessage pattern_ = message_numbered(0);
    std::int64_t number_;
};

const std::vector<std::string>& names()
{
    static const std::vector<std::string> all = [] {
        std::vector<std::string> list;
        for (std::size_t i = 0; i < channels; ++i)
            list.push_back(channel_name(i));
        return list;
    }();
    return all;
}

awaitable<std::vector<UniversalMessage>> no_history(std::string, std::size_t, OperationContext)
{
    co_return std::vector<UniversalMessage>();
}

/// A cache whose channels are full, and warm where there is a history.
void fill(HybridConversationCache& cache, PlainCache& plain, bool with_history)
{
    if (with_history)
        cache.set_history_source(no_history);
    blocking::run(cache.initialize());
    Messages messages(threads);
    for (const std::string& name : names()) {
        static_cast<void>(blocking::run(cache.get_conversation_context(name)));
        for (std::size_t i = 0; i < kept_messages; ++i) {
            const UniversalMessage message = messages.next();
            blocking::run(cache.add_message(name, message));
            plain.add(name, message);
        }
    }
}

/// Loops by themselves would have the thread's memory caches and the compiler see one channel only.
std::size_t channel_of(std::size_t i) noexcept { return (i * 77) % channels; }

awaitable<void> read_contexts(ConversationCacheManager& cache, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        const auto messages = co_await cache.get_conversation_context(names()[channel_of(i)], context_size);
        if (messages.size() != context_size)
            throw std::runtime_error("a context has too few messages");
    }
}

void read_contexts(PlainCache& cache, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        if (cache.newest(names()[channel_of(i)], context_size).size() != context_size)
            throw std::runtime_error("a context has too few messages");
}

awaitable<void> add_messages(ConversationCacheManager& cache, Messages& messages, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        co_await cache.add_message(names()[channel_of(i)], messages.next());
}

void add_messages(PlainCache& cache, Messages& messages, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        cache.add(names()[channel_of(i)], messages.next());
}

/// Operations per second of this thread's own time.
double rate_of_thread(std::size_t count, const std::function<void()>& work)
{
    const double before = thread_cpu_seconds();
    work();
    return static_cast<double>(count) / (thread_cpu_seconds() - before);
}

constexpr const char* reference_note = "std::unordered_map of std::deque under one mutex";

Result measure_reads(const Settings& settings, bool with_history)
{
    HybridConversationCache cache;
    PlainCache plain;
    fill(cache, plain, with_history);
    const auto count = static_cast<std::size_t>(1'000'000 * settings.scale);
    Result result = compare(
        with_history ? "cache_get" : "cache_get_without_history", "ops/CPU s", reference_note, settings.rounds,
        [&] { return rate_of_thread(count, [&] { blocking::run(read_contexts(cache, count)); }); },
        [&] { return rate_of_thread(count, [&] { read_contexts(plain, count); }); });
    blocking::run(cache.cleanup());
    return result;
}

std::vector<Result> cache_get(const Settings& settings)
{
    return {measure_reads(settings, true), measure_reads(settings, false)};
}

std::vector<Result> cache_add(const Settings& settings)
{
    HybridConversationCache cache;
    PlainCache plain;
    fill(cache, plain, true);
    Messages messages(0);
    const auto count = static_cast<std::size_t>(500'000 * settings.scale);
    std::vector<Result> results(
        1, compare(
               "cache_add", "ops/CPU s", reference_note, settings.rounds,
               [&] { return rate_of_thread(count, [&] { blocking::run(add_messages(cache, messages, count)); }); },
               [&] { return rate_of_thread(count, [&] { add_messages(plain, messages, count); }); }));
    blocking::run(cache.cleanup());
    return results;
}

/// Runs `work(thread)` on eight threads at once; operations per second of them all together.
double rate_of_threads(std::size_t count, const std::function<void(std::size_t)>& work)
{
    return rate(count * threads, [&] {
        std::vector<std::exception_ptr> failures(threads);
        std::vector<std::thread> running;
        for (std::size_t thread = 0; thread < threads; ++thread)
            running.emplace_back([&, thread] {
                try {
                    work(thread);
                } catch (...) {
                    failures[thread] = std::current_exception();
                }
            });
        for (std::thread& thread : running)
            thread.join();
        for (const std::exception_ptr& failure : failures)
            if (failure)
                std::rethrow_exception(failure);
    });
}

constexpr std::size_t reads_per_write = 4;

awaitable<void> add_and_read(ConversationCacheManager& cache, Messages& messages, std::size_t turns)
{
    for (std::size_t i = 0; i < turns; ++i) {
        co_await cache.add_message(names()[channel_of(i)], messages.next());
        for (std::size_t read = 1; read <= reads_per_write; ++read)
            co_await cache.get_conversation_context(names()[channel_of(i + read)], context_size);
    }
}

void add_and_read(PlainCache& cache, Messages& messages, std::size_t turns)
{
    for (std::size_t i = 0; i < turns; ++i) {
        cache.add(names()[channel_of(i)], messages.next());
        for (std::size_t read = 1; read <= reads_per_write; ++read)
            static_cast<void>(cache.newest(names()[channel_of(i + read)], context_size));
    }
}

std::vector<Result> cache_threads(const Settings& settings)
{
    HybridConversationCache cache;
    PlainCache plain;
    fill(cache, plain, true);
    const auto turns = static_cast<std::size_t>(20'000 * settings.scale);
    const std::size_t operations = turns * (reads_per_write + 1);
    std::vector<Messages> messages;
    std::vector<Messages> plain_messages;
    for (std::size_t thread = 0; thread < threads; ++thread) {
        messages.emplace_back(thread);
        plain_messages.emplace_back(thread);
    }
    const CacheStats before = blocking::run(cache.get_cache_stats());
    Result result = compare(
        "cache_threads_8", "ops/s", std::string(reference_note) + "; 8 threads, four reads to a write", settings.rounds,
        [&] {
            return rate_of_threads(
                operations, [&](std::size_t thread) { blocking::run(add_and_read(cache, messages[thread], turns)); });
        },
        [&] {
            return rate_of_threads(operations,
                                   [&](std::size_t thread) { add_and_read(plain, plain_messages[thread], turns); });
        });
    const CacheStats after = blocking::run(cache.get_cache_stats());
    if (after.hits - before.hits != turns * reads_per_write * threads * (settings.rounds + 1))
        throw std::runtime_error("cache_threads: reads were lost");
    if (after.total_cached_messages != channels * kept_messages)
        throw std::runtime_error("cache_threads: messages were lost");
    blocking::run(cache.cleanup());
    return std::vector<Result>(1, std::move(result));
}

} // namespace

std::vector<Case> cache_cases()
{
    return {
        {"cache_get",
         "a context of five messages from a warm channel of 200, with and without a history source, one thread",
         cache_get},
        {"cache_add", "a 120-byte message into one of 200 full channels, one thread", cache_add},
        {"cache_threads", "eight threads that add and read; all reads and messages are counted", cache_threads},
    };
}

} // namespace whisperstore::bench

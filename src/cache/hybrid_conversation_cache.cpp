#include "cache/cache_config_check.hpp"
#include "cache/cached_messages.hpp"
#include "cache/channel_store.hpp"

#include <whisperstore/cache/hybrid_conversation_cache.hpp>
#include <whisperstore/core/error.hpp>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

namespace whisperstore {

namespace {

constexpr std::string_view backend = "memory";
constexpr auto cleanup_limit = std::chrono::seconds(5);

ChannelStore::Limits limits_of(const CacheConfig& config)
{
    using Steady = std::chrono::steady_clock::duration;
    const auto timeout =
        std::chrono::duration_cast<Steady>(std::chrono::duration<double, std::ratio<60>>(config.timeout_minutes));
    return {config.max_messages, config.max_channels, std::max(timeout, Steady(1))};
}

/// Begun and not yet ended; gives it up when its coroutine is dropped instead of running to its end.
class RunningBootstrap
{
public:
    explicit RunningBootstrap(ChannelStore& store) noexcept : store_(store) {}
    ~RunningBootstrap()
    {
        if (bootstrap_)
            store_.give_up(bootstrap_);
    }
    RunningBootstrap(const RunningBootstrap&) = delete;
    RunningBootstrap& operator=(const RunningBootstrap&) = delete;

    void begun(std::shared_ptr<Bootstrap> bootstrap) noexcept { bootstrap_ = std::move(bootstrap); }
    void install(ChannelStore::Messages history)
    {
        store_.install(bootstrap_, std::move(history));
        bootstrap_.reset();
    }
    void fail(StorageError error)
    {
        const std::string what = "the history of channel '" + bootstrap_->channel_id() + "' cannot be read: ";
        store_.fail(std::exchange(bootstrap_, nullptr), error.prefixed(what));
    }
    const std::string& channel_id() const noexcept { return bootstrap_->channel_id(); }

private:
    ChannelStore& store_;
    std::shared_ptr<Bootstrap> bootstrap_;
};

/// A caller that waits for a bootstrap's answer.
class WaitingCaller
{
public:
    WaitingCaller(ChannelStore& store, std::shared_ptr<Bootstrap> bootstrap) noexcept
        : store_(store), bootstrap_(std::move(bootstrap))
    {
    }
    ~WaitingCaller() { store_.leave(bootstrap_); }
    WaitingCaller(const WaitingCaller&) = delete;
    WaitingCaller& operator=(const WaitingCaller&) = delete;

private:
    ChannelStore& store_;
    std::shared_ptr<Bootstrap> bootstrap_;
};

} // namespace

class HybridConversationCache::Impl
{
public:
    Impl(const CacheConfig& config, Clock clock)
        : store(limits_of(config), std::move(clock)),
          bootstrap_limit_(std::min(config.bootstrap_limit, config.max_messages))
    {
    }

    void set_history(HistorySource source)
    {
        auto history = source ? std::make_shared<const HistorySource>(std::move(source)) : nullptr;
        const std::lock_guard lock(mutex_);
        history_.swap(history);
    }
    /// Null: there is none.
    std::shared_ptr<const HistorySource> history() const
    {
        if (bootstrap_limit_ == 0)
            return nullptr;
        const std::lock_guard lock(mutex_);
        return history_;
    }

    static awaitable<ChannelStore::Messages> read_cold(std::shared_ptr<Impl> self, std::string channel_id,
                                                       std::size_t limit, std::optional<std::int64_t> exclude,
                                                       OperationContext context);

    ChannelStore store;

private:
    static awaitable<void> bootstrap(std::shared_ptr<Impl> self, std::shared_ptr<RunningBootstrap> running,
                                     std::shared_ptr<const HistorySource> history, OperationContext context);

    const std::size_t bootstrap_limit_;
    mutable std::mutex mutex_;
    std::shared_ptr<const HistorySource> history_;
};

awaitable<ChannelStore::Messages> HybridConversationCache::Impl::read_cold(std::shared_ptr<Impl> self,
                                                                           std::string channel_id, std::size_t limit,
                                                                           std::optional<std::int64_t> exclude,
                                                                           OperationContext context)
{
    using Step = ChannelStore::Read::Step;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const std::string what = "waiting for the history of channel '" + channel_id + "'";
    for (bool first_try = true;; first_try = false) {
        const auto history = self->history();
        // Made before the read, so that nothing can fail between a bootstrap's beginning and its owner.
        auto running = std::make_shared<RunningBootstrap>(self->store);
        ChannelStore::Read read =
            self->store.read(channel_id, limit, exclude, history ? &executor : nullptr, first_try);
        if (read.step == Step::done)
            co_return std::move(read.messages);
        if (read.step == Step::again) {
            co_await Event::wait(read.bootstrap->ended, what, context);
            continue;
        }
        if (read.step == Step::begin)
            running->begun(read.bootstrap);
        const WaitingCaller waiting(self->store, read.bootstrap);
        if (read.step == Step::begin) {
            OperationContext shared = context;
            shared.deadline.reset(); // the read serves others as well
            read.bootstrap->start(bootstrap(self, std::move(running), history, std::move(shared)));
        }
        co_await Event::wait(read.bootstrap->answered, what, context);
        const Bootstrap::Answer answer = read.bootstrap->answer();
        if (answer.error)
            throw *answer.error;
        if (answer.messages)
            co_return answer.messages->newest(limit, exclude);
    }
}

awaitable<void> HybridConversationCache::Impl::bootstrap(std::shared_ptr<Impl> self,
                                                         std::shared_ptr<RunningBootstrap> running,
                                                         std::shared_ptr<const HistorySource> history,
                                                         OperationContext context)
{
    std::optional<StorageError> failure;
    try {
        awaitable<std::vector<UniversalMessage>> reading =
            (*history)(running->channel_id(), self->bootstrap_limit_, std::move(context));
        std::vector<UniversalMessage> messages = co_await std::move(reading);
        running->install(cached_history(running->channel_id(), std::move(messages), self->bootstrap_limit_));
    } catch (const StorageError& error) {
        failure = error;
    } catch (const std::bad_alloc&) {
        failure = StorageError(StorageErrc::resource_exhausted, "out of memory");
    } catch (const std::exception& error) {
        failure = StorageError(StorageErrc::unavailable, error.what());
    } catch (...) {
        failure = StorageError(StorageErrc::unavailable, "the history source threw something that is no exception");
    }
    if (failure)
        running->fail(*failure);
}

HybridConversationCache::HybridConversationCache(const CacheConfig& config, Clock clock)
{
    try {
        check_cache_config(config);
    } catch (const StorageError& error) {
        throw error.within(backend, "create");
    }
    if (!clock)
        clock = [] { return std::chrono::steady_clock::now(); };
    impl_ = std::make_shared<Impl>(config, std::move(clock));
}

namespace {

CacheConfig reference_form(double cache_timeout_minutes, std::size_t max_local_messages)
{
    CacheConfig config;
    config.timeout_minutes = cache_timeout_minutes;
    config.max_messages = max_local_messages;
    return config;
}

} // namespace

HybridConversationCache::HybridConversationCache(double cache_timeout_minutes, std::size_t max_local_messages)
    : HybridConversationCache(reference_form(cache_timeout_minutes, max_local_messages))
{
}

HybridConversationCache::~HybridConversationCache() { impl_->store.close(); }

awaitable<void> HybridConversationCache::initialize(OperationContext context)
{
    context.check_deadline(backend, "initialize");
    impl_->store.open();
    co_return;
}

awaitable<void> HybridConversationCache::cleanup()
{
    const auto impl = impl_;
    const std::vector<std::shared_ptr<Bootstrap>> running = impl->store.close();
    const OperationContext limit = OperationContext::within(cleanup_limit);
    try {
        for (const auto& bootstrap : running) {
            std::string what = "waiting for the end of the cancelled read of channel '" + bootstrap->channel_id() + "'";
            co_await Event::wait(bootstrap->ended, std::move(what), limit);
        }
    } catch (const StorageError& error) {
        throw error.within(backend, "cleanup");
    }
}

void HybridConversationCache::set_history_source(HistorySource source) { impl_->set_history(std::move(source)); }

awaitable<std::vector<CachedMessage>>
HybridConversationCache::get_conversation_context(std::string channel_id, std::int64_t limit,
                                                  std::optional<std::int64_t> exclude_message_id,
                                                  OperationContext context)
{
    constexpr std::string_view operation = "get_conversation_context";
    context.check_deadline(backend, operation);
    try {
        check_channel_id(channel_id);
        if (limit < 0)
            throw StorageError(StorageErrc::invalid_argument,
                               "limit is " + std::to_string(limit) + "; allowed is 0 or more");
        const auto count = static_cast<std::size_t>(limit);
        if (limit == 0) {
            impl_->store.check_open();
            co_return ChannelStore::Messages();
        }
        if (auto messages = impl_->store.read_warm(channel_id, count, exclude_message_id))
            co_return std::move(*messages);
        co_return co_await Impl::read_cold(impl_, std::move(channel_id), count, exclude_message_id, std::move(context));
    } catch (const StorageError& error) {
        throw error.within(backend, operation);
    }
}

awaitable<void> HybridConversationCache::add_message(std::string channel_id, UniversalMessage message,
                                                     OperationContext context)
{
    constexpr std::string_view operation = "add_message";
    context.check_deadline(backend, operation);
    try {
        check_channel_id(channel_id);
        impl_->store.add(channel_id, cached_message(channel_id, std::move(message)));
    } catch (const StorageError& error) {
        throw error.within(backend, operation);
    }
    co_return;
}

awaitable<bool> HybridConversationCache::remove_message(std::string channel_id, std::int64_t message_id,
                                                        OperationContext context)
{
    constexpr std::string_view operation = "remove_message";
    context.check_deadline(backend, operation);
    try {
        check_channel_id(channel_id);
        co_return impl_->store.remove(channel_id, message_id);
    } catch (const StorageError& error) {
        throw error.within(backend, operation);
    }
}

awaitable<void> HybridConversationCache::clear_channel_cache(std::string channel_id, OperationContext context)
{
    constexpr std::string_view operation = "clear_channel_cache";
    context.check_deadline(backend, operation);
    try {
        check_channel_id(channel_id);
        impl_->store.clear(channel_id);
    } catch (const StorageError& error) {
        throw error.within(backend, operation);
    }
    co_return;
}

awaitable<CacheStats> HybridConversationCache::get_cache_stats(OperationContext context)
{
    constexpr std::string_view operation = "get_cache_stats";
    context.check_deadline(backend, operation);
    try {
        co_return impl_->store.stats();
    } catch (const StorageError& error) {
        throw error.within(backend, operation);
    }
}

} // namespace whisperstore

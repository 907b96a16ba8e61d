#include "cache/cache_config_check.hpp"
#include "cache/cached_messages.hpp"
#include "cache/channel_store.hpp"
#include "cache/cold_reader.hpp"
#include "cache/memory_backup.hpp"

#include <whisperstore/cache/hybrid_conversation_cache.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <string>
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

} // namespace

class HybridConversationCache::Impl
{
public:
    Impl(const CacheConfig& config, Clock clock)
        : store(std::make_shared<ChannelStore>(limits_of(config), std::move(clock))),
          cold(std::make_shared<ColdReader>(store, std::min(config.bootstrap_limit, config.max_messages)))
    {
    }

    const std::shared_ptr<ChannelStore> store;
    const std::shared_ptr<ColdReader> cold;
};

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

HybridConversationCache::~HybridConversationCache() { impl_->store->close(); }

awaitable<void> HybridConversationCache::initialize(OperationContext context)
{
    context.check_deadline(backend, "initialize");
    impl_->store->open();
    co_return;
}

awaitable<void> HybridConversationCache::cleanup()
{
    const auto impl = impl_;
    const std::vector<std::shared_ptr<Bootstrap>> running = impl->store->close();
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

void HybridConversationCache::set_history_source(HistorySource source) { impl_->cold->set_history(std::move(source)); }

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
            impl_->store->check_open();
            co_return ChannelStore::Messages();
        }
        if (auto messages = impl_->store->read_now(channel_id, count, exclude_message_id, impl_->cold->has_history()))
            co_return std::move(*messages);
        ColdReader::Request request;
        request.channel_id = std::move(channel_id);
        request.limit = count;
        request.exclude = exclude_message_id;
        request.context = std::move(context);
        co_return co_await ColdReader::read(impl_->cold, std::move(request));
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
        impl_->store->add(channel_id, cached_message(channel_id, std::move(message)));
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
        co_return impl_->store->remove(channel_id, message_id);
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
        impl_->store->clear(channel_id);
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
        co_return impl_->store->stats();
    } catch (const StorageError& error) {
        throw error.within(backend, operation);
    }
}

json::object HybridConversationCache::get_details() const { return impl_->store->details(); }

awaitable<std::uint64_t> HybridConversationCache::backup_cache(std::filesystem::path backup_path,
                                                               OperationContext context)
{
    constexpr std::string_view operation = "backup_cache";
    context.check_deadline(backend, operation);
    try {
        impl_->store->check_open();
        co_return co_await backup_channels(impl_->store, std::move(backup_path), std::string(backend),
                                           std::move(context));
    } catch (const StorageError& error) {
        throw error.within(backend, operation);
    }
}

awaitable<std::uint64_t> HybridConversationCache::restore_cache(std::filesystem::path backup_path,
                                                                OperationContext context)
{
    constexpr std::string_view operation = "restore_cache";
    context.check_deadline(backend, operation);
    try {
        impl_->store->check_open();
        co_return co_await restore_channels(impl_->store, std::move(backup_path), std::string(backend),
                                            std::move(context));
    } catch (const StorageError& error) {
        throw error.within(backend, operation);
    }
}

} // namespace whisperstore

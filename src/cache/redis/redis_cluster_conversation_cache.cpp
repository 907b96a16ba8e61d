#include "cache/redis/redis_cache.hpp"
#include "core/failure.hpp"

#include <whisperstore/cache/redis_cluster_conversation_cache.hpp>

#include <utility>

namespace whisperstore {

namespace {

constexpr std::string_view backend = "redis_cluster";

std::shared_ptr<redis::RedisCache> make(const CacheConfig& config)
{
    try {
        return std::make_shared<redis::RedisCache>(config, true);
    } catch (const StorageError& error) {
        throw error.within(backend, "create");
    }
}

/// Names backend and operation in what it throws.
template <typename T>
awaitable<T> named(std::string_view operation, awaitable<T> work)
{
    try {
        co_return co_await std::move(work);
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

} // namespace

RedisClusterConversationCache::RedisClusterConversationCache(CacheConfig config) : impl_(make(config)) {}

RedisClusterConversationCache::~RedisClusterConversationCache() { impl_->close(); }

awaitable<void> RedisClusterConversationCache::initialize(OperationContext context)
{
    return named("initialize", redis::RedisCache::initialize(impl_, std::move(context)));
}

awaitable<void> RedisClusterConversationCache::cleanup() { return named("cleanup", redis::RedisCache::cleanup(impl_)); }

void RedisClusterConversationCache::set_history_source(HistorySource source)
{
    impl_->set_history_source(std::move(source));
}

awaitable<std::vector<CachedMessage>>
RedisClusterConversationCache::get_conversation_context(std::string channel_id, std::int64_t limit,
                                                        std::optional<std::int64_t> exclude_message_id,
                                                        OperationContext context)
{
    return named("get_conversation_context",
                 redis::RedisCache::get(impl_, std::move(channel_id), limit, exclude_message_id, std::move(context)));
}

awaitable<void> RedisClusterConversationCache::add_message(std::string channel_id, UniversalMessage message,
                                                           OperationContext context)
{
    return named("add_message",
                 redis::RedisCache::add(impl_, std::move(channel_id), std::move(message), std::move(context)));
}

awaitable<bool> RedisClusterConversationCache::remove_message(std::string channel_id, std::int64_t message_id,
                                                              OperationContext context)
{
    return named("remove_message",
                 redis::RedisCache::remove(impl_, std::move(channel_id), message_id, std::move(context)));
}

awaitable<void> RedisClusterConversationCache::clear_channel_cache(std::string channel_id, OperationContext context)
{
    return named("clear_channel_cache", redis::RedisCache::clear(impl_, std::move(channel_id), std::move(context)));
}

awaitable<CacheStats> RedisClusterConversationCache::get_cache_stats(OperationContext context)
{
    return named("get_cache_stats", redis::RedisCache::stats(impl_, std::move(context)));
}

awaitable<std::uint64_t> RedisClusterConversationCache::backup_cache(std::filesystem::path file,
                                                                     OperationContext context)
{
    return named("backup_cache", redis::RedisCache::backup(impl_, std::move(file), std::move(context)));
}

awaitable<std::uint64_t> RedisClusterConversationCache::restore_cache(std::filesystem::path file,
                                                                      OperationContext context)
{
    return named("restore_cache", redis::RedisCache::restore(impl_, std::move(file), std::move(context)));
}

RedisCacheHealth RedisClusterConversationCache::health() const { return impl_->health(); }

std::string RedisClusterConversationCache::get_trouble() const { return impl_->trouble(); }

RedisCacheLevels RedisClusterConversationCache::levels() const { return impl_->levels(); }

std::vector<std::string> RedisClusterConversationCache::endpoints() const { return impl_->endpoints(); }

} // namespace whisperstore

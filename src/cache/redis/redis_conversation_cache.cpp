#include "cache/redis/redis_cache.hpp"
#include "core/named.hpp"

#include <whisperstore/cache/redis_conversation_cache.hpp>

#include <utility>

namespace whisperstore {

namespace {

std::shared_ptr<redis::RedisCache> make(const CacheConfig& config, bool cluster)
{
    try {
        return std::make_shared<redis::RedisCache>(config, cluster);
    } catch (const StorageError& error) {
        throw error.within(cluster ? "redis_cluster" : "redis", "create");
    }
}

} // namespace

RedisConversationCache::RedisConversationCache(CacheConfig config) : RedisConversationCache(std::move(config), false) {}

RedisConversationCache::RedisConversationCache(CacheConfig config, bool cluster) : impl_(make(config, cluster)) {}

RedisConversationCache::~RedisConversationCache() { impl_->close(); }

awaitable<void> RedisConversationCache::initialize(OperationContext context)
{
    return named(impl_->backend(), "initialize", redis::RedisCache::initialize(impl_, std::move(context)));
}

awaitable<void> RedisConversationCache::cleanup()
{
    return named(impl_->backend(), "cleanup", redis::RedisCache::cleanup(impl_));
}

void RedisConversationCache::set_history_source(HistorySource source) { impl_->set_history_source(std::move(source)); }

awaitable<std::vector<CachedMessage>>
RedisConversationCache::get_conversation_context(std::string channel_id, std::int64_t limit,
                                                 std::optional<std::int64_t> exclude_message_id,
                                                 OperationContext context)
{
    return named(impl_->backend(), "get_conversation_context",
                 redis::RedisCache::get(impl_, std::move(channel_id), limit, exclude_message_id, std::move(context)));
}

awaitable<void> RedisConversationCache::add_message(std::string channel_id, UniversalMessage message,
                                                    OperationContext context)
{
    return named(impl_->backend(), "add_message",
                 redis::RedisCache::add(impl_, std::move(channel_id), std::move(message), std::move(context)));
}

awaitable<bool> RedisConversationCache::remove_message(std::string channel_id, std::int64_t message_id,
                                                       OperationContext context)
{
    return named(impl_->backend(), "remove_message",
                 redis::RedisCache::remove(impl_, std::move(channel_id), message_id, std::move(context)));
}

awaitable<void> RedisConversationCache::clear_channel_cache(std::string channel_id, OperationContext context)
{
    return named(impl_->backend(), "clear_channel_cache",
                 redis::RedisCache::clear(impl_, std::move(channel_id), std::move(context)));
}

awaitable<CacheStats> RedisConversationCache::get_cache_stats(OperationContext context)
{
    return named(impl_->backend(), "get_cache_stats", redis::RedisCache::stats(impl_, std::move(context)));
}

awaitable<std::uint64_t> RedisConversationCache::backup_cache(std::filesystem::path backup_path,
                                                              OperationContext context)
{
    return named(impl_->backend(), "backup_cache",
                 redis::RedisCache::backup(impl_, std::move(backup_path), std::move(context)));
}

awaitable<std::uint64_t> RedisConversationCache::restore_cache(std::filesystem::path backup_path,
                                                               OperationContext context)
{
    return named(impl_->backend(), "restore_cache",
                 redis::RedisCache::restore(impl_, std::move(backup_path), std::move(context)));
}

std::string_view RedisConversationCache::cache_type() const noexcept { return impl_->backend(); }

RedisCacheHealth RedisConversationCache::health() const { return impl_->health(); }

std::string RedisConversationCache::get_trouble() const { return impl_->trouble(); }

RedisCacheLevels RedisConversationCache::levels() const { return impl_->levels(); }

std::vector<std::string> RedisConversationCache::endpoints() const { return impl_->endpoints(); }

json::object RedisConversationCache::get_details() const { return impl_->details(); }

} // namespace whisperstore

// Filling the channels that were written last before anybody asks for them.
#include "cache/redis/redis_cache.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <utility>

namespace whisperstore::redis {

void RedisCache::warm_up()
{
    if (options_->warm_channels == 0 || !history())
        return;
    std::shared_ptr<Background> background;
    {
        const std::lock_guard lock(mutex_);
        background = background_;
    }
    if (background && !warming_.exchange(true))
        background->spawn(warm(weak_from_this()));
}

awaitable<std::vector<std::string>> RedisCache::most_active(Self self)
{
    std::vector<std::shared_ptr<Call>> calls;
    for (std::size_t bucket = 0; bucket < ChannelKeys::buckets; ++bucket)
        calls.push_back(std::make_shared<Call>(self->commands_.most_active(bucket, self->options_->warm_channels)));
    const std::shared_ptr<Client> client = self->client();
    co_await Client::execute_all(client, calls, OperationContext());
    std::vector<std::pair<double, std::string>> active;
    for (const auto& call : calls) {
        // With RESP3 each pair is a list of its own.
        for (Reply& pair : call->reply.items)
            if (pair.items.size() == 2)
                active.emplace_back(std::strtod(pair.items[1].text.c_str(), nullptr), std::move(pair.items[0].text));
    }
    std::sort(active.begin(), active.end(), std::greater<>());
    if (active.size() > self->options_->warm_channels)
        active.resize(self->options_->warm_channels);
    std::vector<std::string> channels;
    for (auto& [used, channel] : active)
        channels.push_back(std::move(channel));
    co_return channels;
}

awaitable<void> RedisCache::warm(std::weak_ptr<RedisCache> weak)
{
    const Self self = weak.lock();
    if (!self)
        co_return;
    const std::shared_ptr<void> over(nullptr, [self](void*) { self->warming_ = false; });
    const auto channels = std::make_shared<std::vector<std::string>>();
    try {
        *channels = co_await most_active(self);
    } catch (const StorageError&) {
        co_return; // nobody asked for it; the next recovery tries again
    }
    std::shared_ptr<Background> background;
    {
        const std::lock_guard lock(self->mutex_);
        background = self->background_;
    }
    const auto next = std::make_shared<std::atomic<std::size_t>>(0);
    const std::size_t workers = std::min(self->options_->warm_concurrency, channels->size());
    for (std::size_t worker = 0; background && worker < workers; ++worker)
        background->spawn(warm_some(weak, channels, next));
}

awaitable<void> RedisCache::warm_some(std::weak_ptr<RedisCache> weak,
                                      std::shared_ptr<const std::vector<std::string>> channels,
                                      std::shared_ptr<std::atomic<std::size_t>> next)
{
    for (;;) {
        const Self self = weak.lock();
        const std::size_t mine = (*next)++;
        if (!self || mine >= channels->size())
            co_return;
        Query query{(*channels)[mine], 1, std::nullopt, OperationContext(), false};
        try {
            co_await read(self, std::move(query));
        } catch (const StorageError& error) {
            // Whoever needs the channel will hear of it.
            if (error.errc() == StorageErrc::closed || error.errc() == StorageErrc::cancelled)
                co_return;
        }
    }
}

} // namespace whisperstore::redis

// Backup and restore of what a Redis cache holds.
#include "cache/cache_archive.hpp"
#include "cache/redis/redis_cache.hpp"
#include "sqlite/thread_result.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <utility>

namespace whisperstore::redis {

namespace {

constexpr std::size_t channels_at_once = 64;

/// The thread owns what `work` captures: it may outlive a caller that is dropped.
template <typename Archive>
awaitable<void> blocking(std::shared_ptr<Archive> archive, std::function<void()> work, OperationContext context)
{
    std::function<void()> interrupt = [archive] { archive->stop(); };
    co_await sqlite::run_on_thread(std::move(work), std::move(context), std::move(interrupt));
}

awaitable<std::shared_ptr<CacheArchiveWriter>> open_writer(std::filesystem::path file, std::string backend,
                                                           OperationContext context)
{
    std::function<std::shared_ptr<CacheArchiveWriter>()> open = [file = std::move(file), backend = std::move(backend)] {
        return std::make_shared<CacheArchiveWriter>(file, backend);
    };
    return sqlite::result_of_thread(std::move(open), std::move(context));
}

} // namespace

awaitable<std::vector<std::string>> RedisCache::channels_of(Self self, std::size_t bucket, OperationContext context)
{
    std::vector<std::string> channels;
    std::string cursor = "0";
    do {
        const auto call = std::make_shared<Call>(self->commands_.scan(bucket, cursor));
        const Reply reply = co_await execute(self, call, context);
        if (reply.items.size() != 2)
            throw StorageError(StorageErrc::corrupt, "Redis answered with something else than a part of a hash");
        cursor = reply.items[0].text;
        for (std::size_t i = 0; i < reply.items[1].items.size(); i += 2)
            if (const std::string& field = reply.items[1].items[i].text; field.starts_with('c'))
                channels.push_back(field.substr(1));
    } while (cursor != "0");
    // A hash that grows while it is scanned shows some of it twice.
    std::sort(channels.begin(), channels.end());
    channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
    co_return channels;
}

awaitable<std::uint64_t> RedisCache::backup(Self self, std::filesystem::path file, OperationContext context)
{
    context.check_deadline(self->backend(), "backup_cache");
    const std::shared_ptr<Client> client = self->client();
    const std::shared_ptr<CacheArchiveWriter> archive =
        co_await open_writer(std::move(file), std::string(self->backend()), context);
    std::uint64_t count = 0;
    for (std::size_t bucket = 0; bucket < ChannelKeys::buckets; ++bucket) {
        const std::vector<std::string> ids = co_await channels_of(self, bucket, context);
        for (std::size_t first = 0; first < ids.size(); first += channels_at_once) {
            std::vector<std::shared_ptr<Call>> calls;
            for (std::size_t i = first; i < std::min(ids.size(), first + channels_at_once); ++i)
                calls.push_back(std::make_shared<Call>(self->commands_.dump(ids[i])));
            co_await Client::execute_all(client, calls, context);
            const auto channels = std::make_shared<std::vector<ArchivedChannel>>();
            for (std::size_t i = 0; i < calls.size(); ++i) {
                Reply& reply = calls[i]->reply;
                if (reply.items.size() < 2)
                    continue; // gone meanwhile
                ArchivedChannel channel;
                channel.id = ids[first + i];
                channel.warm = reply.items[0].integer != 0;
                channel.expires = now() + std::chrono::milliseconds(std::max<std::int64_t>(0, reply.items[1].integer));
                channel.messages = self->commands_.messages(channel.id, reply, 2);
                channels->push_back(std::move(channel));
            }
            count += channels->size();
            std::function<void()> write = [archive, channels] {
                for (const ArchivedChannel& channel : *channels)
                    archive->add(channel);
            };
            co_await blocking(archive, std::move(write), context);
        }
    }
    std::function<void()> finish = [archive] { archive->finish(); };
    co_await blocking(archive, std::move(finish), context);
    co_return count;
}

awaitable<std::uint64_t> RedisCache::restore(Self self, std::filesystem::path file, OperationContext context)
{
    context.check_deadline(self->backend(), "restore_cache");
    const std::shared_ptr<Client> client = self->client();
    const auto archive = std::make_shared<CacheArchiveReader>(std::move(file), std::string(self->backend()));
    std::function<void()> open = [archive] { archive->open(); };
    co_await blocking(archive, std::move(open), context);
    std::uint64_t count = 0;
    for (;;) {
        const auto channels = std::make_shared<std::vector<ArchivedChannel>>();
        std::function<void()> read = [archive, channels] { *channels = archive->read(channels_at_once); };
        co_await blocking(archive, std::move(read), context);
        if (channels->empty())
            co_return count;
        std::vector<std::shared_ptr<Call>> calls;
        for (ArchivedChannel& channel : *channels) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(channel.expires - now());
            if (left.count() <= 0)
                continue;
            const std::size_t most = self->options_->max_messages;
            if (channel.messages.size() > most)
                channel.messages.erase(channel.messages.begin(),
                                       channel.messages.end() - static_cast<std::ptrdiff_t>(most));
            calls.push_back(self->writing(
                self->commands_.restore(channel.id, channel.warm, left.count(), channel.messages), channel.id));
        }
        if (!calls.empty())
            co_await Client::execute_all(client, calls, context);
        count += calls.size();
    }
}

} // namespace whisperstore::redis

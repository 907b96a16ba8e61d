#include "cache/memory_backup.hpp"

#include "cache/cache_archive.hpp"
#include "sqlite/store.hpp"

#include <utility>

namespace whisperstore {

namespace {

constexpr std::size_t channels_at_once = 64;

/// What the thread works on; it may outlive a caller that gives up.
template <typename Archive>
struct Work
{
    std::shared_ptr<ChannelStore> store;
    Archive archive;
    std::uint64_t channels = 0;
};

using Writing = Work<CacheArchiveWriter>;
using Reading = Work<CacheArchiveReader>;

void write_all(Writing& work)
{
    for (const std::string& id : work.store->channel_ids()) {
        auto stored = work.store->take_copy(id);
        if (!stored)
            continue; // gone meanwhile
        ArchivedChannel channel;
        channel.id = id;
        channel.warm = stored->warm;
        channel.expires = now() + std::chrono::duration_cast<std::chrono::microseconds>(stored->left);
        channel.messages = std::move(stored->messages);
        work.archive.add(channel);
        ++work.channels;
    }
    work.archive.finish();
}

void read_all(Reading& work)
{
    work.archive.open();
    for (auto channels = work.archive.read(channels_at_once); !channels.empty();
         channels = work.archive.read(channels_at_once))
        for (ArchivedChannel& channel : channels) {
            ChannelStore::Stored stored;
            stored.left = channel.expires - now();
            if (stored.left <= std::chrono::steady_clock::duration::zero())
                continue;
            stored.warm = channel.warm;
            stored.messages = std::move(channel.messages);
            work.store->put(channel.id, std::move(stored));
            ++work.channels;
        }
}

} // namespace

awaitable<std::uint64_t> backup_channels(std::shared_ptr<ChannelStore> store, std::filesystem::path file,
                                         std::string backend, OperationContext context)
{
    const auto work = std::make_shared<std::unique_ptr<Writing>>();
    std::function<void()> open = [=] { work->reset(new Writing{store, CacheArchiveWriter(file, backend)}); };
    co_await sqlite::run_on_thread(std::move(open), context);
    std::function<void()> write = [work] { write_all(**work); };
    std::function<void()> stop = [work] { (*work)->archive.stop(); };
    co_await sqlite::run_on_thread(std::move(write), std::move(context), std::move(stop));
    co_return (*work)->channels;
}

awaitable<std::uint64_t> restore_channels(std::shared_ptr<ChannelStore> store, std::filesystem::path file,
                                          std::string backend, OperationContext context)
{
    std::shared_ptr<Reading> work(
        new Reading{std::move(store), CacheArchiveReader(std::move(file), std::move(backend))});
    std::function<void()> read = [work] { read_all(*work); };
    std::function<void()> stop = [work] { work->archive.stop(); };
    co_await sqlite::run_on_thread(std::move(read), std::move(context), std::move(stop));
    co_return work->channels;
}

} // namespace whisperstore

// Moving the channels of a conversation cache: through archives, channel by channel. They are compared on the disk.

#include "core/failure.hpp"
#include "core/shield.hpp"
#include "migration/cached_channels.hpp"
#include "migration/layer_migration.hpp"
#include "sqlite/thread_result.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/migration/storage_migration_manager.hpp>

#include <boost/asio/this_coro.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace whisperstore {

namespace {

using migration::CachedChannel;
using migration::CachedChannels;
using migration::Running;

constexpr std::string_view backend = "migration";
constexpr std::size_t channels_at_once = 64;

using Channels = std::shared_ptr<CachedChannels>;

/// Why a target is refused: it holds what the source does not. Empty: an earlier run may have left all of it.
std::string stranger(CachedChannels& wanted, CachedChannels& there)
{
    std::string told;
    there.each([&](const std::string& id, const CachedChannel& channel) {
        const std::optional<CachedChannel> found = wanted.find(id);
        if (found && channel.is_newest_part_of(*found))
            return true;
        told = "channel '" + id + "' is " + (found ? "another one than the source's" : "only there");
        return false;
    });
    return told;
}

bool holds_all(CachedChannels& wanted, CachedChannels& there)
{
    bool all = true;
    wanted.each([&](const std::string& id, const CachedChannel& channel) {
        const std::optional<CachedChannel> found = there.find(id);
        all = found && found->warm == channel.warm && found->is_newest_part_of(channel);
        return all;
    });
    return all;
}

struct Comparison
{
    std::string missing;        ///< a channel that is not there, or another one; empty: none
    std::uint64_t left_out = 0; ///< messages
};

Comparison compare(CachedChannels& wanted, CachedChannels& there)
{
    Comparison result;
    wanted.each([&](const std::string& id, const CachedChannel& channel) {
        const std::optional<CachedChannel> found = there.find(id);
        if (!found || !found->is_newest_part_of(channel)) {
            result.missing = id;
            return false;
        }
        result.left_out += channel.count() - found->count();
        return true;
    });
    return result;
}

/// Some ids, and behind which one to go on.
struct Strangers
{
    std::vector<std::string> ids;
    std::string last;
    bool more = false;
};

/// Of the channels that one holds and the other does not.
Strangers strangers(CachedChannels& there, CachedChannels& kept, const std::string& after)
{
    Strangers found;
    std::vector<std::string> ids = there.ids(after, channels_at_once);
    found.more = !ids.empty();
    if (found.more)
        found.last = ids.back();
    for (std::string& id : ids)
        if (!kept.find(id))
            found.ids.push_back(std::move(id));
    return found;
}

class CacheMigration
{
public:
    CacheMigration(ConversationCacheManager& source, ConversationCacheManager& target, MigrationOptions options,
                   OperationContext context)
        : source_(source),
          target_(target),
          context_(std::move(context)),
          running_(std::move(options), "cache", source.cache_type(), target.cache_type())
    {
    }

    awaitable<MigrationReport> run()
    {
        migration::check_different(&source_, &target_);
        running_.begin_phase("read", 0);
        wanted_ = co_await read(source_, "source");
        before_ = co_await read(target_, "before");
        add_items();
        if (running_.refuses())
            co_await check_target();
        if (running_.options().dry_run)
            co_return running_.finish();
        if (wanted_->channels().rows() > 0)
            running_.report.already_there = co_await is_complete();
        if (!running_.report.already_there || running_.replaces())
            co_await copy();
        running_.copied();
        if (running_.options().verify)
            co_await verify();
        co_return running_.finish();
    }

private:
    awaitable<Channels> read(ConversationCacheManager& cache, std::string name)
    {
        const std::filesystem::path file = folder_.file(name);
        co_await cache.backup_cache(file, context_);
        std::function<Channels()> work = [file, index = folder_.file(name + "-index")] {
            return std::make_shared<CachedChannels>(file, index);
        };
        co_return co_await sqlite::result_of_thread(std::move(work), context_);
    }

    void add_items()
    {
        const auto add = [this](const char* name, const ContentHash& hash) {
            MigratedItem item;
            item.name = name;
            item.rows = hash.rows();
            item.bytes = hash.bytes();
            if (!running_.options().dry_run)
                item.content_hash = hash.hex();
            running_.report.items.push_back(std::move(item));
        };
        add("channels", wanted_->channels());
        add("messages", wanted_->messages());
    }

    awaitable<void> check_target()
    {
        std::function<std::string()> work = [wanted = wanted_, before = before_] { return stranger(*wanted, *before); };
        const std::string found = co_await sqlite::result_of_thread(std::move(work), context_);
        if (!found.empty())
            migration::refuse_target(found);
    }

    awaitable<bool> is_complete()
    {
        std::function<bool()> work = [wanted = wanted_, before = before_] { return holds_all(*wanted, *before); };
        co_return co_await sqlite::result_of_thread(std::move(work), context_);
    }

    awaitable<void> copy()
    {
        running_.begin_phase("copy", wanted_->messages().rows());
        std::exception_ptr failed;
        try {
            co_await target_.restore_cache(folder_.file("source"), context_);
            if (running_.replaces())
                co_await clear_all_but(wanted_, before_, context_);
        } catch (...) {
            failed = std::current_exception();
        }
        if (failed && running_.replaces()) {
            const bool throws = co_await asio::this_coro::throw_if_cancelled();
            co_await asio::this_coro::throw_if_cancelled(false);
            awaitable<void> putting = put_back();
            const std::exception_ptr also = co_await shielded(std::move(putting));
            co_await asio::this_coro::throw_if_cancelled(throws);
            migration::end_replacement(failed, also, folder_, "cache");
        }
        if (failed)
            std::rethrow_exception(failed);
        running_.advance("messages", wanted_->messages().rows(), wanted_->messages().bytes());
    }

    /// Clears the channels that are in `others` and not in `kept`.
    awaitable<void> clear_all_but(Channels kept, Channels others, OperationContext context)
    {
        Strangers some;
        do {
            std::function<Strangers()> work = [kept, others, after = some.last] {
                return strangers(*others, *kept, after);
            };
            some = co_await sqlite::result_of_thread(std::move(work), context);
            for (const std::string& id : some.ids)
                co_await target_.clear_channel_cache(id, context);
        } while (some.more);
    }

    awaitable<void> put_back()
    {
        co_await target_.restore_cache(folder_.file("before"), OperationContext());
        co_await clear_all_but(before_, wanted_, OperationContext());
    }

    awaitable<void> verify()
    {
        running_.begin_phase("verify", wanted_->messages().rows());
        const Channels after = co_await read(target_, "after");
        std::function<Comparison()> work = [wanted = wanted_, after] { return compare(*wanted, *after); };
        const Comparison compared = co_await sqlite::result_of_thread(std::move(work), context_);
        if (!compared.missing.empty())
            migration::differs("channel '" + compared.missing + "' is missing or another one");
        if (!running_.merges() && after->channels().rows() != wanted_->channels().rows())
            migration::differs("it has " + std::to_string(after->channels().rows()) + " channels, not " +
                               std::to_string(wanted_->channels().rows()));
        if (compared.left_out > 0) {
            UnmovedItem item;
            item.name = "messages";
            item.reason = std::to_string(compared.left_out) + " of the oldest: the target keeps fewer in a channel";
            running_.report.not_moved.push_back(std::move(item));
        } else if (!running_.merges() && after->messages().hex() != wanted_->messages().hex()) {
            migration::differs("the content hash of the messages is " + after->messages().hex() + ", not " +
                               wanted_->messages().hex());
        }
        running_.advance("messages", after->messages().rows(), after->messages().bytes());
        running_.report.verified = true;
    }

    ConversationCacheManager& source_;
    ConversationCacheManager& target_;
    const OperationContext context_;
    Running running_;
    sqlite::WorkFolder folder_{std::filesystem::temp_directory_path(), "migration"};
    Channels wanted_;
    Channels before_;
};

} // namespace

awaitable<MigrationReport> StorageMigrationManager::migrate_cache(ConversationCacheManager& source_cache,
                                                                  ConversationCacheManager& target_cache,
                                                                  MigrationOptions options, OperationContext context)
{
    context.check_deadline(backend, "migrate_cache");
    try {
        CacheMigration migration(source_cache, target_cache, std::move(options), std::move(context));
        co_return co_await migration.run();
    } catch (...) {
        rethrow_as_storage_error(backend, "migrate_cache");
    }
}

} // namespace whisperstore

// Moving the channels of a conversation cache: through archives, channel by channel.

#include "cache/cache_archive.hpp"
#include "cache/message_json.hpp"
#include "core/failure.hpp"
#include "core/hash.hpp"
#include "core/shield.hpp"
#include "migration/content.hpp"
#include "migration/layer_migration.hpp"
#include "sqlite/store.hpp"

#include <whisperstore/migration/storage_migration_manager.hpp>

#include <boost/asio/this_coro.hpp>

#include <map>
#include <memory>
#include <set>
#include <utility>

namespace whisperstore {

namespace {

using migration::Running;

constexpr std::string_view backend = "migration";
constexpr std::size_t channels_at_once = 64;

/// What an archive holds, a line a channel.
struct Channels
{
    struct Channel
    {
        std::vector<std::string> messages; ///< SHA-256 of each, oldest first
        bool warm = false;
        friend bool operator==(const Channel&, const Channel&) = default;
    };
    std::map<std::string, Channel> by_id;
    ContentHash channels;
    ContentHash messages;
};

Channels read_channels(const std::filesystem::path& file)
{
    Channels out;
    CacheArchiveReader archive(file, std::string(backend));
    archive.open();
    while (true) {
        const std::vector<ArchivedChannel> some = archive.read(channels_at_once);
        if (some.empty())
            return out;
        for (const ArchivedChannel& channel : some) {
            Channels::Channel& entry = out.by_id[channel.id];
            entry.warm = channel.warm;
            out.channels.add(channel.id);
            out.channels.add(ValueView(channel.warm));
            out.channels.end_row();
            for (const CachedMessage& message : channel.messages) {
                const std::string text = encode_message(*message);
                entry.messages.push_back(sha256_hex(text));
                out.messages.add(channel.id);
                out.messages.add(text);
                out.messages.end_row();
            }
        }
    }
}

/// Of `kept` messages the newest of `all`.
bool are_newest(const std::vector<std::string>& kept, const std::vector<std::string>& all)
{
    return kept.size() <= all.size() && kept.empty() == all.empty() &&
           std::equal(kept.rbegin(), kept.rend(), all.rbegin());
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
            check_target();
        if (running_.options().dry_run)
            co_return running_.finish();
        running_.report.already_there = !wanted_->by_id.empty() && holds_all(*before_);
        if (!running_.report.already_there || running_.replaces())
            co_await copy();
        running_.copied();
        if (running_.options().verify)
            co_await verify();
        co_return running_.finish();
    }

private:
    awaitable<std::shared_ptr<Channels>> read(ConversationCacheManager& cache, const char* name)
    {
        const std::filesystem::path file = folder_.file(name);
        co_await cache.backup_cache(file, context_);
        auto channels = std::make_shared<std::unique_ptr<Channels>>();
        std::function<void()> work = [channels, file] { *channels = std::make_unique<Channels>(read_channels(file)); };
        co_await sqlite::run_on_thread(std::move(work), context_);
        co_return std::shared_ptr<Channels>(std::move(*channels));
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
        add("channels", wanted_->channels);
        add("messages", wanted_->messages);
    }

    /// An earlier run may have left what the source holds, and nothing else.
    void check_target() const
    {
        for (const auto& [id, channel] : before_->by_id) {
            const auto found = wanted_->by_id.find(id);
            if (found == wanted_->by_id.end() || !are_newest(channel.messages, found->second.messages))
                migration::refuse_target(
                    "channel '" + id + "' is " +
                    (found == wanted_->by_id.end() ? "only there" : "another one than the source's"));
        }
    }

    bool holds_all(const Channels& there) const
    {
        for (const auto& [id, channel] : wanted_->by_id) {
            const auto found = there.by_id.find(id);
            if (found == there.by_id.end() || found->second.warm != channel.warm ||
                !are_newest(found->second.messages, channel.messages))
                return false;
        }
        return true;
    }

    awaitable<void> copy()
    {
        running_.begin_phase("copy", wanted_->messages.rows());
        std::exception_ptr failed;
        try {
            co_await target_.restore_cache(folder_.file("source"), context_);
            if (running_.replaces())
                co_await clear_all_but(*wanted_, context_);
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
        running_.advance("messages", wanted_->messages.rows(), wanted_->messages.bytes());
    }

    awaitable<void> clear_all_but(const Channels& kept, OperationContext context)
    {
        const auto& there = &kept == before_.get() ? wanted_->by_id : before_->by_id;
        for (const auto& [id, channel] : there)
            if (!kept.by_id.contains(id))
                co_await target_.clear_channel_cache(id, context);
    }

    awaitable<void> put_back()
    {
        co_await target_.restore_cache(folder_.file("before"), OperationContext());
        co_await clear_all_but(*before_, OperationContext());
    }

    awaitable<void> verify()
    {
        running_.begin_phase("verify", wanted_->messages.rows());
        const std::shared_ptr<Channels> after = co_await read(target_, "after");
        std::uint64_t left_out = 0;
        for (const auto& [id, channel] : wanted_->by_id) {
            const auto found = after->by_id.find(id);
            if (found == after->by_id.end() || !are_newest(found->second.messages, channel.messages))
                migration::differs("channel '" + id + "' is missing or another one");
            left_out += channel.messages.size() - found->second.messages.size();
        }
        if (!running_.merges() && after->by_id.size() != wanted_->by_id.size())
            migration::differs("it has " + std::to_string(after->by_id.size()) + " channels, not " +
                               std::to_string(wanted_->by_id.size()));
        if (left_out > 0) {
            UnmovedItem item;
            item.name = "messages";
            item.reason = std::to_string(left_out) + " of the oldest: the target keeps fewer in a channel";
            running_.report.not_moved.push_back(std::move(item));
        } else if (!running_.merges() && after->messages.hex() != wanted_->messages.hex()) {
            migration::differs("the content hash of the messages is " + after->messages.hex() + ", not " +
                               wanted_->messages.hex());
        }
        running_.advance("messages", after->messages.rows(), after->messages.bytes());
        running_.report.verified = true;
    }

    ConversationCacheManager& source_;
    ConversationCacheManager& target_;
    const OperationContext context_;
    Running running_;
    sqlite::WorkFolder folder_{std::filesystem::temp_directory_path(), "migration"};
    std::shared_ptr<const Channels> wanted_;
    std::shared_ptr<const Channels> before_;
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

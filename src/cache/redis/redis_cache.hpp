#pragma once
// What the caches on one Redis server and on a cluster have in common: all but their names.

#include "cache/redis/background.hpp"
#include "cache/redis/channel_commands.hpp"
#include "cache/redis/client.hpp"
#include "cache/redis/degraded.hpp"
#include "cache/redis/local_level.hpp"
#include "cache/redis/options.hpp"
#include "cache/redis/readings.hpp"

#include <whisperstore/cache/redis_conversation_cache.hpp>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::redis {

class RunningReading;

/// Thread safe. Its coroutines hold it.
class RedisCache : public std::enable_shared_from_this<RedisCache>
{
public:
    using Messages = std::vector<CachedMessage>;
    using Self = std::shared_ptr<RedisCache>;

    RedisCache(const CacheConfig& config, bool cluster);

    static awaitable<void> initialize(Self self, OperationContext context);
    static awaitable<void> cleanup(Self self);
    /// Does not wait for anybody's coroutine.
    void close();
    void set_history_source(HistorySource source);

    static awaitable<Messages> get(Self self, std::string channel, std::int64_t limit,
                                   std::optional<std::int64_t> exclude, OperationContext context);
    static awaitable<void> add(Self self, std::string channel, UniversalMessage message, OperationContext context);
    static awaitable<bool> remove(Self self, std::string channel, std::int64_t message_id, OperationContext context);
    static awaitable<void> clear(Self self, std::string channel, OperationContext context);
    static awaitable<CacheStats> stats(Self self, OperationContext context);
    static awaitable<std::uint64_t> backup(Self self, std::filesystem::path file, OperationContext context);
    static awaitable<std::uint64_t> restore(Self self, std::filesystem::path file, OperationContext context);

    RedisCacheHealth health() const;
    RedisCacheLevels levels() const;
    std::string trouble() const;
    json::object details() const;
    std::vector<std::string> endpoints() const { return options_->endpoints(); }
    std::string_view backend() const noexcept { return options_->backend; }

private:
    /// What a caller of close_client() lets go.
    struct Closed
    {
        std::shared_ptr<Background> background;
        std::vector<std::shared_ptr<Bootstrap>> readings; ///< asked to stop
    };
    Closed close_client();
    struct Query
    {
        std::string channel;
        std::size_t limit;
        std::optional<std::int64_t> exclude;
        OperationContext context;
        bool counted = true; ///< in the statistics
    };
    using History = std::shared_ptr<const HistorySource>;

    std::shared_ptr<Client> client() const; ///< \throws StorageError closed
    History history() const;                ///< null: there is none
    Client::Events events();
    void warm_up();

    /// Whether a failure is to be made good by the cache in memory; it is entered then.
    bool degrades(const StorageError& error);
    /// Null: Redis is asked. Else initialised.
    static awaitable<Degraded::Memory> memory(Self self);
    static awaitable<Degraded::Recorded> record(Self self, Degraded::Write write);
    static awaitable<void> wait_until_told(Degraded::Recorded recorded, OperationContext context);
    /// Tells Redis the next writes; false: not all of them.
    static awaitable<bool> tell(Self self);
    static awaitable<void> reconcile(std::weak_ptr<RedisCache> weak);

    static awaitable<Messages> read(Self self, Query query);
    static awaitable<std::optional<Messages>> try_read(Self self, const Query& query, bool first_try);
    static awaitable<std::optional<Messages>> wait_for_history(Self self, const Query& query, History history,
                                                               bool first_try);
    static awaitable<void> read_history(Self self, std::shared_ptr<RunningReading> running, History history,
                                        OperationContext context);
    static awaitable<Reply> execute(Self self, std::shared_ptr<Call> call, OperationContext context);
    std::shared_ptr<Call> writing(Command command, const std::string& channel);

    static awaitable<void> warm(std::weak_ptr<RedisCache> weak);
    static awaitable<void> warm_some(std::weak_ptr<RedisCache> weak,
                                     std::shared_ptr<const std::vector<std::string>> channels,
                                     std::shared_ptr<std::atomic<std::size_t>> next);
    static awaitable<std::vector<std::string>> most_active(Self self);

    static awaitable<std::vector<std::string>> channels_of(Self self, std::size_t bucket, OperationContext context);

    void count_hit(bool local);

    const std::shared_ptr<const Options> options_;
    ChannelCommands commands_;
    Readings readings_;
    const std::unique_ptr<LocalLevel> local_; ///< null: one level
    Degraded degraded_;

    mutable std::mutex mutex_;
    std::shared_ptr<Client> client_;
    std::shared_ptr<Background> background_;
    History history_;

    std::atomic<bool> reachable_{false};
    std::atomic<bool> warming_{false};
    std::atomic<std::uint64_t> reading_numbers_{0};
    const std::string reading_name_; ///< of this process's readings
    std::atomic<std::uint64_t> hits_{0};
    std::atomic<std::uint64_t> local_hits_{0};
    std::atomic<std::uint64_t> misses_{0};
};

} // namespace whisperstore::redis

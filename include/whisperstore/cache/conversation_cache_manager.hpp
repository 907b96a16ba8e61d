#pragma once
/// \file
/// The cache interface that every conversation cache implements.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/message.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// A cached message. In process the cache shares its own object, never a copy.
using CachedMessage = std::shared_ptr<const UniversalMessage>;

/// Reads the newest `limit` messages of a channel (in any order) from lasting storage. Called at
/// most once at a time per channel, and cancelled when nobody waits for it any more. `context` is the
/// first caller's without its deadline. An exception becomes the error of the callers that waited.
using HistorySource = std::function<awaitable<std::vector<UniversalMessage>>(std::string channel_id, std::size_t limit,
                                                                             OperationContext context)>;

/// The same names on every backend.
struct CacheStats
{
    double hit_rate = 0;      ///< hits / (hits + misses), 0-1; 0 without reads
    std::uint64_t hits = 0;   ///< reads of a warm channel; without a history source, of one with messages added
    std::uint64_t misses = 0; ///< all other reads with a limit above 0, the ones that fail included
    std::uint64_t cached_channels = 0; ///< warm or added to, and not expired
    std::uint64_t total_cached_messages = 0;
    double memory_usage_mb = 0; ///< MiB, estimated
    json::object to_json() const;
};

/// Universal caching interface: the recent messages of each channel.
///
/// Order is by timestamp, then message_id. Adding a known message_id replaces it in place. Each
/// channel keeps its newest `max_messages` and expires `timeout` after its last write or bootstrap;
/// reads do not extend it. A channel is cold until a bootstrap from the history source has filled
/// it: add_message() on a cold channel keeps the message but does not warm the channel. Without a
/// history source, or with a bootstrap_limit of 0, a channel is served from what was added. Thread
/// safe.
class ConversationCacheManager
{
public:
    virtual ~ConversationCacheManager() = default;

    virtual awaitable<void> initialize(OperationContext context = OperationContext()) = 0;
    /// Drops everything held in this process and closes. A second call does nothing.
    virtual awaitable<void> cleanup() = 0;

    /// Sets where cold channels are filled from; before the first read. None: an empty function.
    virtual void set_history_source(HistorySource source) = 0;

    /// The newest `limit` messages, oldest first, after `exclude_message_id` is left out. `limit` 0
    /// is empty. On a cold channel the history is read once, however many callers wait; its failure
    /// is an error for those callers and not remembered. Cancelling one waiting caller leaves the
    /// read going for the others.
    /// \throws StorageError invalid_argument for a negative limit or an empty channel id.
    virtual awaitable<std::vector<CachedMessage>>
    get_conversation_context(std::string channel_id, std::int64_t limit = 5,
                             std::optional<std::int64_t> exclude_message_id = std::nullopt,
                             OperationContext context = OperationContext()) = 0;

    /// Adds or replaces a message. `message.channel_id` may be empty or equal to `channel_id`.
    /// \throws StorageError invalid_argument for another channel_id and what check_message() refuses.
    virtual awaitable<void> add_message(std::string channel_id, UniversalMessage message,
                                        OperationContext context = OperationContext()) = 0;
    /// Removes one message; a bootstrap under way will not bring it back. Returns whether it was in the
    /// cache.
    virtual awaitable<bool> remove_message(std::string channel_id, std::int64_t message_id,
                                           OperationContext context = OperationContext()) = 0;
    /// Forgets the channel; the next read is cold. A bootstrap under way still answers those who asked
    /// before, but fills nothing: who asks after the clear is answered from a later reading.
    virtual awaitable<void> clear_channel_cache(std::string channel_id,
                                                OperationContext context = OperationContext()) = 0;

    virtual awaitable<CacheStats> get_cache_stats(OperationContext context = OperationContext()) = 0;

    /// Writes all channels to a new SQLite file (docs/archive-format.md), which appears whole or not at all; each
    /// channel is of one moment, what is written meanwhile may be in it or not. Returns the number of channels.
    /// \throws StorageError already_exists when there is such a file.
    virtual awaitable<std::uint64_t> backup_cache(std::filesystem::path backup_path,
                                                  OperationContext context = OperationContext()) = 0;
    /// Brings the channels of a backup back, in place of those with the same id; others stay. The backup is checked
    /// before anything is changed. A restore that failed half-way may be run again. Returns the number of channels;
    /// those that would have expired by now are left out, and of each channel what is more than `max_messages`.
    /// \throws StorageError not_found, corrupt, version_mismatch.
    virtual awaitable<std::uint64_t> restore_cache(std::filesystem::path backup_path,
                                                   OperationContext context = OperationContext()) = 0;

    /// What the cache has to work around now although it serves its callers; empty: nothing.
    virtual std::string get_trouble() const { return std::string(); }
    /// What this backend tells about itself beyond its statistics, without asking a server: see docs/metrics.md. Empty
    /// where there is nothing.
    virtual json::object get_details() const { return json::object(); }

    /// "memory", "redis" or "redis_cluster".
    virtual std::string_view cache_type() const noexcept = 0;
    /// Where it connects, without secrets; empty for memory.
    virtual std::vector<std::string> endpoints() const = 0;
};

} // namespace whisperstore

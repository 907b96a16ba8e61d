#pragma once
/// \file
/// The conversation cache in memory.

#include <whisperstore/cache/cache_config.hpp>
#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace whisperstore {

/// The cache of a laptop: in this process, no server. Nothing of it outlives the process, so there
/// is no backup of it; it fills again from the history source.
///
/// At most `max_channels` channels are held; the one used (read or written) longest ago goes first.
/// Expiry is measured by a steady clock, so changes of the system's time do not matter.
///
/// Thread safe; channels seldom wait for each other. Reads of warm channels, writes and statistics
/// end without suspending.
///
/// The history of a cold channel is read on the executor of the caller that needed it first, in a
/// strand of its own: that executor must keep running until the read has ended, also when the caller
/// has gone before. The source gets that caller's context
/// without its deadline: each waiting caller's deadline and cancellation end its own wait only, and
/// when the last of them has gone, the read is cancelled. Who asks after a clear is never answered from
/// a read that began before it; who asked before is answered as if there had been none.
///
/// The methods throw StorageError: `closed` before initialize() and after cleanup(),
/// `invalid_argument` as described at the interface, `timeout` and `cancelled` for the caller's own
/// deadline and cancellation, `corrupt` when the history source gives a message that is not valid or
/// of another channel; otherwise what the history source threw, `unavailable` when that was no
/// StorageError.
class HybridConversationCache final : public ConversationCacheManager
{
public:
    /// What tells the time; never goes backwards.
    using Clock = std::function<std::chrono::steady_clock::time_point()>;

    /// Uses timeout_minutes, max_messages, bootstrap_limit (0: the history is never read) and
    /// max_channels; type and connection settings are not looked at.
    /// \param clock for tests; none = std::chrono::steady_clock.
    /// \throws StorageError invalid_argument naming the setting.
    explicit HybridConversationCache(const CacheConfig& config = CacheConfig(), Clock clock = nullptr);
    /// The reference's form; the other settings have their defaults.
    HybridConversationCache(double cache_timeout_minutes, std::size_t max_local_messages);
    /// Does not wait: calls under way end with `closed`, a history being read is cancelled.
    ~HybridConversationCache() override;

    awaitable<void> initialize(OperationContext context = OperationContext()) override;
    /// Forgets channels and statistics and closes; the history source stays set. Callers waiting for
    /// a history get `closed`. The reads are cancelled, and this returns when the source has ended.
    /// \throws StorageError timeout when a source has not ended 5 s after it was cancelled; the cache is
    /// closed all the same.
    awaitable<void> cleanup() override;
    void set_history_source(HistorySource source) override;

    awaitable<std::vector<CachedMessage>>
    get_conversation_context(std::string channel_id, std::int64_t limit = 5,
                             std::optional<std::int64_t> exclude_message_id = std::nullopt,
                             OperationContext context = OperationContext()) override;
    awaitable<void> add_message(std::string channel_id, UniversalMessage message,
                                OperationContext context = OperationContext()) override;
    awaitable<bool> remove_message(std::string channel_id, std::int64_t message_id,
                                   OperationContext context = OperationContext()) override;
    awaitable<void> clear_channel_cache(std::string channel_id, OperationContext context = OperationContext()) override;
    awaitable<CacheStats> get_cache_stats(OperationContext context = OperationContext()) override;
    awaitable<std::uint64_t> backup_cache(std::filesystem::path backup_path,
                                          OperationContext context = OperationContext()) override;
    awaitable<std::uint64_t> restore_cache(std::filesystem::path backup_path,
                                           OperationContext context = OperationContext()) override;

    std::string_view cache_type() const noexcept override { return "memory"; }
    std::vector<std::string> endpoints() const override { return {}; }
    /// evicted_channels, expired_channels: since it was made.
    json::object get_details() const override;

private:
    class Impl;
    // Shared with waiting callers and running bootstraps.
    std::shared_ptr<Impl> impl_;
};

} // namespace whisperstore

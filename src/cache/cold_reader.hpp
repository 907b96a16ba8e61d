#pragma once
// Reads of cold channels: begins bootstraps, runs them and waits for their answers.

#include "cache/channel_store.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace whisperstore {

class RunningBootstrap;

/// Thread safe.
class ColdReader : public std::enable_shared_from_this<ColdReader>
{
public:
    struct Request
    {
        std::string channel_id;
        std::size_t limit = 0;
        std::optional<std::int64_t> exclude = std::nullopt;
        OperationContext context = OperationContext();
    };

    /// Asks a history for `bootstrap_limit` messages; 0: never.
    ColdReader(std::shared_ptr<ChannelStore> store, std::size_t bootstrap_limit);

    void set_history(HistorySource source);
    /// Whether cold channels are filled from one.
    bool has_history() const noexcept { return has_history_.load(std::memory_order_acquire); }

    static awaitable<ChannelStore::Messages> read(std::shared_ptr<ColdReader> self, Request request);

private:
    using History = std::shared_ptr<const HistorySource>;

    /// Nothing: the bootstrap it waited for has no answer for this caller.
    static awaitable<std::optional<ChannelStore::Messages>> try_read(std::shared_ptr<ColdReader> self,
                                                                     const Request& request, bool first_try);
    static awaitable<void> bootstrap(std::shared_ptr<ColdReader> self, std::shared_ptr<RunningBootstrap> running,
                                     History history, OperationContext context);
    History history() const; ///< null: there is none

    const std::shared_ptr<ChannelStore> store_;
    const std::size_t bootstrap_limit_;
    mutable std::mutex mutex_;
    History history_;
    std::atomic<bool> has_history_{false}; // for those who need no more than that
};

} // namespace whisperstore

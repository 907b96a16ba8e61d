#pragma once
// Scoped transactions: a lent connection until it ends.

#include "database/call_counters.hpp"
#include "database/postgresql/lease.hpp"
#include "database/postgresql/statement.hpp"

#include <whisperstore/database/transaction.hpp>

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace whisperstore::postgresql {

/// Shared by the Transaction object, the idle timer and the adapter.
class OpenTransaction final : public TransactionBackend, public std::enable_shared_from_this<OpenTransaction>
{
public:
    /// Told after a commit where the write-ahead log stood; empty where nobody wants to know.
    using Committed = std::function<void(const std::string& position)>;

    OpenTransaction(Lease lease, std::shared_ptr<StatementCache> statements, std::shared_ptr<CallCounters> counters,
                    Committed committed);

    /// Called once.
    awaitable<void> begin(OperationContext context);
    /// Ends it from the adapter's side: `closed` for its owner.
    void close() noexcept;
    bool open() const noexcept { return open_.load(std::memory_order_acquire); }
    /// Whether a coroutine is known to own it.
    bool owned_by(const void* coroutine) const noexcept { return coroutine && owner_ == coroutine; }

    awaitable<QueryResult> execute(std::string sql, Parameters parameters, OperationContext context) override;
    awaitable<void> savepoint(int level, OperationContext context) override;
    awaitable<void> release(int level, OperationContext context) override;
    awaitable<void> commit(OperationContext context) override;
    awaitable<void> rollback(int level) override;
    void abandon(int level) noexcept override;
    void handed_on() noexcept override;

private:
    class Use;
    awaitable<void> command(std::vector<std::string> commands, OperationContext context);
    awaitable<void> note_user();
    void end(StorageErrc code, std::string reason) noexcept;
    void watch_idleness();

    const std::shared_ptr<StatementCache> statements_;
    const std::shared_ptr<CallCounters> counters_;
    const Committed committed_;
    const std::chrono::milliseconds idle_limit_;
    const std::shared_ptr<Background> background_;

    mutable std::mutex mutex_;
    Lease lease_;
    bool busy_ = false;
    bool over_ = false;
    StorageErrc over_code_ = StorageErrc::invalid_argument;
    std::string over_reason_;
    std::unique_ptr<asio::steady_timer> timer_; // on the background's thread, as everything it does
    std::uint64_t idle_number_ = 0;             // numbers the idle times

    std::atomic<bool> open_{false};
    // The coroutine that began it, as long as no other one has used it: an address, compared and never followed.
    std::atomic<const void*> owner_{nullptr};
    std::atomic<bool> used_{false};
};

} // namespace whisperstore::postgresql

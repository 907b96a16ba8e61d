#pragma once
// Scoped transactions of SQLiteAdapter: the writer thread serves one transaction until it ends.

#include "database/call_counters.hpp"
#include "database/sqlite_query.hpp"
#include "sqlite/store.hpp"

#include <whisperstore/database/transaction.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

namespace whisperstore {

/// One open transaction, shared by the Transaction object, the writer thread and the adapter.
class SqliteTransaction final : public TransactionBackend, public std::enable_shared_from_this<SqliteTransaction>
{
public:
    SqliteTransaction(std::shared_ptr<sqlite::Store> store, std::shared_ptr<SqliteQueryCache> queries,
                      std::shared_ptr<CallCounters> counters, std::chrono::milliseconds idle_limit);

    /// Waits for the writer and begins. Called once.
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
    class Request;
    class Runner;
    using Work = std::function<void(sqlite::Connection&)>;

    /// The writer thread stays here until the transaction ends.
    void serve(sqlite::Connection& connection);
    /// False: it is over.
    bool serve_one(sqlite::Connection& connection, const std::shared_ptr<Request>& request);
    bool serve_abandoned(sqlite::Connection& connection, int level);
    awaitable<void> request(Work work, bool ends, OperationContext context, bool interruptible);
    void end(StorageErrc code, std::string reason) noexcept;
    bool closing() const noexcept;

    std::shared_ptr<sqlite::Store> store_;
    std::shared_ptr<SqliteQueryCache> queries_;
    std::shared_ptr<CallCounters> counters_;
    const std::chrono::milliseconds idle_limit_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<Request>> queue_;
    int abandoned_level_ = -1;
    bool closing_ = false;
    bool over_ = false;
    StorageErrc over_code_ = StorageErrc::invalid_argument;
    std::string over_reason_;
    std::atomic<bool> open_{false};
    // The coroutine that began it, as long as no other one has used it. It is an address, and another
    // coroutine may get the same one later, so a transaction that was passed on has no known owner.
    std::atomic<const void*> owner_{nullptr};
    std::atomic<bool> used_{false};
};

} // namespace whisperstore

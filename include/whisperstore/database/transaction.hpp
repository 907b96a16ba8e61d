#pragma once
/// \file
/// Scoped transactions.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/database/query_result.hpp>

#include <memory>
#include <string>

namespace whisperstore {

/// What a backend implements for an open transaction. `level` is 0 for the transaction itself and
/// grows with each savepoint; only the innermost level may be used.
class TransactionBackend
{
public:
    virtual ~TransactionBackend() = default;
    virtual awaitable<QueryResult> execute(std::string sql, Parameters parameters, OperationContext context) = 0;
    virtual awaitable<void> savepoint(int level, OperationContext context) = 0;
    virtual awaitable<void> release(int level, OperationContext context) = 0;
    virtual awaitable<void> commit(OperationContext context) = 0;
    /// To the start of a level; does not stop for cancellation.
    virtual awaitable<void> rollback(int level) = 0;
    /// The object was dropped at this level without commit or rollback: roll back in the background.
    virtual void abandon(int level) noexcept = 0;
    /// The object was moved, perhaps into another coroutine's hands.
    virtual void handed_on() noexcept {}
};

/// An open transaction, from AbstractDatabaseAdapter::begin_transaction(), for reads that decide
/// writes. Commit it, roll it back, or let it go: the destructor never waits, it hands the rollback
/// to a clean-up task of the adapter.
///
/// One coroutine at a time may use it. After the idle limit of the configuration (5 s) without a
/// call it is rolled back, and the next call is `timeout`. While it is open, its owner must use it
/// and not the adapter: a call of the coroutine that began it to the adapter is `invalid_argument`,
/// for it could wait for itself. (Once another coroutine uses the transaction, nobody can tell the
/// owner any more.) Savepoints: begin_transaction() on the transaction; while the inner one
/// is open the outer one refuses calls.
class Transaction
{
public:
    Transaction() noexcept = default; ///< one that has ended
    explicit Transaction(std::shared_ptr<TransactionBackend> backend);
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) noexcept;
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    /// As AbstractDatabaseAdapter::execute_query, inside the transaction. A failed statement undoes
    /// itself and leaves the transaction open (on every backend), unless the error says otherwise.
    awaitable<QueryResult> execute_query(std::string query, Parameters params = Parameters(),
                                         OperationContext context = OperationContext());
    /// Opens a savepoint.
    awaitable<Transaction> begin_transaction(OperationContext context = OperationContext());
    /// Makes it durable (outermost), or part of the outer transaction. An error of a commit carries
    /// its outcome; when that is `unknown` the transaction may have happened.
    awaitable<void> commit(OperationContext context = OperationContext());
    /// Undoes everything since it began. Once started it is not stopped by cancellation; in a
    /// coroutine that was cancelled already, let the object go instead (Asio ends every co_await there).
    awaitable<void> rollback();
    /// Whether commit or rollback is still to come.
    bool active() const noexcept;

private:
    struct Stack;
    Transaction(std::shared_ptr<Stack> stack, int level);
    void require_usable() const;
    std::shared_ptr<Stack> stack_;
    int level_ = 0;
};

} // namespace whisperstore

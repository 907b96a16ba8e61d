#pragma once
/// \file
/// Explicit transactions.

#include <whisperstore/bolt/config.hpp>
#include <whisperstore/bolt/result.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <memory>
#include <string>

namespace whisperstore::bolt {

class TransactionState;

/// An open transaction, from Session::begin_transaction() or given to the work of a managed one. It holds a connection:
/// commit it, roll it back, or let it go, which rolls it back without waiting. One coroutine at a time.
class Transaction
{
public:
    Transaction() noexcept; ///< one that has ended
    explicit Transaction(std::shared_ptr<TransactionState> state) noexcept;
    Transaction(Transaction&&) noexcept;
    Transaction& operator=(Transaction&&) noexcept;
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    /// A failed query ends the transaction: the server undid it, and every later call but rollback() says so.
    /// Where the connection is lost nothing of the transaction happened: `unavailable`, retryable.
    awaitable<Result> run(std::string cypher, Map parameters = Map(), OperationContext context = OperationContext());
    /// Makes it durable and leaves its bookmark with the session. What its results still hold is fetched first.
    /// \throws StorageError outcome_unknown where the commit was sent and its answer did not come: never tried again.
    awaitable<void> commit(OperationContext context = OperationContext());
    /// Undoes everything. Nothing where it has ended already.
    awaitable<void> rollback(OperationContext context = OperationContext());
    /// Whether commit or rollback is still to come.
    bool active() const noexcept;

private:
    void release() noexcept;
    std::shared_ptr<TransactionState> state_;
};

} // namespace whisperstore::bolt

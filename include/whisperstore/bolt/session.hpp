#pragma once
/// \file
/// A chain of queries that see one another's writes.

#include <whisperstore/bolt/config.hpp>
#include <whisperstore/bolt/result.hpp>
#include <whisperstore/bolt/transaction.hpp>
#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace whisperstore::bolt {

class SessionState;

/// From Driver::session(). Cheap: it holds a connection only while a query or a transaction is under way, and is to be
/// made anew for each piece of work. Its queries are linked by bookmarks: each sees what those before it wrote,
/// whichever server of the cluster it reaches. One coroutine at a time; the driver may be closed or go meanwhile, then
/// calls are `closed`.
///
/// Errors are StorageError with the portable code and the server's own as native_code(); docs/bolt.md has the table.
/// A call ends at its context's deadline (`timeout`) or when its coroutine is cancelled (`cancelled`): the server is
/// told to stop (RESET), and the connection is used again once it has.
class Session
{
public:
    explicit Session(std::shared_ptr<SessionState> state) noexcept;
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    /// Auto-commit: one query that is a transaction by itself; it has happened for certain once its last record was
    /// read. Never tried again. Where the connection is lost after it was sent, a session that writes is told
    /// `outcome_unknown`, one that reads `unavailable`.
    awaitable<Result> run(std::string cypher, Map parameters = Map(), TransactionConfig config = TransactionConfig(),
                          OperationContext context = OperationContext());

    /// BEGIN travels with the first query, so a transaction costs no round trip more than its queries and its commit.
    awaitable<Transaction> begin_transaction(TransactionConfig config = TransactionConfig(),
                                             OperationContext context = OperationContext());

    /// Runs `work` in a transaction and commits it; again from the start where the server says that this helps
    /// (deadlocks, a leader that changed) or a connection was lost before the commit. So `work` may run several times.
    /// Attempts end with the context's deadline, its retry budget, or the driver's max_transaction_retry_time. A commit
    /// without an answer is `outcome_unknown` and never tried again.
    ///
    /// `work` is a callable `awaitable<T>(Transaction&)`; what it throws that is no retryable StorageError rolls back
    /// and is thrown on. It must not use the session, nor keep the transaction or results of it.
    template <typename Work>
    auto execute_read(Work work, TransactionConfig config = TransactionConfig(),
                      OperationContext context = OperationContext()) -> std::invoke_result_t<Work&, Transaction&>
    {
        return managed(AccessMode::read, std::move(work), std::move(config), std::move(context));
    }
    template <typename Work>
    auto execute_write(Work work, TransactionConfig config = TransactionConfig(),
                       OperationContext context = OperationContext()) -> std::invoke_result_t<Work&, Transaction&>
    {
        return managed(AccessMode::write, std::move(work), std::move(config), std::move(context));
    }

    /// Of the last transaction that ended well; those it was made with before. Give them to another session, and it
    /// sees what this one wrote.
    Bookmarks last_bookmarks() const;

private:
    template <typename T>
    struct ResultOf;
    template <typename T>
    struct ResultOf<awaitable<T>>
    {
        using type = T;
    };

    template <typename Work>
    auto managed(AccessMode mode, Work work, TransactionConfig config, OperationContext context)
        -> std::invoke_result_t<Work&, Transaction&>
    {
        using T = typename ResultOf<std::invoke_result_t<Work&, Transaction&>>::type;
        if constexpr (std::is_void_v<T>) {
            std::function<awaitable<void>(Transaction&)> step = std::ref(work);
            co_await run_managed(mode, std::move(step), std::move(config), std::move(context));
        } else {
            std::optional<T> value;
            std::function<awaitable<void>(Transaction&)> step = [&value, &work](Transaction& transaction) {
                return keep(value, work, transaction);
            };
            co_await run_managed(mode, std::move(step), std::move(config), std::move(context));
            co_return std::move(*value);
        }
    }
    template <typename T, typename Work>
    static awaitable<void> keep(std::optional<T>& value, Work& work, Transaction& transaction)
    {
        value.reset();
        value.emplace(co_await work(transaction));
    }
    awaitable<void> run_managed(AccessMode mode, std::function<awaitable<void>(Transaction&)> work,
                                TransactionConfig config, OperationContext context);

    std::shared_ptr<SessionState> state_;
};

} // namespace whisperstore::bolt

#include "resilience/decorated_transaction.hpp"

#include "resilience/database_operations.hpp"
#include "resilience/policy_run.hpp"

#include <iterator>
#include <utility>

namespace whisperstore {

namespace {

/// Forgets the innermost level when the call that ends it is over, however it went: a Transaction that
/// was asked to commit or roll back is used up.
class EndOfLevel
{
public:
    explicit EndOfLevel(std::list<Transaction>& levels) noexcept : levels_(levels) {}
    ~EndOfLevel() { levels_.pop_back(); }
    EndOfLevel(const EndOfLevel&) = delete;
    EndOfLevel& operator=(const EndOfLevel&) = delete;

private:
    std::list<Transaction>& levels_;
};

template <auto Method>
awaitable<void> end_level(std::shared_ptr<DecoratedTransaction> self, std::list<Transaction>& levels,
                          PolicyChain& chain, const Operation& operation, OperationContext context)
{
    const EndOfLevel end(levels);
    co_await run_policies<Method, Transaction>(self, levels.back(), chain, operation, std::move(context), nullptr,
                                               std::tuple<>());
}

} // namespace

DecoratedTransaction::DecoratedTransaction(Transaction inner, std::shared_ptr<PolicyChain> chain)
    : chain_(std::move(chain))
{
    levels_.push_back(std::move(inner));
}

void DecoratedTransaction::handed_on() noexcept
{
    if (levels_.empty())
        return;
    Transaction moved(std::move(levels_.front())); // which tells the backend
    levels_.front() = std::move(moved);
}

awaitable<QueryResult> DecoratedTransaction::execute(std::string sql, Parameters parameters, OperationContext context)
{
    return run_policies<&Transaction::execute_query, Transaction, std::string, Parameters>(
        shared_from_this(), levels_.back(), *chain_, database_operation("transaction.execute_query"),
        std::move(context), nullptr, std::make_tuple(std::move(sql), std::move(parameters)));
}

awaitable<void> DecoratedTransaction::savepoint(int level, OperationContext context)
{
    static_cast<void>(level); // always one more than there are
    const auto self = shared_from_this();
    Transaction nested = co_await run_policies<&Transaction::begin_transaction, Transaction>(
        self, levels_.back(), *chain_, database_operation("transaction.savepoint"), std::move(context), nullptr,
        std::tuple<>());
    levels_.push_back(std::move(nested));
}

awaitable<void> DecoratedTransaction::release(int level, OperationContext context)
{
    static_cast<void>(level); // the innermost, as the next two
    return end_level<&Transaction::commit>(shared_from_this(), levels_, *chain_,
                                           database_operation("transaction.release"), std::move(context));
}

awaitable<void> DecoratedTransaction::commit(OperationContext context)
{
    return end_level<&Transaction::commit>(shared_from_this(), levels_, *chain_,
                                           database_operation("transaction.commit"), std::move(context));
}

awaitable<void> DecoratedTransaction::rollback(int level)
{
    static_cast<void>(level);
    return end_level<&Transaction::rollback>(shared_from_this(), levels_, *chain_,
                                             database_operation("transaction.rollback"), OperationContext());
}

void DecoratedTransaction::abandon(int level) noexcept
{
    // From the outside in, so that the backend hears of the outermost one only.
    levels_.erase(std::next(levels_.begin(), level), levels_.end());
}

DecoratedStream::DecoratedStream(RowStream inner, std::shared_ptr<PolicyChain> chain)
    : inner_(std::move(inner)), chain_(std::move(chain))
{
}

awaitable<Rows> DecoratedStream::next()
{
    return run_policies<&RowStream::next, RowStream>(shared_from_this(), inner_, *chain_,
                                                     database_operation("stream.next"), OperationContext(), nullptr,
                                                     std::tuple<>());
}

} // namespace whisperstore

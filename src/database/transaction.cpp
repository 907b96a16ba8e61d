#include <whisperstore/database/transaction.hpp>

#include <utility>

namespace whisperstore {

struct Transaction::Stack
{
    std::shared_ptr<TransactionBackend> backend;
    int depth = 0; ///< open levels
};

Transaction::Transaction(std::shared_ptr<TransactionBackend> backend) : stack_(std::make_shared<Stack>())
{
    stack_->backend = std::move(backend);
    stack_->depth = 1;
}

Transaction::Transaction(std::shared_ptr<Stack> stack, int level) : stack_(std::move(stack)), level_(level) {}

Transaction::Transaction(Transaction&& other) noexcept : stack_(std::move(other.stack_)), level_(other.level_)
{
    if (stack_ && level_ == 0)
        stack_->backend->handed_on();
}

Transaction& Transaction::operator=(Transaction&& other) noexcept
{
    Transaction taken(std::move(other));     // first, in case both are one
    const Transaction old(std::move(*this)); // ends what this object held
    stack_ = std::move(taken.stack_);
    level_ = taken.level_;
    return *this;
}

Transaction::~Transaction()
{
    if (!active())
        return;
    stack_->depth = level_;
    stack_->backend->abandon(level_);
}

bool Transaction::active() const noexcept { return stack_ && stack_->depth > level_; }

void Transaction::require_usable() const
{
    if (!active())
        throw StorageError(StorageErrc::invalid_argument,
                           "the transaction has ended: it was committed, rolled back or moved from");
    if (stack_->depth != level_ + 1)
        throw StorageError(StorageErrc::invalid_argument,
                           "a savepoint is open inside this transaction: commit it or roll it back first");
}

awaitable<QueryResult> Transaction::execute_query(std::string query, Parameters params, OperationContext context)
{
    require_usable();
    co_return co_await stack_->backend->execute(std::move(query), std::move(params), std::move(context));
}

awaitable<Transaction> Transaction::begin_transaction(OperationContext context)
{
    require_usable();
    co_await stack_->backend->savepoint(level_ + 1, std::move(context));
    ++stack_->depth;
    co_return Transaction(stack_, level_ + 1);
}

awaitable<void> Transaction::commit(OperationContext context)
{
    require_usable();
    // Whatever the answer, this level is over: what a failed commit left open is rolled back.
    const std::shared_ptr<Stack> stack = std::exchange(stack_, nullptr);
    stack->depth = level_;
    try {
        if (level_ == 0)
            co_await stack->backend->commit(std::move(context));
        else
            co_await stack->backend->release(level_, std::move(context));
    } catch (...) {
        stack->backend->abandon(level_);
        throw;
    }
}

awaitable<void> Transaction::rollback()
{
    require_usable();
    const std::shared_ptr<Stack> stack = std::exchange(stack_, nullptr);
    stack->depth = level_;
    try {
        co_await stack->backend->rollback(level_);
    } catch (...) {
        stack->backend->abandon(level_);
        throw;
    }
}

} // namespace whisperstore

#pragma once
// Open transactions and streams of a decorated database.

#include "resilience/policy_chain.hpp"

#include <whisperstore/database/row_stream.hpp>
#include <whisperstore/database/transaction.hpp>

#include <list>
#include <memory>

namespace whisperstore {

/// A backend's transaction with its open savepoints, each call observed.
class DecoratedTransaction final : public TransactionBackend, public std::enable_shared_from_this<DecoratedTransaction>
{
public:
    DecoratedTransaction(Transaction inner, std::shared_ptr<PolicyChain> chain);

    awaitable<QueryResult> execute(std::string sql, Parameters parameters, OperationContext context) override;
    awaitable<void> savepoint(int level, OperationContext context) override;
    awaitable<void> release(int level, OperationContext context) override;
    awaitable<void> commit(OperationContext context) override;
    awaitable<void> rollback(int level) override;
    void abandon(int level) noexcept override;
    void handed_on() noexcept override;

private:
    // Each level's object; its place is its level. Nodes stay where they are while a call runs in one.
    std::list<Transaction> levels_;
    std::shared_ptr<PolicyChain> chain_;
};

class DecoratedStream final : public RowStreamBackend, public std::enable_shared_from_this<DecoratedStream>
{
public:
    DecoratedStream(RowStream inner, std::shared_ptr<PolicyChain> chain);

    awaitable<Rows> next() override;
    void close() noexcept override { inner_.close(); }

private:
    RowStream inner_;
    std::shared_ptr<PolicyChain> chain_;
};

} // namespace whisperstore

#include "bolt/session_state.hpp"
#include "core/failure.hpp"

#include <whisperstore/bolt/transaction.hpp>

#include <utility>

namespace whisperstore::bolt {

TransactionState::TransactionState(std::shared_ptr<Held> held, std::shared_ptr<Memory> memory, std::int64_t fetch_size,
                                   Api api, AccessMode mode, TransactionConfig config, Deadline deadline) noexcept
    : held_(std::move(held)),
      memory_(std::move(memory)),
      fetch_size_(fetch_size),
      api_(api),
      mode_(mode),
      config_(std::move(config)),
      deadline_(deadline)
{
}

OperationContext TransactionState::limited(OperationContext context) const
{
    if (deadline_ && (!context.deadline || *deadline_ < *context.deadline))
        context.deadline = deadline_;
    return context;
}

void TransactionState::require_active() const
{
    if (!active_)
        throw StorageError(StorageErrc::closed, "the transaction has ended");
    if (const auto& failure = held_->failure())
        throw StorageError(StorageErrc::closed,
                           "the transaction was undone because of an earlier failure: " + failure->message());
}

/// An earlier query of the transaction: what is left of it is fetched or, where nobody reads it, dropped.
awaitable<void> TransactionState::settle()
{
    if (const auto open = std::exchange(open_, nullptr); open && !open->ended()) {
        const bool is_read = open.use_count() > 1;
        if (is_read)
            co_await open->detach();
        else
            co_await open->consume();
    }
    if (const auto& failure = held_->failure())
        throw StorageError(*failure);
}

awaitable<Result> TransactionState::run(std::string cypher, Map parameters, OperationContext context)
{
    require_active();
    context = limited(std::move(context));
    context.check_deadline("bolt", "run");
    co_await settle();
    Connection& connection = held_->connection();
    if (!begun_) {
        connection.telemetry(api_);
        // The session has no other transaction meanwhile, so its bookmarks are those it had.
        const Opening opening{held_->database(), mode_, &memory_->bookmarks, held_->impersonated_user(), &config_};
        connection.begin(opening);
        begun_ = begin_unanswered_ = true;
    }
    connection.run(cypher, parameters, nullptr);
    connection.pull(fetch_size_);
    auto result = std::make_shared<ResultState>(held_, nullptr, fetch_size_, context);
    if (std::exchange(begin_unanswered_, false)) {
        const Answer begun = co_await held_->answer(context);
        held_->note_home(*memory_, begun.metadata);
    }
    co_await result->start();
    open_ = result;
    co_return Result(std::move(result));
}

awaitable<void> TransactionState::commit(OperationContext context)
{
    require_active();
    context = limited(std::move(context));
    context.check_deadline("bolt", "commit");
    co_await settle();
    active_ = false;
    if (!begun_ || begin_unanswered_) {
        held_->give_back(); // nothing was done in it
        co_return;
    }
    // Servers refuse writes where reads were announced: then nothing can be in doubt.
    if (mode_ == AccessMode::write)
        held_->now_it_counts();
    held_->connection().commit();
    const Answer committed = co_await held_->answer(std::move(context));
    if (const std::string_view bookmark = find_text(committed.metadata, "bookmark"); !bookmark.empty())
        memory_->bookmarks.assign(1, std::string(bookmark));
    held_->give_back();
}

awaitable<void> TransactionState::rollback(OperationContext context)
{
    if (!std::exchange(active_, false) || held_->failure())
        co_return;
    open_.reset();
    if (!begun_ || begin_unanswered_ || held_->connection().conversation().expected() != ServerState::tx_ready ||
        held_->connection().conversation().pending() > 0) {
        held_->give_back(); // RESET undoes it, and stops what is under way
        co_return;
    }
    try {
        held_->connection().rollback();
        co_await held_->answer(limited(std::move(context)));
    } catch (const StorageError& error) {
        // A connection that is gone took the transaction with it.
        if (error.errc() != StorageErrc::unavailable)
            throw;
    }
    held_->give_back();
}

void TransactionState::abandon() noexcept
{
    active_ = false;
    open_.reset();
    held_->give_back();
}

Transaction::Transaction() noexcept = default;
Transaction::Transaction(std::shared_ptr<TransactionState> state) noexcept : state_(std::move(state)) {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&& other) noexcept
{
    if (this != &other) {
        release();
        state_ = std::move(other.state_);
    }
    return *this;
}
Transaction::~Transaction() { release(); }

void Transaction::release() noexcept
{
    if (const auto state = std::exchange(state_, nullptr))
        state->abandon();
}

bool Transaction::active() const noexcept { return state_ && state_->active(); }

awaitable<Result> Transaction::run(std::string cypher, Map parameters, OperationContext context)
{
    try {
        if (!state_)
            throw StorageError(StorageErrc::closed, "there is no transaction");
        Result result = co_await state_->run(std::move(cypher), std::move(parameters), std::move(context));
        co_return result;
    } catch (...) {
        rethrow_as_storage_error("bolt", "run");
    }
}

awaitable<void> Transaction::commit(OperationContext context)
{
    try {
        if (!state_)
            throw StorageError(StorageErrc::closed, "there is no transaction");
        co_await state_->commit(std::move(context));
    } catch (...) {
        rethrow_as_storage_error("bolt", "commit");
    }
}

awaitable<void> Transaction::rollback(OperationContext context)
{
    try {
        if (state_)
            co_await state_->rollback(std::move(context));
    } catch (...) {
        rethrow_as_storage_error("bolt", "rollback");
    }
}

} // namespace whisperstore::bolt

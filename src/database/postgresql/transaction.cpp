#include "database/postgresql/transaction.hpp"

#include "core/failure.hpp"
#include "core/job.hpp"
#include "database/postgresql/log_position.hpp"
#include "database/postgresql/statement_request.hpp"

#include <boost/asio/post.hpp>

namespace whisperstore::postgresql {

namespace {

constexpr std::string_view backend = "postgresql";

std::string savepoint_name(int level)
{
    std::string name = "whisperstore_level_";
    name += std::to_string(level);
    return name;
}

std::vector<std::string> undo_commands(int level)
{
    std::vector<std::string> commands;
    if (level == 0) {
        commands.emplace_back("ROLLBACK");
    } else {
        commands.push_back("ROLLBACK TO SAVEPOINT " + savepoint_name(level));
        commands.push_back("RELEASE SAVEPOINT " + savepoint_name(level));
    }
    return commands;
}

bool is_unknown(const std::exception_ptr& failure)
{
    try {
        std::rethrow_exception(failure);
    } catch (const StorageError& error) {
        return error.outcome() == Outcome::unknown;
    } catch (...) {
        return false;
    }
}

} // namespace

/// A call of the owner: the idle limit waits for its end.
class OpenTransaction::Use
{
public:
    explicit Use(OpenTransaction& transaction) : transaction_(transaction)
    {
        const std::lock_guard lock(transaction_.mutex_);
        if (transaction_.over_)
            throw StorageError(transaction_.over_code_, transaction_.over_reason_);
        if (transaction_.busy_)
            throw StorageError(StorageErrc::invalid_argument,
                               "the transaction is in use: one coroutine at a time may use it");
        transaction_.busy_ = true;
        ++transaction_.idle_number_;
    }
    ~Use()
    {
        Lease ended; // goes back without the lock
        {
            const std::lock_guard lock(transaction_.mutex_);
            transaction_.busy_ = false;
            if (transaction_.over_)
                ended = std::move(transaction_.lease_);
        }
        if (!ended)
            transaction_.watch_idleness();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

private:
    OpenTransaction& transaction_;
};

OpenTransaction::OpenTransaction(Lease lease, std::shared_ptr<StatementCache> statements,
                                 std::shared_ptr<CallCounters> counters, Committed committed)
    : statements_(std::move(statements)),
      counters_(std::move(counters)),
      committed_(std::move(committed)),
      idle_limit_(lease.connection()->options().transaction_idle_limit),
      background_(lease.connection()->background()),
      lease_(std::move(lease))
{
}

awaitable<void> OpenTransaction::begin(OperationContext context)
{
    const auto self = shared_from_this();
    const Use use(*this);
    std::vector<std::string> commands(1, "BEGIN ISOLATION LEVEL SERIALIZABLE");
    co_await lease_.run_commands(std::move(commands), false, std::move(context));
    const void* caller = co_await current_coroutine();
    owner_ = caller;
    open_ = true;
}

/// Ends a transaction whose owner does not call for too long: it holds a connection, and locks.
void OpenTransaction::watch_idleness()
{
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(mutex_);
        if (over_)
            return;
        number = ++idle_number_;
    }
    asio::post(background_->executor(), [weak = weak_from_this(), number, limit = idle_limit_] {
        const auto self = weak.lock();
        if (!self)
            return;
        const std::lock_guard lock(self->mutex_);
        if (self->over_ || self->idle_number_ != number)
            return;
        if (!self->timer_)
            self->timer_ = std::make_unique<asio::steady_timer>(self->background_->executor());
        self->timer_->expires_after(limit);
        self->timer_->async_wait([weak, number, limit](const boost::system::error_code& error) {
            const auto owner = error ? nullptr : weak.lock();
            if (!owner)
                return;
            {
                const std::lock_guard idle(owner->mutex_);
                if (owner->idle_number_ != number || owner->busy_)
                    return;
            }
            owner->end(StorageErrc::timeout, "the transaction was rolled back after " + std::to_string(limit.count()) +
                                                 " ms without a call: it kept a connection and its locks");
        });
    });
}

void OpenTransaction::end(StorageErrc code, std::string reason) noexcept
{
    Lease ended;
    {
        const std::lock_guard lock(mutex_);
        if (over_)
            return;
        over_ = true;
        over_code_ = code;
        over_reason_ = std::move(reason);
        open_ = false;
        owner_ = nullptr;
        if (!busy_)
            ended = std::move(lease_);
    }
}

void OpenTransaction::close() noexcept
{
    end(StorageErrc::closed, "the adapter was disconnected; the transaction was rolled back");
    std::shared_ptr<Connection> in_use;
    {
        const std::lock_guard lock(mutex_);
        if (busy_)
            in_use = lease_.connection();
    }
    if (in_use)
        in_use->close("the adapter was disconnected");
}

/// A transaction that another coroutine uses has no known owner any more.
awaitable<void> OpenTransaction::note_user()
{
    used_ = true;
    if (!owner_)
        co_return;
    const void* caller = co_await current_coroutine();
    if (owner_ != caller)
        owner_ = nullptr;
}

awaitable<QueryResult> OpenTransaction::execute(std::string sql, Parameters parameters, OperationContext context)
{
    const auto self = shared_from_this();
    CallMeasure measure(*counters_);
    QueryResult result;
    try {
        BoundStatement bound = bind_statement(*statements_, sql, std::move(parameters));
        co_await note_user();
        const Use use(*this);
        result = co_await lease_.execute_guarded(std::move(bound), std::move(context));
    } catch (...) {
        if (!lease_.is_usable())
            end(StorageErrc::unavailable, "the transaction ended with its connection");
        rethrow_as_storage_error(backend, "execute_query");
    }
    result.execution_time_ms = std::chrono::duration<double, std::milli>(measure.succeed()).count();
    co_return result;
}

awaitable<void> OpenTransaction::command(std::vector<std::string> commands, OperationContext context)
{
    const auto self = shared_from_this();
    co_await note_user();
    const Use use(*this);
    co_await lease_.run_commands(std::move(commands), false, std::move(context));
}

awaitable<void> OpenTransaction::savepoint(int level, OperationContext context)
{
    try {
        std::vector<std::string> commands(1, "SAVEPOINT " + savepoint_name(level));
        co_await command(std::move(commands), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "begin_transaction");
    }
}

awaitable<void> OpenTransaction::release(int level, OperationContext context)
{
    try {
        std::vector<std::string> commands(1, "RELEASE SAVEPOINT " + savepoint_name(level));
        co_await command(std::move(commands), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "commit");
    }
}

awaitable<void> OpenTransaction::commit(OperationContext context)
{
    const auto self = shared_from_this();
    try {
        used_ = true;
        std::string position;
        {
            const Use use(*this);
            std::vector<std::string> commands(1, "COMMIT");
            if (committed_)
                commands.emplace_back(log_position_sql);
            owner_ = nullptr; // from here on the adapter is its owner's again
            open_ = false;
            position = co_await lease_.run_commands(std::move(commands), true, std::move(context));
        }
        if (committed_)
            committed_(position);
        end(StorageErrc::invalid_argument, "the transaction has ended");
    } catch (...) {
        if (committed_ && is_unknown(std::current_exception()))
            committed_(std::string());
        end(StorageErrc::invalid_argument, "the transaction has ended");
        rethrow_as_storage_error(backend, "commit");
    }
}

awaitable<void> OpenTransaction::rollback(int level)
{
    const auto self = shared_from_this();
    try {
        used_ = true;
        {
            const Use use(*this);
            if (level == 0) {
                owner_ = nullptr;
                open_ = false;
            }
            co_await lease_.run_to_the_end(undo_commands(level));
        }
        if (level == 0)
            end(StorageErrc::invalid_argument, "the transaction has ended");
    } catch (...) {
        if (level == 0)
            end(StorageErrc::invalid_argument, "the transaction has ended");
        rethrow_as_storage_error(backend, "rollback");
    }
}

void OpenTransaction::handed_on() noexcept
{
    // On the way out of begin_transaction() it moves too.
    if (used_)
        owner_ = nullptr;
}

void OpenTransaction::abandon(int level) noexcept
{
    if (level == 0)
        return end(StorageErrc::invalid_argument, "the transaction has ended");
    const std::lock_guard lock(mutex_);
    if (over_ || !lease_.is_usable())
        return;
    // Nobody waits for it; what its owner sends next comes after it.
    const auto request = std::make_shared<CommandRequest>(undo_commands(level));
    if (request->begin())
        lease_.connection()->submit(request);
}

} // namespace whisperstore::postgresql

#include "database/sqlite_transaction.hpp"

#include "core/failure.hpp"
#include "database/sqlite_state.hpp"

namespace whisperstore {

namespace {

std::string savepoint_name(int level) { return "level_" + std::to_string(level); }

/// The error of a statement that took the whole transaction with it.
std::exception_ptr rolled_back(const std::exception_ptr& error)
{
    try {
        std::rethrow_exception(error);
    } catch (const StorageError& failure) {
        return std::make_exception_ptr(failure.prefixed("the transaction was rolled back: "));
    } catch (...) {
        return std::current_exception();
    }
}

} // namespace

/// A call of the owner, run by the writer thread.
class SqliteTransaction::Request final : public Job
{
public:
    Request(Work work, bool ends_it) : ends(ends_it), work_(std::move(work)) {}

    std::exception_ptr run(sqlite::Connection& connection)
    {
        try {
            const sqlite::Stopper::Scope scope(stopper_, connection);
            if (abort_reason() != AbortReason::none)
                throw abort_error(abort_reason(), "waiting for its turn");
            work_(connection);
            return nullptr;
        } catch (...) {
            return sqlite::failure_of(*this, "the query");
        }
    }

    const bool ends;

protected:
    void on_abort() noexcept override { stopper_.stop(); }

private:
    Work work_;
    sqlite::Stopper stopper_;
};

/// What the writer is given: begins, tells the owner, then serves.
class SqliteTransaction::Runner final : public sqlite::WriteJob
{
public:
    Runner(std::shared_ptr<SqliteTransaction> transaction, std::shared_ptr<Job> begun)
        : WriteJob(Mode::exclusive), transaction_(std::move(transaction)), begun_(std::move(begun))
    {
    }

    void run(sqlite::Connection& connection) override
    {
        if (begun_->abort_reason() != AbortReason::none)
            return;
        std::exception_ptr error;
        try {
            if (transaction_->closing())
                throw StorageError(StorageErrc::closed, "the adapter was disconnected");
            connection.prepare("BEGIN IMMEDIATE").run();
        } catch (...) {
            error = std::current_exception();
        }
        // Until here its caller may give up at once, however long another process holds its lock.
        if (!begun_->begin())
            return;
        if (error) {
            begun_->complete(std::move(error));
            return;
        }
        transaction_->owner_ = begun_->coroutine();
        transaction_->open_ = true;
        begun_->complete();
        transaction_->serve(connection);
        transaction_->open_ = false;
    }

private:
    std::shared_ptr<SqliteTransaction> transaction_;
    std::shared_ptr<Job> begun_;
};

SqliteTransaction::SqliteTransaction(std::shared_ptr<sqlite::Store> store, std::shared_ptr<SqliteQueryCache> queries,
                                     std::shared_ptr<CallCounters> counters, std::chrono::milliseconds idle_limit)
    : store_(std::move(store)), queries_(std::move(queries)), counters_(std::move(counters)), idle_limit_(idle_limit)
{
}

awaitable<void> SqliteTransaction::begin(OperationContext context)
{
    auto begun = std::make_shared<Job>();
    auto runner = std::make_shared<Runner>(shared_from_this(), begun);
    std::function<void(std::shared_ptr<Job>)> submit = [this, runner](const std::shared_ptr<Job>&) {
        store_->submit_unawaited(runner);
    };
    co_await Job::wait(begun, std::move(submit), std::move(context));
}

bool SqliteTransaction::closing() const noexcept
{
    const std::lock_guard lock(mutex_);
    return closing_;
}

void SqliteTransaction::end(StorageErrc code, std::string reason) noexcept
{
    std::deque<std::shared_ptr<Request>> left;
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
        over_code_ = code;
        over_reason_ = std::move(reason);
        left.swap(queue_);
    }
    for (const auto& request : left)
        if (request->begin())
            request->complete(std::make_exception_ptr(StorageError(over_code_, over_reason_)));
}

void SqliteTransaction::serve(sqlite::Connection& connection)
{
    bool goes_on = true;
    while (goes_on) {
        std::shared_ptr<Request> request;
        int abandoned = -1;
        {
            std::unique_lock lock(mutex_);
            const bool woken = wake_.wait_for(lock, idle_limit_,
                                              [this] { return closing_ || abandoned_level_ >= 0 || !queue_.empty(); });
            if (closing_) {
                lock.unlock();
                return end(StorageErrc::closed, "the adapter was disconnected; the transaction was rolled back");
            }
            if (!woken) {
                lock.unlock();
                return end(StorageErrc::timeout, "the transaction was rolled back after " +
                                                     std::to_string(idle_limit_.count()) +
                                                     " ms without a call: it kept every other write waiting");
            }
            abandoned = std::exchange(abandoned_level_, -1);
            if (abandoned < 0) {
                request = std::move(queue_.front());
                queue_.pop_front();
            }
        }
        if (request)
            goes_on = serve_one(connection, request);
        else
            goes_on = serve_abandoned(connection, abandoned);
    }
}

bool SqliteTransaction::serve_abandoned(sqlite::Connection& connection, int level)
{
    if (level == 0) {
        end(StorageErrc::invalid_argument, "the transaction has ended");
        return false;
    }
    const std::string name = savepoint_name(level);
    try {
        connection.execute("ROLLBACK TO " + name + "; RELEASE " + name);
    } catch (const StorageError& error) {
        end(error.errc(), "the transaction was rolled back: " + error.message());
        return false;
    }
    return true;
}

bool SqliteTransaction::serve_one(sqlite::Connection& connection, const std::shared_ptr<Request>& request)
{
    if (!request->begin())
        return true;
    std::exception_ptr error = request->run(connection);
    const bool goes_on = !request->ends && connection.in_transaction();
    if (!goes_on) {
        if (request->ends) {
            end(StorageErrc::invalid_argument, "the transaction has ended");
        } else {
            end(StorageErrc::invalid_argument, "the database has rolled the transaction back");
            if (error)
                error = rolled_back(error);
        }
        try {
            if (connection.in_transaction()) // a COMMIT that failed
                connection.execute("ROLLBACK");
        } catch (...) {
            error = std::current_exception();
        }
        // Marked before the owner hears of it, so that its next call to the adapter is not refused, and sees the
        // commit.
        open_ = false;
        store_->commits().seen();
    }
    request->complete(std::move(error));
    return goes_on;
}

awaitable<void> SqliteTransaction::request(Work work, bool ends, OperationContext context, bool interruptible)
{
    auto job = std::make_shared<Request>(std::move(work), ends);
    auto self = shared_from_this();
    std::function<void(std::shared_ptr<Job>)> submit = [self, job](const std::shared_ptr<Job>&) {
        {
            const std::lock_guard lock(self->mutex_);
            if (self->over_)
                throw StorageError(self->over_code_, self->over_reason_);
            self->queue_.push_back(job);
        }
        self->used_ = true;
        if (self->owner_ != job->coroutine())
            self->owner_ = nullptr;
        self->wake_.notify_one();
    };
    if (interruptible)
        co_await Job::wait(job, std::move(submit), std::move(context));
    else
        co_await Job::wait_uninterrupted(job, std::move(submit));
}

awaitable<QueryResult> SqliteTransaction::execute(std::string sql, Parameters parameters, OperationContext context)
{
    CallMeasure measure(*counters_);
    QueryResult result;
    try {
        const BoundQuery query = bind_query(*queries_, sql, std::move(parameters));
        Work work = [&query, &result](sqlite::Connection& connection) {
            // OR FAIL would keep half of a statement; a savepoint makes every statement all or nothing.
            connection.prepare("SAVEPOINT statement").run();
            try {
                result = run_query(connection, query);
            } catch (...) {
                if (connection.in_transaction()) {
                    connection.prepare("ROLLBACK TO statement").run();
                    connection.prepare("RELEASE statement").run();
                }
                throw;
            }
            connection.prepare("RELEASE statement").run();
        };
        co_await request(std::move(work), false, std::move(context), true);
    } catch (...) {
        rethrow_as_storage_error("sqlite", "execute_query");
    }
    result.execution_time_ms = std::chrono::duration<double, std::milli>(measure.succeed()).count();
    co_return result;
}

awaitable<void> SqliteTransaction::savepoint(int level, OperationContext context)
{
    Work work = [level](sqlite::Connection& connection) { connection.execute("SAVEPOINT " + savepoint_name(level)); };
    try {
        co_await request(std::move(work), false, std::move(context), true);
    } catch (...) {
        rethrow_as_storage_error("sqlite", "begin_transaction");
    }
}

awaitable<void> SqliteTransaction::release(int level, OperationContext context)
{
    Work work = [level](sqlite::Connection& connection) { connection.execute("RELEASE " + savepoint_name(level)); };
    try {
        co_await request(std::move(work), false, std::move(context), true);
    } catch (...) {
        rethrow_as_storage_error("sqlite", "commit");
    }
}

awaitable<void> SqliteTransaction::commit(OperationContext context)
{
    Work work = [](sqlite::Connection& connection) {
        try {
            connection.prepare("COMMIT").run();
        } catch (const StorageError& error) {
            throw sqlite::commit_error(error);
        }
    };
    try {
        co_await request(std::move(work), true, std::move(context), true);
    } catch (...) {
        rethrow_as_storage_error("sqlite", "commit");
    }
}

awaitable<void> SqliteTransaction::rollback(int level)
{
    Work work = [level](sqlite::Connection& connection) {
        if (level == 0) {
            connection.prepare("ROLLBACK").run();
            return;
        }
        const std::string name = savepoint_name(level);
        connection.execute("ROLLBACK TO " + name + "; RELEASE " + name);
    };
    try {
        co_await request(std::move(work), level == 0, OperationContext(), false);
    } catch (...) {
        rethrow_as_storage_error("sqlite", "rollback");
    }
}

void SqliteTransaction::handed_on() noexcept
{
    // On the way out of begin_transaction() it moves too.
    if (used_)
        owner_ = nullptr;
}

void SqliteTransaction::abandon(int level) noexcept
{
    {
        const std::lock_guard lock(mutex_);
        if (over_)
            return;
        if (level == 0)
            owner_ = nullptr; // it may end, and another coroutine get its address, before the writer comes to this
        abandoned_level_ = abandoned_level_ < 0 ? level : std::min(abandoned_level_, level);
    }
    wake_.notify_one();
}

void SqliteTransaction::close() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    wake_.notify_one();
}

} // namespace whisperstore

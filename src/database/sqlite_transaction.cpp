#include "database/sqlite_transaction.hpp"

namespace whisperstore {

namespace {

std::string savepoint_name(int level) { return "level_" + std::to_string(level); }

} // namespace

/// A call of the owner, run by the writer thread.
class SqliteTransaction::Request final : public Job
{
public:
    Request(Work work, bool ends_it) : ends(ends_it), work_(std::move(work)) {}

    std::exception_ptr run(sqlite::Connection& connection)
    {
        std::exception_ptr error;
        set_connection(&connection);
        try {
            if (abort_reason() != AbortReason::none)
                throw abort_error(abort_reason(), "waiting for its turn");
            work_(connection);
        } catch (const StorageError& failure) {
            error = sqlite::is_interrupt(failure) && abort_reason() != AbortReason::none
                        ? std::make_exception_ptr(abort_error(abort_reason(), "the query"))
                        : std::make_exception_ptr(failure);
        } catch (...) {
            error = std::current_exception();
        }
        set_connection(nullptr);
        return error;
    }

    const bool ends;

protected:
    void on_abort() noexcept override
    {
        const std::lock_guard lock(mutex_);
        if (connection_)
            connection_->interrupt();
    }

private:
    void set_connection(sqlite::Connection* connection) noexcept
    {
        const std::lock_guard lock(mutex_);
        connection_ = connection;
    }
    Work work_;
    std::mutex mutex_;
    sqlite::Connection* connection_ = nullptr;
};

/// What the writer is given: begins, tells the owner, then serves.
class SqliteTransaction::Runner final : public sqlite::WriteJob
{
public:
    Runner(std::shared_ptr<SqliteTransaction> transaction, std::shared_ptr<Job> begun)
        : WriteJob(Mode::exclusive), transaction_(std::move(transaction)), begun_(std::move(begun))
    {}

    void run(sqlite::Connection& connection) override
    {
        if (!begun_->begin()) // cancelled while waiting for the writer
            return;
        try {
            connection.prepare("BEGIN IMMEDIATE").run();
        } catch (...) {
            begun_->complete(std::current_exception());
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

SqliteTransaction::SqliteTransaction(std::shared_ptr<sqlite::Store> store, std::shared_ptr<SqliteQueryCache> cache,
                                     std::chrono::milliseconds idle_limit)
    : store_(std::move(store)), cache_(std::move(cache)), idle_limit_(idle_limit)
{}

awaitable<void> SqliteTransaction::begin(OperationContext context)
{
    session_ = context.session;
    auto begun = std::make_shared<Job>();
    auto runner = std::make_shared<Runner>(shared_from_this(), begun);
    std::function<void(std::shared_ptr<Job>)> submit = [this, runner](const std::shared_ptr<Job>&) {
        store_->submit_unawaited(runner);
    };
    co_await Job::wait(begun, std::move(submit), std::move(context));
}

bool SqliteTransaction::owned_by(const void* coroutine, const Session* session) const noexcept
{
    return (coroutine && owner_ == coroutine) || (session && session_.get() == session);
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
    while (true) {
        std::shared_ptr<Request> request;
        int abandoned = -1;
        {
            std::unique_lock lock(mutex_);
            const bool woken = wake_.wait_for(
                lock, idle_limit_, [this] { return closing_ || abandoned_level_ >= 0 || !queue_.empty(); });
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
        if (abandoned == 0)
            return end(StorageErrc::invalid_argument, "the transaction has ended");
        if (abandoned > 0) {
            const std::string name = savepoint_name(abandoned);
            try {
                connection.execute("ROLLBACK TO " + name + "; RELEASE " + name);
            } catch (const StorageError& error) {
                return end(error.errc(), "the transaction was rolled back: " + error.message());
            }
            continue;
        }
        if (!request->begin())
            continue;
        const std::exception_ptr error = request->run(connection);
        if (request->ends || !connection.in_transaction()) {
            // Marked before the owner hears of it, so that its next call cannot slip in.
            end(StorageErrc::invalid_argument,
                request->ends ? "the transaction has ended" : "the database has rolled the transaction back");
            if (connection.in_transaction())
                connection.execute("ROLLBACK");
            open_ = false;
            request->complete(error);
            return;
        }
        request->complete(error);
    }
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
        self->owner_ = job->coroutine();
        self->wake_.notify_one();
    };
    if (interruptible)
        co_await Job::wait(job, std::move(submit), std::move(context));
    else
        co_await Job::wait_uninterrupted(job, std::move(submit));
}

awaitable<QueryResult> SqliteTransaction::execute(std::string sql, Parameters parameters, OperationContext context)
{
    const BoundQuery query = bind_query(*cache_, sql, std::move(parameters));
    const auto start = std::chrono::steady_clock::now();
    QueryResult result;
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
    result.execution_time_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    co_return result;
}

awaitable<void> SqliteTransaction::savepoint(int level, OperationContext context)
{
    Work work = [level](sqlite::Connection& connection) { connection.execute("SAVEPOINT " + savepoint_name(level)); };
    co_await request(std::move(work), false, std::move(context), true);
}

awaitable<void> SqliteTransaction::release(int level, OperationContext context)
{
    Work work = [level](sqlite::Connection& connection) { connection.execute("RELEASE " + savepoint_name(level)); };
    co_await request(std::move(work), false, std::move(context), true);
}

awaitable<void> SqliteTransaction::commit(OperationContext context)
{
    Work work = [](sqlite::Connection& connection) { connection.prepare("COMMIT").run(); };
    co_await request(std::move(work), true, std::move(context), true);
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
    co_await request(std::move(work), level == 0, OperationContext(), false);
}

void SqliteTransaction::abandon(int level) noexcept
{
    {
        const std::lock_guard lock(mutex_);
        if (over_)
            return;
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

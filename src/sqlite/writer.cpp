#include "sqlite/store.hpp"

#include <sqlite3.h>

namespace whisperstore::sqlite {

namespace {

constexpr std::size_t batch_limit = 512;
constexpr int checkpoint_when_idle_pages = 1000;
constexpr int checkpoint_always_pages = 8000;

StorageError deferred_key_error(const Connection& connection)
{
    return make_error(SQLITE_CONSTRAINT_FOREIGNKEY, "FOREIGN KEY constraint failed", connection.options().path,
                      connection.options().backend);
}

bool has_open_foreign_keys(Connection& connection) noexcept
{
    int current = 0;
    int highest = 0;
    sqlite3_db_status(connection.handle(), SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0);
    return current != 0;
}

/// What a failed COMMIT says about the outcome: after a failed write or sync the commit record may
/// have reached the disk all the same.
std::exception_ptr commit_error(const StorageError& error)
{
    if (error.native_code().starts_with("SQLITE_IOERR"))
        return std::make_exception_ptr(error.with_outcome(Outcome::unknown));
    return std::make_exception_ptr(error);
}

} // namespace

void WriteJob::on_abort() noexcept
{
    const std::lock_guard lock(*guard_);
    if (running_on_)
        running_on_->interrupt();
}

Writer::Writer(OpenOptions options, const std::function<void(Connection&)>& on_open) : connection_(std::move(options))
{
    sqlite3_wal_hook(
        connection_.handle(),
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<Writer*>(self)->wal_pages_ = pages;
            return SQLITE_OK;
        },
        this);
    if (on_open)
        on_open(connection_);
    thread_ = std::thread([this] { loop(); });
}

Writer::~Writer() { stop(); }

void Writer::stop() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable())
        thread_.join();
}

std::size_t Writer::pending() const noexcept { return pending_.load(std::memory_order_relaxed); }

void Writer::submit(std::shared_ptr<WriteJob> job)
{
    job->guard_ = running_mutex_;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_)
            throw StorageError(StorageErrc::closed, "the store was closed", ErrorDetails{connection_.options().backend});
        queue_.push_back(std::move(job));
        pending_.fetch_add(1, std::memory_order_relaxed);
    }
    wake_.notify_one();
}

void Writer::loop()
{
    std::vector<std::shared_ptr<WriteJob>> batch;
    while (true) {
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty())
                break;
            // A batch is a run of jobs that share a transaction; an exclusive job is one of its own.
            do {
                batch.push_back(std::move(queue_.front()));
                queue_.pop_front();
            } while (!queue_.empty() && batch.size() < batch_limit && batch.back()->mode != WriteJob::Mode::exclusive &&
                     queue_.front()->mode != WriteJob::Mode::exclusive);
        }
        const std::size_t count = batch.size();
        std::erase_if(batch, [](const auto& job) { return !job->begin(); });
        if (!batch.empty()) {
            if (batch.front()->mode == WriteJob::Mode::exclusive)
                run_exclusive(batch.front());
            else
                run_batch(std::move(batch));
        }
        batch.clear();
        pending_.fetch_sub(count, std::memory_order_relaxed);
        checkpoint_if_due();
    }
}

void Writer::mark_running(WriteJob& job, bool running) noexcept
{
    const std::lock_guard lock(*running_mutex_);
    job.running_on_ = running ? &connection_ : nullptr;
}

void Writer::run_exclusive(const std::shared_ptr<WriteJob>& job)
{
    std::exception_ptr error;
    mark_running(*job, true);
    try {
        if (job->abort_reason() != AbortReason::none)
            throw abort_error(job->abort_reason(), "waiting for its turn");
        job->run(connection_);
    } catch (const StorageError& failure) {
        error = is_interrupt(failure) && job->abort_reason() != AbortReason::none
                    ? std::make_exception_ptr(abort_error(job->abort_reason(), "the operation"))
                    : std::make_exception_ptr(failure);
    } catch (...) {
        error = std::current_exception();
    }
    mark_running(*job, false);
    if (connection_.in_transaction()) {
        try {
            connection_.execute("ROLLBACK");
        } catch (const StorageError&) {
            error = std::current_exception();
        }
    }
    if (!error)
        job->committed();
    job->complete(error);
}

/// Runs one member of a batch; its error, if any, is left in the job. False: the whole transaction
/// is lost or spoiled through this member.
bool Writer::run_member(WriteJob& job)
{
    job.error_ = nullptr;
    if (job.abort_reason() != AbortReason::none) {
        job.error_ = std::make_exception_ptr(abort_error(job.abort_reason(), "waiting for its turn"));
        return true;
    }
    const bool savepoint = job.mode == WriteJob::Mode::group;
    const sqlite3_int64 changes_before = sqlite3_total_changes64(connection_.handle());
    mark_running(job, true);
    try {
        if (savepoint)
            connection_.prepare("SAVEPOINT member").run();
        job.run(connection_);
        if (has_open_foreign_keys(connection_))
            throw deferred_key_error(connection_);
    } catch (const StorageError& failure) {
        job.error_ = is_interrupt(failure) && job.abort_reason() != AbortReason::none
                         ? std::make_exception_ptr(abort_error(job.abort_reason(), "the operation"))
                         : std::make_exception_ptr(failure);
    } catch (...) {
        job.error_ = std::current_exception();
    }
    mark_running(job, false);

    // OR ROLLBACK, RAISE(ROLLBACK), a full disk or an interrupted write end the transaction for all.
    if (!connection_.in_transaction())
        return false;
    if (savepoint) {
        try {
            if (job.error_)
                connection_.prepare("ROLLBACK TO member").run();
            connection_.prepare("RELEASE member").run();
        } catch (...) {
            job.error_ = std::current_exception();
            return false;
        }
        return true;
    }
    // A failed single statement undoes itself, but OR FAIL keeps what it did before failing, and a
    // deferred foreign key leaves its row: both are undone by losing the transaction.
    return !(job.error_ && sqlite3_total_changes64(connection_.handle()) != changes_before);
}

void Writer::run_batch(std::vector<std::shared_ptr<WriteJob>> batch)
{
    while (!batch.empty()) {
        std::exception_ptr failure; // of the transaction as a whole
        auto offender = batch.end();
        try {
            connection_.prepare("BEGIN IMMEDIATE").run();
            for (auto member = batch.begin(); member != batch.end(); ++member)
                if (!run_member(**member)) {
                    offender = member;
                    break;
                }
            if (offender == batch.end()) {
                try {
                    connection_.prepare("COMMIT").run();
                } catch (const StorageError& error) {
                    failure = commit_error(error);
                }
            }
            if (connection_.in_transaction())
                connection_.execute("ROLLBACK");
        } catch (...) {
            failure = std::current_exception();
        }

        if (!failure && offender != batch.end()) {
            // The others are known not applied: they run again, and their callers see nothing of it.
            const std::shared_ptr<WriteJob> lost = *offender;
            batch.erase(offender);
            lost->complete(lost->error_);
            continue;
        }
        if (!failure)
            for (const auto& job : batch)
                if (!job->error_)
                    job->committed();
        for (const auto& job : batch)
            job->complete(job->error_ ? job->error_ : failure);
        return;
    }
}

void Writer::checkpoint_if_due() noexcept
{
    if (wal_pages_ < checkpoint_when_idle_pages)
        return;
    {
        const std::lock_guard lock(mutex_);
        if (!queue_.empty() && wal_pages_ < checkpoint_always_pages)
            return;
    }
    // Passive: never waits for readers. Its failure loses nothing (the WAL keeps the data) and is
    // tried again after the next commit.
    sqlite3_wal_checkpoint_v2(connection_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    wal_pages_ = 0;
}

} // namespace whisperstore::sqlite

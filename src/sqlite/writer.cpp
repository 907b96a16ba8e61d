#include "sqlite/store.hpp"

#include <sqlite3.h>

#include <algorithm>

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

bool is_out_of_space(const std::exception_ptr& failure) noexcept
{
    try {
        std::rethrow_exception(failure);
    } catch (const StorageError& error) {
        return error.errc() == StorageErrc::resource_exhausted;
    } catch (...) {
        return false;
    }
}

} // namespace

Writer::Writer(OpenOptions options, const std::function<void(Connection&)>& on_open, Commits& commits)
    : connection_(std::move(options)), commits_(commits)
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
    {
        const std::lock_guard lock(mutex_);
        if (stopping_)
            throw StorageError(StorageErrc::closed, "the store was closed",
                               ErrorDetails{connection_.options().backend});
        queue_.push_back(std::move(job));
        pending_.fetch_add(1, std::memory_order_relaxed);
    }
    wake_.notify_one();
}

void Writer::loop()
{
    Batch batch;
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
        if (batch.front()->mode == WriteJob::Mode::exclusive)
            run_exclusive(batch.front());
        else
            run_batch(std::move(batch));
        batch.clear();
        pending_.fetch_sub(count, std::memory_order_relaxed);
        checkpoint_if_due();
    }
}

void Writer::run_exclusive(const std::shared_ptr<WriteJob>& job)
{
    if (!job->begin())
        return;
    std::exception_ptr error;
    commits_.begin();
    release_snapshots();
    try {
        const Stopper::Scope scope(job->stopper_, connection_);
        if (job->abort_reason() != AbortReason::none)
            throw abort_error(job->abort_reason(), "waiting for its turn");
        job->run(connection_);
    } catch (...) {
        error = failure_of(*job, "the operation");
    }
    if (connection_.in_transaction()) {
        try {
            connection_.execute("ROLLBACK");
        } catch (const StorageError&) {
            error = std::current_exception();
        }
    }
    commits_.end();
    if (!error)
        job->committed();
    job->complete(std::move(error));
}

/// Whether a failed statement may leave rows behind that sqlite3_total_changes() does not count: those
/// it wrote before a trigger or constraint of the schema failed by FAIL.
bool Writer::may_fail_halfway() noexcept
{
    try {
        return connection_.query_int("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE upper(sql) LIKE '%FAIL%') OR "
                                     "EXISTS (SELECT 1 FROM sqlite_temp_schema WHERE upper(sql) LIKE '%FAIL%')") != 0;
    } catch (const StorageError&) {
        return true;
    }
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
    try {
        const Stopper::Scope scope(job.stopper_, connection_);
        if (savepoint)
            connection_.prepare("SAVEPOINT member").run();
        job.run(connection_);
        if (has_open_foreign_keys(connection_))
            throw deferred_key_error(connection_);
    } catch (...) {
        job.error_ = failure_of(job, "the operation");
    }

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
    return !job.error_ || (sqlite3_total_changes64(connection_.handle()) == changes_before && !may_fail_halfway());
}

std::exception_ptr Writer::begin() noexcept
{
    try {
        connection_.prepare("BEGIN IMMEDIATE").run();
        return nullptr;
    } catch (...) {
        return std::current_exception();
    }
}

std::exception_ptr Writer::commit() noexcept
{
    std::exception_ptr failure;
    commits_.begin();
    try {
        connection_.prepare("COMMIT").run();
    } catch (const StorageError& error) {
        failure = std::make_exception_ptr(commit_error(error));
    } catch (...) {
        failure = std::current_exception();
    }
    commits_.end(); // also of one that failed: it may show all the same
    return failure;
}

void Writer::release_snapshots() noexcept
{
    if (readers_)
        readers_->release_snapshots();
}

void Writer::run_batch(Batch batch)
{
    // Jobs count as queued until the lock is there, so that whoever gives up meanwhile is let go at once.
    std::exception_ptr failure = begin();
    std::erase_if(batch, [](const auto& job) { return !job->begin(); });
    run_together(std::move(batch), std::move(failure));
}

/// \param failure of BEGIN, else the transaction is open.
void Writer::run_together(Batch batch, std::exception_ptr failure)
{
    while (true) {
        auto offender = batch.end();
        bool is_full = false;
        if (!failure) {
            offender = std::find_if(batch.begin(), batch.end(), [this](const auto& job) { return !run_member(*job); });
            if (offender == batch.end()) {
                failure = commit();
                is_full = failure && is_out_of_space(failure);
            }
        }
        if (connection_.in_transaction()) {
            try {
                connection_.execute("ROLLBACK");
            } catch (...) {
                failure = std::current_exception();
            }
        }
        if (!failure && offender != batch.end()) {
            // The others are known not applied: they run again, and their callers see nothing of it.
            const std::shared_ptr<WriteJob> lost = *offender;
            batch.erase(offender);
            lost->complete(std::move(lost->error_));
            if (batch.empty())
                return;
            failure = begin();
            continue;
        }
        if (is_full && batch.size() > 1) {
            // Together they do not fit: each on its own, so that the small ones do not pay for a large one.
            for (const auto& job : batch)
                run_together(Batch(1, job), begin());
            return;
        }
        if (!failure)
            for (const auto& job : batch)
                if (!job->error_)
                    job->committed();
        for (const auto& job : batch)
            job->complete(job->error_ ? std::move(job->error_) : failure);
        return;
    }
}

void Writer::checkpoint_if_due() noexcept
{
    if (wal_pages_ < checkpointed_at_)
        checkpointed_at_ = 0; // the log began anew
    const int grown = wal_pages_ - checkpointed_at_;
    if (grown < checkpoint_when_idle_pages)
        return;
    {
        const std::lock_guard lock(mutex_);
        if (!queue_.empty() && grown < checkpoint_always_pages)
            return;
    }
    // Passive: never waits for readers. Its failure loses nothing (the log keeps the data), and it is
    // tried again when the log has grown further.
    // Without kept snapshots it comes to the end of the log. Those that begin after it need no log, and the next write
    // can begin it anew; older ones are not used again.
    commits_.let_keep(false);
    release_snapshots();
    if (sqlite3_wal_checkpoint_v2(connection_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr) ==
        SQLITE_OK)
        checkpoints_.fetch_add(1, std::memory_order_relaxed);
    commits_.end();
    commits_.let_keep(true);
    checkpointed_at_ = wal_pages_;
}

} // namespace whisperstore::sqlite

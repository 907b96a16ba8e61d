#include "sqlite/store.hpp"

#include <sqlite3.h>

#include <algorithm>

namespace whisperstore::sqlite {

namespace {

class FunctionWriteJob final : public WriteJob
{
public:
    FunctionWriteJob(Mode job_mode, std::function<void(Connection&)> work, std::function<void()> committed)
        : WriteJob(job_mode), work_(std::move(work)), committed_(std::move(committed))
    {
    }
    void run(Connection& connection) override { work_(connection); }
    void committed() noexcept override
    {
        if (committed_)
            committed_();
    }

private:
    std::function<void(Connection&)> work_;
    std::function<void()> committed_;
};

class ThreadJob final : public Job
{
public:
    ThreadJob(std::function<void()> work, std::function<void()> interrupt)
        : work_(std::move(work)), interrupt_(std::move(interrupt))
    {
    }

    void run() noexcept
    {
        if (!begin())
            return;
        std::exception_ptr error;
        try {
            work_();
        } catch (...) {
            error = failure_of(*this, "the operation");
        }
        // Before the caller goes on: what the work holds (a store, an adapter) may be its caller's to end.
        work_ = nullptr;
        complete(std::move(error));
    }

protected:
    void on_abort() noexcept override
    {
        if (interrupt_)
            interrupt_();
    }

private:
    std::function<void()> work_;
    std::function<void()> interrupt_;
};

} // namespace

std::exception_ptr failure_of(const Job& job, std::string_view what) noexcept
{
    try {
        throw;
    } catch (const StorageError& failure) {
        if (is_interrupt(failure) && job.abort_reason() != AbortReason::none)
            return std::make_exception_ptr(abort_error(job.abort_reason(), what));
        return std::current_exception();
    } catch (...) {
        return std::current_exception();
    }
}

/// A read waiting for or running on a reader thread.
class ReaderPool::ReadJob final : public Job
{
public:
    explicit ReadJob(std::function<void(Connection&)> work) : work_(std::move(work)) {}

    void run(Connection& connection)
    {
        std::exception_ptr error;
        try {
            const Stopper::Scope scope(stopper_, connection);
            if (abort_reason() != AbortReason::none)
                throw abort_error(abort_reason(), "waiting for its turn");
            work_(connection);
        } catch (...) {
            error = failure_of(*this, "the query");
        }
        error_ = std::move(error);
    }
    void finish() noexcept
    {
        work_ = nullptr; // before the caller goes on: see ThreadJob
        complete(std::move(error_));
    }

protected:
    void on_abort() noexcept override { stopper_.stop(); }

private:
    std::function<void(Connection&)> work_;
    Stopper stopper_;
    std::exception_ptr error_;
};

ReaderPool::ReaderPool(OpenOptions options, std::size_t size, Commits* commits) : commits_(commits)
{
    options.read_only = true;
    connections_.reserve(size); // leases point into it
    for (std::size_t i = 0; i < size; ++i) {
        connections_.emplace_back();
        connections_.back().connection = std::make_unique<Connection>(options);
    }
    for (std::size_t i = 0; i < size; ++i)
        threads_.emplace_back([this] { loop(); });
}

ReaderPool::~ReaderPool() { stop(); }

void ReaderPool::stop() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_)
        if (thread.joinable())
            thread.join();
}

bool ReaderPool::runs_here() const noexcept
{
    return std::any_of(threads_.begin(), threads_.end(),
                       [](const std::thread& thread) { return thread.get_id() == std::this_thread::get_id(); });
}

ReaderPool::Slot* ReaderPool::take_locked() noexcept
{
    for (Slot& slot : connections_)
        if (!slot.busy) {
            slot.busy = true;
            active_.store(active_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            return &slot;
        }
    return nullptr;
}

void ReaderPool::end_snapshot(Slot& slot) noexcept
{
    slot.snapshot = 0;
    if (slot.connection->in_transaction())
        sqlite3_exec(slot.connection->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void ReaderPool::release_snapshots() noexcept
{
    const std::lock_guard lock(mutex_);
    for (Slot& slot : connections_)
        if (!slot.busy && slot.snapshot != 0)
            end_snapshot(slot);
}

void ReaderPool::give_back(Slot* slot) noexcept
{
    // A snapshot left open for nobody would keep the write-ahead log from being reused.
    if (slot->snapshot == 0 || !commits_->may_keep())
        end_snapshot(*slot);
    if (commits_)
        commits_->seen();
    bool waiting = false;
    {
        const std::lock_guard lock(mutex_);
        slot->busy = false;
        active_.store(active_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        waiting = !queue_.empty();
    }
    if (waiting)
        wake_.notify_one();
}

void ReaderPool::use_snapshot(Slot& slot)
{
    if (!commits_)
        return; // others write, and who can tell when
    const std::uint64_t last = commits_->count();
    if (slot.snapshot == last)
        return;
    if (slot.snapshot != 0)
        end_snapshot(slot);
    // Worth its two statements when it was read before since the last commit, so that it may be read again.
    if (std::exchange(slot.last_read, last) == last && !commits_->under_way() && commits_->may_keep()) {
        slot.connection->prepare("BEGIN").run();
        slot.snapshot = last;
    }
}

std::optional<ReaderPool::Lease> ReaderPool::try_take()
{
    const std::lock_guard lock(mutex_);
    if (stopping_ || !queue_.empty())
        return std::nullopt;
    Slot* slot = take_locked();
    return slot ? std::optional<Lease>(std::in_place, *this, *slot) : std::nullopt;
}

std::optional<ReaderPool::Lease> ReaderPool::try_lease()
{
    std::optional<Lease> lease = try_take();
    if (lease)
        end_snapshot(*lease->slot_);
    return lease;
}

std::optional<ReaderPool::Lease> ReaderPool::try_lease_snapshot()
{
    std::optional<Lease> lease = try_take();
    if (lease)
        use_snapshot(*lease->slot_);
    return lease;
}

void ReaderPool::loop()
{
    while (true) {
        std::shared_ptr<ReadJob> job;
        Slot* slot = nullptr;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] {
                if (queue_.empty())
                    return stopping_;
                slot = take_locked();
                return slot != nullptr;
            });
            if (queue_.empty())
                return;
            job = std::move(queue_.front());
            queue_.pop_front();
        }
        const bool begun = job->begin();
        end_snapshot(*slot); // it may begin a transaction of its own
        if (begun)
            job->run(*slot->connection);
        give_back(slot);
        if (begun)
            job->finish();
    }
}

awaitable<void> ReaderPool::run(std::function<void(Connection&)> work, OperationContext context)
{
    auto job = std::make_shared<ReadJob>(std::move(work));
    std::function<void(std::shared_ptr<Job>)> submit = [this, job](const std::shared_ptr<Job>&) {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_)
                throw StorageError(StorageErrc::closed, "the store was closed");
            queue_.push_back(job);
        }
        wake_.notify_one();
    };
    co_await Job::wait(job, std::move(submit), std::move(context));
}

Store::Store(StoreOptions options, std::function<void(Connection&)> on_open)
    : options_(std::move(options)), commits_(std::make_unique<Commits>())
{
    OpenOptions& open = options_.open;
    open.path = std::filesystem::absolute(open.path);
    std::error_code unknown; // told by opening it
    if (auto followed = std::filesystem::weakly_canonical(open.path, unknown); !unknown)
        open.path = std::move(followed);
    if (!open.read_only) {
        make_private_directory(open.path.parent_path(), open.backend);
        if (options_.lock_name != "none") {
            const auto lock = options_.lock_name.empty() ? std::filesystem::path(open.path.string() + ".lock")
                                                         : open.path.parent_path() / options_.lock_name;
            lock_ = std::make_unique<FileLock>(lock, options_.what, open.backend);
        }
        writer_ = std::make_unique<Writer>(open, on_open, *commits_);
        readers_ = std::make_unique<ReaderPool>(open, options_.readers, commits_.get());
        writer_->set_readers(readers_.get());
        return;
    }
    readers_ = std::make_unique<ReaderPool>(open, options_.readers, nullptr);
    if (on_open)
        if (auto lease = readers_->try_lease())
            on_open(lease->connection());
}

Store::~Store()
{
    if (!readers_->runs_here() && !(writer_ && writer_->runs_here())) {
        close();
        return;
    }
    // The last to hold the store was a job on one of its own threads, which cannot wait for itself.
    std::thread([lock = std::move(lock_), commits = std::move(commits_), writer = std::move(writer_),
                 readers = std::move(readers_)]() mutable {
        close(*readers, writer.get());
        lock.reset();
    }).detach();
}

void Store::close() noexcept
{
    close(*readers_, writer_.get());
    lock_.reset();
}

void Store::close(ReaderPool& readers, Writer* writer) noexcept
{
    readers.stop();
    if (!writer)
        return;
    writer->stop();
    // Folds the write-ahead log into the file while the lock is still ours; if it cannot (a reader
    // elsewhere, which is not waited for), the log stays valid beside the file.
    sqlite3* handle = writer->connection().handle();
    sqlite3_busy_handler(handle, nullptr, nullptr);
    sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

std::size_t Store::active() const noexcept { return readers_->active() + (writer_ && writer_->pending() > 0 ? 1 : 0); }

void Store::submit_unawaited(std::shared_ptr<WriteJob> job)
{
    if (!writer_)
        throw StorageError(StorageErrc::permission,
                           options_.what + " " + options_.open.path.string() + " was opened read-only",
                           ErrorDetails{options_.open.backend});
    writer_->submit(std::move(job));
}

awaitable<void> Store::submit(std::shared_ptr<WriteJob> job, OperationContext context)
{
    std::function<void(std::shared_ptr<Job>)> hand_over = [this, job](const std::shared_ptr<Job>&) {
        submit_unawaited(job);
    };
    co_await Job::wait(job, std::move(hand_over), std::move(context));
}

awaitable<void> Store::write(std::function<void(Connection&)> work, OperationContext context,
                             std::function<void()> committed)
{
    auto job = std::make_shared<FunctionWriteJob>(WriteJob::Mode::group, std::move(work), std::move(committed));
    co_await submit(std::move(job), std::move(context));
}

awaitable<void> Store::exclusive(std::function<void(Connection&)> work, OperationContext context)
{
    auto job = std::make_shared<FunctionWriteJob>(WriteJob::Mode::exclusive, std::move(work), nullptr);
    co_await submit(std::move(job), std::move(context));
}

awaitable<void> Store::read_inline(std::function<void(Connection&)> work, OperationContext context)
{
    if (auto lease = readers_->try_lease()) {
        work(lease->connection());
        co_return;
    }
    co_await readers_->run(std::move(work), std::move(context));
}

awaitable<void> Store::read(std::function<void(Connection&)> work, OperationContext context)
{
    co_await readers_->run(std::move(work), std::move(context));
}

awaitable<void> run_on_thread(std::function<void()> work, OperationContext context, std::function<void()> interrupt)
{
    auto job = std::make_shared<ThreadJob>(std::move(work), std::move(interrupt));
    std::function<void(std::shared_ptr<Job>)> submit = [](const std::shared_ptr<Job>& self) {
        std::thread([self] { static_cast<ThreadJob&>(*self).run(); }).detach();
    };
    co_await Job::wait(std::move(job), std::move(submit), std::move(context));
}

} // namespace whisperstore::sqlite

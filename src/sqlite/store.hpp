#pragma once
// One SQLite file with a writer thread (group commit) and readers; shared by the adapter, the local
// vector store and the archives.

#include "core/job.hpp"
#include "sqlite/commits.hpp"
#include "sqlite/connection.hpp"
#include "sqlite/file_lock.hpp"
#include "sqlite/stopper.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace whisperstore::sqlite {

/// For `catch (...)` around the work of a job: its error. An interrupt that the job's own abort caused
/// is told as that, naming `what` was cancelled or came too late.
std::exception_ptr failure_of(const Job& job, std::string_view what) noexcept;

/// Work for the writer. run() is called inside a transaction shared with other jobs and may be
/// called again after a rollback that was not its fault, so it must only touch the connection and
/// its own results.
class WriteJob : public Job
{
public:
    enum class Mode
    {
        statement, ///< runs exactly one statement: it undoes itself when it fails
        group,     ///< several statements: wrapped in a savepoint
        exclusive, ///< alone, outside any transaction
    };
    explicit WriteJob(Mode job_mode) noexcept : mode(job_mode) {}
    virtual void run(Connection& connection) = 0;
    /// Called on the writer thread after COMMIT, before the caller resumes.
    virtual void committed() noexcept {}

    const Mode mode;

protected:
    void on_abort() noexcept override { stopper_.stop(); }

private:
    friend class Writer;
    Stopper stopper_;
    std::exception_ptr error_;
};

class ReaderPool;

/// The writer thread.
class Writer
{
public:
    Writer(OpenOptions options, const std::function<void(Connection&)>& on_open, Commits& commits);
    /// The readers of the same file, whose snapshots keep its log from being reused. Before the first job.
    void set_readers(ReaderPool* readers) noexcept { readers_ = readers; }
    ~Writer();
    void submit(std::shared_ptr<WriteJob> job);
    /// Ends after what is queued; later submits are `closed`.
    void stop() noexcept;
    /// Jobs queued or running.
    std::size_t pending() const noexcept;
    /// Times that the log was copied into the file.
    std::uint64_t checkpoints() const noexcept { return checkpoints_.load(std::memory_order_relaxed); }
    /// The writer's thread must be the caller, or have stopped.
    Connection& connection() noexcept { return connection_; }

    /// Whether the caller is the writer's thread, which cannot wait for itself.
    bool runs_here() const noexcept { return thread_.get_id() == std::this_thread::get_id(); }

private:
    using Batch = std::vector<std::shared_ptr<WriteJob>>;

    void loop();
    void run_exclusive(const std::shared_ptr<WriteJob>& job);
    void run_batch(Batch batch);
    void run_together(Batch batch, std::exception_ptr failure);
    bool run_member(WriteJob& job);
    std::exception_ptr begin() noexcept;
    std::exception_ptr commit() noexcept;
    bool may_fail_halfway() noexcept;
    void checkpoint_if_due() noexcept;
    void release_snapshots() noexcept;

    Connection connection_;
    Commits& commits_;
    ReaderPool* readers_ = nullptr;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<WriteJob>> queue_;
    bool stopping_ = false;
    std::atomic<std::size_t> pending_{0};
    std::atomic<std::uint64_t> checkpoints_{0};
    int wal_pages_ = 0;       // writer thread only
    int checkpointed_at_ = 0; // wal_pages_ at the last checkpoint
    std::thread thread_;
};

/// The read-only connections and their threads.
class ReaderPool
{
public:
    /// \param commits of the writer in this process; null where there is none.
    ReaderPool(OpenOptions options, std::size_t size, Commits* commits);
    ~ReaderPool();

    /// A free connection for the calling thread, or nothing.
    class Lease;
    std::optional<Lease> try_lease();
    /// The same for reads that begin no transaction themselves. It sees the last commit, where it can in a snapshot
    /// that stays open from read to read: that spares each the locks in the file.
    std::optional<Lease> try_lease_snapshot();
    /// Runs `work` on a reader thread.
    awaitable<void> run(std::function<void(Connection&)> work, OperationContext context);
    void stop() noexcept;
    std::size_t size() const noexcept { return connections_.size(); }
    std::size_t active() const noexcept { return active_.load(std::memory_order_relaxed); }
    /// Whether the caller is one of the readers' threads.
    bool runs_here() const noexcept;
    /// Ends the snapshots kept by connections that are free.
    void release_snapshots() noexcept;

private:
    class ReadJob;
    struct Slot
    {
        std::unique_ptr<Connection> connection;
        bool busy = false;
        std::uint64_t snapshot = 0;  ///< the commit whose snapshot is kept open; 0: none is
        std::uint64_t last_read = 0; ///< the last commit when it was used before
    };
    void loop();
    Slot* take_locked() noexcept;
    void give_back(Slot* slot) noexcept;
    std::optional<Lease> try_take();
    void use_snapshot(Slot& slot);
    static void end_snapshot(Slot& slot) noexcept;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<ReadJob>> queue_;
    std::vector<Slot> connections_;
    Commits* const commits_;
    std::atomic<std::size_t> active_{0}; // written under the mutex
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

class ReaderPool::Lease
{
public:
    Lease(ReaderPool& pool, Slot& slot) noexcept : pool_(&pool), slot_(&slot) {}
    Lease(Lease&& other) noexcept : pool_(other.pool_), slot_(std::exchange(other.slot_, nullptr)) {}
    ~Lease()
    {
        if (slot_)
            pool_->give_back(slot_);
    }
    Lease& operator=(Lease&&) = delete;
    Connection& connection() const noexcept { return *slot_->connection; }

private:
    friend class ReaderPool;
    ReaderPool* pool_;
    Slot* slot_;
};

/// Settings of a Store.
struct StoreOptions
{
    OpenOptions open;
    std::size_t readers = 2;
    std::string lock_name; ///< lock file beside the store; empty = `<path>.lock`; "none" = the caller holds a lock
    std::string what = "database"; ///< names the store in messages
};

/// A SQLite file, opened. All operations are thread safe. Opening and closing block for
/// milliseconds and belong on a background thread or in start-up. Symbolic links are followed first,
/// so that one file has one lock whatever it is called.
class Store
{
public:
    /// Opens; `on_open` runs on the writer's connection before anything else (create tables, check
    /// versions). Read-only stores have no writer: write() is `permission`.
    explicit Store(StoreOptions options, std::function<void(Connection&)> on_open = nullptr);
    ~Store();

    /// Runs `work` in the group commit, in a savepoint of its own, and returns after the commit.
    /// `committed` runs on the writer thread after COMMIT, before that.
    awaitable<void> write(std::function<void(Connection&)> work, OperationContext context,
                          std::function<void()> committed = nullptr);
    awaitable<void> submit(std::shared_ptr<WriteJob> job, OperationContext context);
    /// Queues a job that tells its outcome in another way. Throws StorageError permission or closed.
    void submit_unawaited(std::shared_ptr<WriteJob> job);
    /// Runs `work` alone on the writer's connection, outside any transaction.
    awaitable<void> exclusive(std::function<void(Connection&)> work, OperationContext context);

    /// Runs short read-only `work` on the calling thread when a reader is free, else on a reader
    /// thread. `work` may see different snapshots in its statements unless it begins a transaction.
    awaitable<void> read_inline(std::function<void(Connection&)> work, OperationContext context);
    /// Runs read-only `work` on a reader thread.
    awaitable<void> read(std::function<void(Connection&)> work, OperationContext context);

    /// Ends after the work that is queued and running and gives the lock back; later calls are
    /// `closed`. Blocks.
    void close() noexcept;

    ReaderPool& readers() noexcept { return *readers_; }
    /// For reads on connections of their own: see Commits::seen().
    Commits& commits() noexcept { return *commits_; }
    bool read_only() const noexcept { return options_.open.read_only; }
    const StoreOptions& options() const noexcept { return options_; }
    /// Connections at work.
    std::size_t active() const noexcept;
    /// Writes queued or running.
    std::size_t pending_writes() const noexcept { return writer_ ? writer_->pending() : 0; }
    std::uint64_t checkpoints() const noexcept { return writer_ ? writer_->checkpoints() : 0; }

private:
    static void close(ReaderPool& readers, Writer* writer) noexcept;

    StoreOptions options_;
    std::unique_ptr<FileLock> lock_;
    std::unique_ptr<Commits> commits_; // outlives those who count and ask
    std::unique_ptr<Writer> writer_;
    std::unique_ptr<ReaderPool> readers_;
};

/// Runs blocking `work` on a thread of its own (opening, checking, copying files); `interrupt` asks
/// it to stop when the caller cancels or its deadline passes.
awaitable<void> run_on_thread(std::function<void()> work, OperationContext context,
                              std::function<void()> interrupt = nullptr);

} // namespace whisperstore::sqlite

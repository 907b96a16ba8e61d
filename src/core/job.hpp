#pragma once
// Work done on another thread whose end resumes the awaiting coroutine.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>

namespace whisperstore {

enum class AbortReason : std::uint8_t
{
    none,
    cancelled,
    timeout
};

/// The StorageError of an aborted operation.
StorageError abort_error(AbortReason reason, std::string_view what);

/// One unit of work. The awaiting side suspends in `wait()`; a worker thread calls begin(), does the
/// work and calls complete(). Cancellation and the deadline call abort(): a job still queued ends at
/// once, a running one is asked to stop through on_abort(). Each job completes exactly once.
class Job : public std::enable_shared_from_this<Job>
{
public:
    Job() = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    virtual ~Job() = default;

    /// Worker: takes the job; false when it was aborted while queued (then forget it).
    bool begin() noexcept;
    /// Whether a worker has it.
    bool is_running() const noexcept { return state_.load(std::memory_order_acquire) == State::running; }
    /// Worker: ends the job and resumes the coroutine on its executor.
    void complete(std::exception_ptr error = nullptr) noexcept;
    /// The same, called by the coroutine's own event loop: resumes it before returning, where its executor allows that.
    void complete_here(std::exception_ptr error = nullptr) noexcept;
    /// Ends jobs that went well: coroutines that share an executor are resumed in one of its turns, at the cost of one
    /// wake-up. What the completion handler of one throws there does not keep the others from being resumed.
    static void complete_together(std::vector<std::shared_ptr<Job>> jobs);
    /// Any thread.
    void abort(AbortReason reason) noexcept;
    AbortReason abort_reason() const noexcept { return abort_.load(std::memory_order_acquire); }

    /// Identity of the coroutine that waits (null when it cannot be told): equal for all frames of
    /// one co_spawn.
    const void* coroutine() const noexcept { return coroutine_; }
    /// Where that coroutine goes on; empty when nobody waits. Valid from submission until complete().
    const asio::any_io_executor& executor() const noexcept { return executor_; }

    /// Suspends until complete(). `submit` hands the job to a worker and may throw to refuse it.
    static awaitable<void> wait(std::shared_ptr<Job> job, std::function<void(std::shared_ptr<Job>)> submit,
                                OperationContext context);
    /// As wait(), but cancellation and deadline do not reach the job: for rollbacks.
    static awaitable<void> wait_uninterrupted(std::shared_ptr<Job> job,
                                              std::function<void(std::shared_ptr<Job>)> submit);

protected:
    /// Asks running work to stop, from any thread. complete() must still follow.
    virtual void on_abort() noexcept {}

private:
    struct Initiation;
    class Together;
    enum class State : std::uint8_t
    {
        queued,
        running,
        done
    };
    void finish(std::exception_ptr error, bool here = false) noexcept;
    /// Of two, the end of the job and that of its submission: the later one resumes the coroutine.
    void leave(bool here = false) noexcept;
    /// On the executor: what the coroutine's completion handler throws comes out.
    static void resume(std::shared_ptr<Job> self);

    std::atomic<State> state_{State::queued};
    std::atomic<AbortReason> abort_{AbortReason::none};
    std::atomic<int> inside_{2}; // see leave()
    std::exception_ptr failure_;
    const void* coroutine_ = nullptr;
    asio::any_completion_handler<void(std::exception_ptr)> handler_;
    asio::any_io_executor executor_;
    std::unique_ptr<asio::steady_timer> timer_;
};

/// Identity of the calling coroutine, as Job::coroutine() gives it.
awaitable<const void*> current_coroutine();

} // namespace whisperstore

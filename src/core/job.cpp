#include "core/job.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>
#include <thread>
#include <utility>

namespace whisperstore {

StorageError abort_error(AbortReason reason, std::string_view what)
{
    if (reason == AbortReason::timeout)
        return StorageError(StorageErrc::timeout, "the deadline passed during " + std::string(what));
    return StorageError(StorageErrc::cancelled, std::string(what) + " was cancelled by its caller");
}

namespace {

// Asio's awaitable handlers know the entry frame of their coroutine. It serves as an identity only:
// it is compared, never dereferenced. Without it (another kind of handler) there is no identity.
template <typename Handler>
const void* coroutine_of(Handler& handler) noexcept
{
    if constexpr (requires { handler.entry_point(); })
        return handler.entry_point();
    else
        return nullptr;
}

/// Counts the resumptions under way in an execution context. A worker that posts one is still inside
/// the context when the coroutine already goes on, ends its run() and with it the context: that waits
/// here for the microseconds it takes.
class Resumptions final : public asio::execution_context::service
{
public:
    inline static asio::execution_context::id id;

    explicit Resumptions(asio::execution_context& context) : service(context) {}

    class Scope
    {
    public:
        explicit Scope(asio::execution_context& context) : resumptions_(asio::use_service<Resumptions>(context))
        {
            resumptions_.under_way_.fetch_add(1, std::memory_order_relaxed);
        }
        ~Scope() { resumptions_.under_way_.fetch_sub(1, std::memory_order_release); }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Resumptions& resumptions_;
    };

private:
    void shutdown() override
    {
        while (under_way_.load(std::memory_order_acquire) != 0)
            std::this_thread::yield();
    }

    std::atomic<std::size_t> under_way_{0};
};

} // namespace

struct Job::Initiation
{
    std::shared_ptr<Job> job;
    std::function<void(std::shared_ptr<Job>)> submit;
    std::optional<OperationContext::Clock::time_point> deadline;
    bool interruptible = true;

    template <typename Handler>
    void operator()(Handler&& handler)
    {
        job->coroutine_ = coroutine_of(handler);
        job->executor_ = asio::get_associated_executor(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        job->handler_ = std::forward<Handler>(handler);
        if (interruptible && slot.is_connected()) {
            slot.assign([job = std::weak_ptr<Job>(job)](asio::cancellation_type type) {
                if (type != asio::cancellation_type::none)
                    if (auto alive = job.lock())
                        alive->abort(AbortReason::cancelled);
            });
        }
        if (deadline) {
            job->timer_ = std::make_unique<asio::steady_timer>(job->executor_, *deadline);
            job->timer_->async_wait([job = std::weak_ptr<Job>(job)](boost::system::error_code error) {
                if (!error)
                    if (auto alive = job.lock())
                        alive->abort(AbortReason::timeout);
            });
        }
        // The job may end at any time from here on, but the coroutine goes on only after leave(): its
        // frame holds this object, and what `submit` uses may live in it too. The frame must not hold
        // the job, which holds the frame: whoever works on it and drops it ends the coroutine with it.
        const std::shared_ptr<Job> handed = std::move(job);
        const std::function<void(std::shared_ptr<Job>)> submitting = std::move(submit);
        try {
            submitting(handed);
        } catch (...) {
            if (handed->begin())
                handed->complete(std::current_exception());
        }
        handed->leave();
    }
};

bool Job::begin() noexcept
{
    State expected = State::queued;
    return state_.compare_exchange_strong(expected, State::running, std::memory_order_acq_rel);
}

void Job::complete(std::exception_ptr error) noexcept
{
    state_.store(State::done, std::memory_order_release);
    finish(std::move(error));
}

void Job::complete_here(std::exception_ptr error) noexcept
{
    state_.store(State::done, std::memory_order_release);
    finish(std::move(error), true);
}

void Job::abort(AbortReason reason) noexcept
{
    AbortReason none = AbortReason::none;
    if (!abort_.compare_exchange_strong(none, reason, std::memory_order_acq_rel))
        return;
    State expected = State::queued;
    if (state_.compare_exchange_strong(expected, State::done, std::memory_order_acq_rel))
        finish(std::make_exception_ptr(abort_error(reason, "waiting for its turn")));
    else if (expected == State::running)
        on_abort();
}

void Job::finish(std::exception_ptr error, bool here) noexcept
{
    if (!handler_)
        return; // nobody waits
    failure_ = std::move(error);
    leave(here);
}

void Job::leave(bool here) noexcept
{
    if (inside_.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
    const Resumptions::Scope resuming(asio::query(executor_, asio::execution::context));
    // A copy that ends before the scope does: the handler takes the job's own.
    const asio::any_io_executor executor = executor_;
    auto resumption = [self = shared_from_this()]() mutable { resume(std::move(self)); };
    if (here)
        asio::dispatch(executor, std::move(resumption));
    else
        asio::post(executor, std::move(resumption));
}

void Job::resume(std::shared_ptr<Job> self)
{
    // What belongs to the coroutine's executor ends here: a worker may drop the job later.
    self->timer_.reset();
    self->executor_ = asio::any_io_executor();
    auto handler = std::move(self->handler_);
    std::exception_ptr error = std::move(self->failure_);
    self.reset();
    std::move(handler)(std::move(error));
}

/// Posted to the executor that its jobs share.
class Job::Together
{
public:
    explicit Together(std::vector<std::shared_ptr<Job>> jobs) noexcept : jobs_(std::move(jobs)) {}
    Together(Together&&) noexcept = default;
    Together& operator=(Together&&) = delete;
    ~Together()
    {
        for (; next_ < jobs_.size(); ++next_)
            jobs_[next_]->complete();
    }

    void operator()()
    {
        while (next_ < jobs_.size()) {
            std::shared_ptr<Job> job = std::move(jobs_[next_++]);
            job->state_.store(State::done, std::memory_order_release);
            if (job->inside_.fetch_sub(1, std::memory_order_acq_rel) == 1)
                resume(std::move(job));
        }
    }

private:
    std::vector<std::shared_ptr<Job>> jobs_;
    std::size_t next_ = 0;
};

void Job::complete_together(std::vector<std::shared_ptr<Job>> jobs)
{
    for (auto first = jobs.begin(); first != jobs.end();) {
        const auto last = std::stable_partition(std::next(first), jobs.end(), [&](const std::shared_ptr<Job>& job) {
            return job->handler_ && (*first)->handler_ && job->executor_ == (*first)->executor_;
        });
        if (last - first == 1) {
            (*first)->complete();
        } else {
            // As in leave().
            const Resumptions::Scope resuming(asio::query((*first)->executor_, asio::execution::context));
            const asio::any_io_executor executor = (*first)->executor_;
            asio::post(executor, Together({std::make_move_iterator(first), std::make_move_iterator(last)}));
        }
        first = last;
    }
}

awaitable<void> Job::wait(std::shared_ptr<Job> job, std::function<void(std::shared_ptr<Job>)> submit,
                          OperationContext context)
{
    Initiation initiation{std::move(job), std::move(submit), context.deadline, true};
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr)>(std::move(initiation),
                                                                                            asio::use_awaitable);
}

awaitable<void> Job::wait_uninterrupted(std::shared_ptr<Job> job, std::function<void(std::shared_ptr<Job>)> submit)
{
    Initiation initiation{std::move(job), std::move(submit), std::nullopt, false};
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr)>(std::move(initiation),
                                                                                            asio::use_awaitable);
}

namespace {

struct IdentityInitiation
{
    const void** identity;
    template <typename Handler>
    void operator()(Handler&& handler)
    {
        *identity = coroutine_of(handler);
        auto executor = asio::get_associated_executor(handler);
        asio::dispatch(executor, std::forward<Handler>(handler));
    }
};

} // namespace

awaitable<const void*> current_coroutine()
{
    const void* identity = nullptr;
    IdentityInitiation initiation{&identity};
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(std::move(initiation), asio::use_awaitable);
    co_return identity;
}

} // namespace whisperstore

#include "cache/event.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <functional>
#include <utility>

namespace whisperstore {

namespace {

void release(Job& job) noexcept
{
    if (job.begin())
        job.complete();
}

} // namespace

/// Takes the job off the list however its coroutine ends, so that a long wait keeps no job of those
/// who have gone.
class Event::Membership
{
public:
    Membership(Event& event, std::shared_ptr<Job> job) noexcept : event_(event), job_(std::move(job)) {}
    ~Membership() { event_.forget(job_); }
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

private:
    Event& event_;
    std::shared_ptr<Job> job_;
};

void Event::happen() noexcept
{
    Jobs jobs;
    {
        const std::lock_guard lock(mutex_);
        happened_ = true;
        jobs.swap(jobs_);
    }
    for (const auto& job : jobs)
        release(*job);
}

awaitable<void> Event::wait(std::shared_ptr<Event> event, std::string what, OperationContext context)
{
    const auto job = std::make_shared<Job>();
    const Membership membership(*event, job);
    std::function<void(std::shared_ptr<Job>)> enlist = [event](std::shared_ptr<Job> waiting) {
        event->enlist(std::move(waiting));
    };
    try {
        co_await Job::wait(job, std::move(enlist), std::move(context));
    } catch (const StorageError&) {
        if (job->abort_reason() == AbortReason::none)
            throw;
        throw abort_error(job->abort_reason(), what);
    } catch (const boost::system::system_error& error) {
        // Asio's own, when the coroutine had been cancelled before it came to wait.
        if (error.code() != asio::error::operation_aborted)
            throw;
        throw abort_error(AbortReason::cancelled, what);
    }
}

void Event::enlist(std::shared_ptr<Job> job)
{
    {
        const std::lock_guard lock(mutex_);
        if (!happened_) {
            jobs_.insert(std::move(job));
            return;
        }
    }
    release(*job);
}

void Event::forget(const std::shared_ptr<Job>& job) noexcept
{
    const std::lock_guard lock(mutex_);
    jobs_.erase(job);
}

} // namespace whisperstore

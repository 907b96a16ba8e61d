#pragma once
// What is under way, so that stop() can wait for its end.

#include "core/job.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace whisperstore::serve {

/// Counts what is under way. Thread safe.
class Activity : public std::enable_shared_from_this<Activity>
{
public:
    /// Counts while it lives.
    class Part
    {
    public:
        explicit Part(std::shared_ptr<Activity> of) noexcept : of_(std::move(of)) {}
        Part(Part&&) noexcept = default;
        Part& operator=(Part&&) = delete;
        Part(const Part&) = delete;
        ~Part()
        {
            if (of_)
                of_->leave();
        }

    private:
        std::shared_ptr<Activity> of_;
    };

    Part begin()
    {
        const std::lock_guard lock(mutex_);
        ++count_;
        return Part(shared_from_this());
    }

    /// Returns when nothing is under way. \throws StorageError timeout, cancelled
    awaitable<void> ended(OperationContext context)
    {
        auto job = std::make_shared<Waiting>();
        std::function<void(std::shared_ptr<Job>)> submit = [this](std::shared_ptr<Job> waiting) {
            {
                const std::lock_guard lock(mutex_);
                if (count_ > 0) {
                    waiting_.push_back(std::move(waiting));
                    return;
                }
            }
            if (waiting->begin())
                waiting->complete();
        };
        co_await Job::wait(std::move(job), std::move(submit), std::move(context));
    }

private:
    class Waiting : public Job
    {
    };

    void leave() noexcept
    {
        std::vector<std::shared_ptr<Job>> done;
        {
            const std::lock_guard lock(mutex_);
            if (--count_ > 0)
                return;
            done.swap(waiting_);
        }
        for (const auto& job : done)
            if (job->begin())
                job->complete();
    }

    std::mutex mutex_;
    std::size_t count_ = 0;
    std::vector<std::shared_ptr<Job>> waiting_;
};

} // namespace whisperstore::serve

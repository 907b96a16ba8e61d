#pragma once
// Something that happens once, and the coroutines that wait for it.

#include "core/job.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <boost/unordered/unordered_flat_set.hpp>

#include <memory>
#include <mutex>
#include <string>

namespace whisperstore {

/// Thread safe. Each waiting coroutine resumes on its own executor.
class Event
{
public:
    /// From any thread; a second time is nothing.
    void happen() noexcept;

    /// Suspends until it happened. The caller's cancellation and deadline end its own wait only, with
    /// StorageError cancelled or timeout naming `what`.
    static awaitable<void> wait(std::shared_ptr<Event> event, std::string what, OperationContext context);

private:
    using Jobs = boost::unordered_flat_set<std::shared_ptr<Job>>;
    class Membership;

    void enlist(std::shared_ptr<Job> job);
    void forget(const std::shared_ptr<Job>& job) noexcept;

    std::mutex mutex_;
    Jobs jobs_;
    bool happened_ = false;
};

} // namespace whisperstore

#pragma once
// A coroutine that belongs to nobody's executor.

#include <whisperstore/core/async.hpp>

#include <functional>
#include <memory>

namespace whisperstore {

/// Runs one coroutine on a thread of its own. Thread safe.
class BackgroundTask
{
public:
    /// Begins at once. What the coroutine throws ends it and goes nowhere: it tells of its failures itself.
    /// \param work keeps alive what it uses.
    explicit BackgroundTask(std::function<awaitable<void>()> work);
    /// Cancels it and does not wait: the thread ends on its own.
    ~BackgroundTask();
    BackgroundTask(const BackgroundTask&) = delete;
    BackgroundTask& operator=(const BackgroundTask&) = delete;

    /// Cancels it and waits until it has ended, also for a caller that is cancelled. A second call does nothing.
    awaitable<void> stop();

private:
    struct State;
    const std::shared_ptr<State> state_;
};

} // namespace whisperstore

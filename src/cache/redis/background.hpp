#pragma once
// What a Redis cache does that no caller waits for.

#include "core/event_loop.hpp"

#include <whisperstore/core/async.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace whisperstore::redis {

/// A thread with an event loop for coroutines that are cancelled in the end. Thread safe.
class Background
{
public:
    Background() = default;
    /// As end().
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    /// What the coroutine throws is its own affair.
    void spawn(awaitable<void> work);
    /// Cancels all and waits for them, a few seconds at most: then the thread is left to them.
    void end();

private:
    struct State
    {
        std::mutex mutex;
        std::condition_variable ended;
        std::vector<std::shared_ptr<asio::cancellation_signal>> running;
        bool closed = false;
    };
    const std::shared_ptr<State> state_ = std::make_shared<State>();
    std::unique_ptr<EventLoop> loop_ = std::make_unique<EventLoop>();
};

} // namespace whisperstore::redis

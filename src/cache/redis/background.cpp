#include "cache/redis/background.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <utility>

namespace whisperstore::redis {

namespace {

constexpr auto end_limit = std::chrono::seconds(5);

} // namespace

Background::~Background() { end(); }

void Background::spawn(awaitable<void> work)
{
    const auto signal = std::make_shared<asio::cancellation_signal>();
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->closed)
            return;
        state_->running.push_back(signal);
    }
    // Signals are of the loop's thread.
    asio::post(loop_->executor(),
               [state = state_, signal, work = std::move(work), executor = loop_->executor()]() mutable {
                   auto done = asio::bind_cancellation_slot(signal->slot(), [state, signal](std::exception_ptr) {
                       const std::lock_guard lock(state->mutex);
                       std::erase(state->running, signal);
                       state->ended.notify_all();
                   });
                   asio::co_spawn(executor, std::move(work), std::move(done));
               });
}

void Background::end()
{
    std::unique_lock lock(state_->mutex);
    if (std::exchange(state_->closed, true))
        return;
    asio::post(loop_->executor(), [running = state_->running] {
        for (const auto& signal : running)
            signal->emit(asio::cancellation_type::terminal);
    });
    if (loop_->is_here() || !state_->ended.wait_for(lock, end_limit, [this] { return state_->running.empty(); }))
        static_cast<void>(loop_.release()); // somebody's coroutine is still in it, and would come back to nothing
}

} // namespace whisperstore::redis

#include "cache/redis/event_loop.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <thread>

namespace whisperstore::redis {

namespace asio = boost::asio;

struct EventLoop::Thread
{
    asio::io_context io{1};
    std::thread thread;
};

EventLoop::EventLoop() : thread_(std::make_shared<Thread>())
{
    // The thread keeps the loop alive, for it may be the one that drops the last owner.
    thread_->thread = std::thread([self = thread_] {
        const auto work = asio::make_work_guard(self->io);
        self->io.run();
    });
}

EventLoop::~EventLoop()
{
    thread_->io.stop();
    if (is_here())
        thread_->thread.detach();
    else
        thread_->thread.join();
}

asio::io_context::executor_type EventLoop::executor() const noexcept { return thread_->io.get_executor(); }

bool EventLoop::is_here() const noexcept { return thread_->thread.get_id() == std::this_thread::get_id(); }

} // namespace whisperstore::redis

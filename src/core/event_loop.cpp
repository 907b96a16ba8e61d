#include "core/event_loop.hpp"

#include "core/loose_thread.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <memory>
#include <thread>

namespace whisperstore {

namespace asio = boost::asio;

struct EventLoop::Thread
{
    asio::io_context io{1};
    std::thread thread;
    std::unique_ptr<LooseThread> loose; ///< where nobody joins it

    /// What the thread does. It keeps the loop alive, for it may be the one that drops the last owner.
    static void run(std::shared_ptr<Thread> self)
    {
        {
            const auto work = asio::make_work_guard(self->io);
            self->io.run();
        }
        const std::unique_ptr<LooseThread> until_the_end = std::move(self->loose);
        self.reset(); // what was left in the loop ends now
    }
};

EventLoop::EventLoop() : thread_(std::make_shared<Thread>()) { thread_->thread = std::thread(&Thread::run, thread_); }

EventLoop::~EventLoop()
{
    thread_->io.stop();
    if (is_here()) {
        thread_->loose = std::make_unique<LooseThread>();
        thread_->thread.detach();
    } else {
        thread_->thread.join();
    }
}

asio::io_context::executor_type EventLoop::executor() const noexcept { return thread_->io.get_executor(); }

bool EventLoop::is_here() const noexcept { return thread_->thread.get_id() == std::this_thread::get_id(); }

} // namespace whisperstore

#include "database/postgresql/background.hpp"

#include "core/loose_thread.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <thread>

namespace whisperstore::postgresql {

namespace asio = boost::asio;

struct Background::Thread
{
    asio::io_context io{1};
    std::thread thread;
    std::unique_ptr<LooseThread> loose; ///< where nobody joins it

    static std::shared_ptr<Thread> start()
    {
        auto self = std::make_shared<Thread>();
        self->thread = std::thread(&Thread::run, self);
        return self;
    }

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

    void end() noexcept
    {
        io.stop();
        if (thread.get_id() == std::this_thread::get_id()) {
            loose = std::make_unique<LooseThread>();
            thread.detach();
        } else {
            thread.join();
        }
    }
};

Background::Background() : events_(Thread::start()), blocking_(Thread::start()) {}

Background::~Background()
{
    blocking_->end();
    events_->end();
}

asio::any_io_executor Background::executor() const noexcept { return events_->io.get_executor(); }

void Background::run_blocking(std::function<void()> work) { asio::post(blocking_->io, std::move(work)); }

} // namespace whisperstore::postgresql

#include "database/postgresql/background.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <thread>

namespace whisperstore::postgresql {

namespace asio = boost::asio;

struct Background::Thread
{
    asio::io_context io{1};
    std::thread thread;

    static std::shared_ptr<Thread> start()
    {
        auto self = std::make_shared<Thread>();
        // The thread keeps the loop alive, for it may be the one that drops the last owner.
        self->thread = std::thread([self] {
            const auto work = asio::make_work_guard(self->io);
            self->io.run();
        });
        return self;
    }

    void end() noexcept
    {
        io.stop();
        if (thread.get_id() == std::this_thread::get_id())
            thread.detach();
        else
            thread.join();
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

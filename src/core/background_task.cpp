#include "core/background_task.hpp"

#include "core/job.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <mutex>
#include <thread>
#include <utility>

namespace whisperstore {

namespace {

/// The wait for a thread's end, which another thread does.
class Joining final : public Job
{
public:
    explicit Joining(std::thread thread) : thread_(std::move(thread)) {}

    void run()
    {
        thread_.join();
        if (begin())
            complete();
    }

private:
    std::thread thread_;
};

} // namespace

struct BackgroundTask::State
{
    std::function<awaitable<void>()> work;
    std::mutex mutex; // of the thread
    std::thread thread;
    asio::io_context io{1};
    asio::cancellation_signal cancellation; // used on the thread only

    static void cancel(const std::shared_ptr<State>& self)
    {
        asio::post(self->io, [self] { self->cancellation.emit(asio::cancellation_type::terminal); });
    }
};

BackgroundTask::BackgroundTask(std::function<awaitable<void>()> work) : state_(std::make_shared<State>())
{
    state_->work = std::move(work);
    asio::co_spawn(state_->io, state_->work(),
                   asio::bind_cancellation_slot(state_->cancellation.slot(), [](const std::exception_ptr&) {
                       // Being cancelled is no news, and of everything else the work tells itself.
                   }));
    state_->thread = std::thread([state = state_] { state->io.run(); });
}

BackgroundTask::~BackgroundTask()
{
    State::cancel(state_);
    const std::lock_guard lock(state_->mutex);
    if (state_->thread.joinable())
        state_->thread.detach();
}

awaitable<void> BackgroundTask::stop()
{
    std::thread thread;
    {
        const std::lock_guard lock(state_->mutex);
        thread.swap(state_->thread);
    }
    if (!thread.joinable())
        co_return;
    State::cancel(state_);
    const auto joining = std::make_shared<Joining>(std::move(thread));
    std::function<void(std::shared_ptr<Job>)> submit = [joining](const std::shared_ptr<Job>&) {
        std::thread([joining] { joining->run(); }).detach();
    };
    co_await Job::wait_uninterrupted(joining, std::move(submit));
}

} // namespace whisperstore

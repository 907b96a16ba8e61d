#include "vector/local_qdrant/build_thread.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace whisperstore::local_qdrant {

BuildThread::~BuildThread() { stop(); }

void BuildThread::stop() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable())
        thread_.join();
}

void BuildThread::post(std::function<void()> work)
{
    const std::lock_guard lock(mutex_);
    if (ending_)
        return;
    if (!thread_.joinable())
        thread_ = std::thread([this] { run(); });
    queue_.push_back(std::move(work));
    changed_.notify_one();
}

void BuildThread::run() noexcept
{
#if defined(__linux__)
    // On Linux a priority is a thread's own. Where it is refused, work goes on with the usual one.
    static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness_));
    ::pthread_setname_np(::pthread_self(), "vector graphs");
#endif
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
        if (queue_.empty())
            return;
        std::function<void()> work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work();
        work = nullptr;
        lock.lock();
    }
}

} // namespace whisperstore::local_qdrant

#include "core/loose_thread.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace whisperstore {

namespace {

struct Held
{
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t count = 0;
};

/// Outlives the process' static objects, for a thread may be later than all waiting.
Held& held()
{
    static Held* const all = new Held;
    return *all;
}

/// Made with the first loose thread, so later than what that thread uses, and gone before it.
struct Waiting
{
    ~Waiting()
    {
        std::unique_lock lock(held().mutex);
        held().changed.wait_for(lock, std::chrono::seconds(1), [] { return held().count == 0; });
    }
};

} // namespace

LooseThread::LooseThread() noexcept
{
    static const Waiting at_the_end;
    const std::lock_guard lock(held().mutex);
    ++held().count;
}

LooseThread::~LooseThread()
{
    const std::lock_guard lock(held().mutex);
    if (--held().count == 0)
        held().changed.notify_all();
}

} // namespace whisperstore

#pragma once
// The one thread of a store on which graphs are built.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace whisperstore::local_qdrant {

/// Runs work one by one, in order, when the processor has nothing better to do: it has a low priority, and there
/// is one however many collections there are.
class BuildThread
{
public:
    /// `niceness` is Unix' own measure: 0 is a usual thread's, 19 waits for nearly everything else.
    explicit BuildThread(int niceness = 10) noexcept : niceness_(niceness) {}
    ~BuildThread();
    BuildThread(const BuildThread&) = delete;
    BuildThread& operator=(const BuildThread&) = delete;

    /// The thread begins with the first work. `work` must not throw. Throws std::system_error where no thread can be
    /// had.
    void post(std::function<void()> work);
    /// Ends after what was posted; later work is dropped. Blocks. Not on the thread itself.
    void stop() noexcept;

private:
    void run() noexcept;

    const int niceness_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool ending_ = false;
    std::thread thread_;
};

} // namespace whisperstore::local_qdrant

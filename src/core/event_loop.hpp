#pragma once
// A thread for what no caller's thread does.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>

namespace whisperstore {

/// One thread with an event loop. Sleeps while nothing is asked.
class EventLoop
{
public:
    EventLoop();
    /// Ends the thread; what was not begun is dropped. May run on that thread.
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    boost::asio::io_context::executor_type executor() const noexcept;
    bool is_here() const noexcept;

private:
    struct Thread;
    std::shared_ptr<Thread> thread_;
};

} // namespace whisperstore

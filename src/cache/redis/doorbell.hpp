#pragma once
// Wakes the loop's thread from other threads.

#include "core/event_loop.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <utility>

namespace whisperstore::redis {

/// Posting to an event loop holds its lock while it wakes the thread, which then finds it locked and sleeps again. A
/// bell has no lock.
class Doorbell
{
public:
    /// \throws std::system_error when the process has no file descriptor left.
    explicit Doorbell(EventLoop& loop);
    ~Doorbell();
    Doorbell(const Doorbell&) = delete;
    Doorbell& operator=(const Doorbell&) = delete;

    /// From any thread, also after stop().
    void ring() const noexcept;

    /// \name On the loop's thread
    ///@{
    /// Calls the handler, with an error code, when the bell has rung since the last call of hear().
    template <typename Handler>
    void async_wait(Handler&& handler)
    {
        descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read, std::forward<Handler>(handler));
    }
    void hear() const noexcept;
    void stop();
    ///@}

private:
    const int bell_; // stays open when the descriptor has let go of it: somebody may be ringing
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> descriptor_;
};

} // namespace whisperstore::redis

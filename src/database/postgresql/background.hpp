#pragma once
// The adapter's own threads, for what no caller waits for.

#include "core/event_loop.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>

namespace whisperstore::postgresql {

/// One thread with an event loop (opening connections, timers, rollbacks of dropped transactions) and one for calls of
/// libpq that block (cancel requests). Both sleep nearly always, and end with this, which may be on one of them; what
/// was not begun is dropped. Thread safe.
class Background
{
public:
    boost::asio::any_io_executor executor() const noexcept { return events_.executor(); }
    /// For short blocking calls.
    void run_blocking(std::function<void()> work);

private:
    EventLoop events_;
    EventLoop blocking_;
};

} // namespace whisperstore::postgresql

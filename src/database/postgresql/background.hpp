#pragma once
// The adapter's own threads, for what no caller waits for.

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>

namespace whisperstore::postgresql {

/// One thread with an event loop (opening connections, timers, rollbacks of dropped transactions) and one for calls of
/// libpq that block (cancel requests). Both sleep nearly always. Thread safe.
class Background
{
public:
    Background();
    /// Ends both threads; what was not begun is dropped. May run on one of them.
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    boost::asio::any_io_executor executor() const noexcept;
    /// For short blocking calls.
    void run_blocking(std::function<void()> work);

private:
    struct Thread;
    std::shared_ptr<Thread> events_;
    std::shared_ptr<Thread> blocking_;
};

} // namespace whisperstore::postgresql

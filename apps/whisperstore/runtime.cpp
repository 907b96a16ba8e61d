#include "runtime.hpp"

#include <csignal>
#include <cstdlib>

namespace whisperstore::cli {

Runtime::Runtime() : signals_(io_, SIGINT, SIGTERM) { await_signal(); }

void Runtime::limit(double seconds)
{
    if (seconds > 0)
        context_ = OperationContext::within(
            std::chrono::duration_cast<OperationContext::Clock::duration>(std::chrono::duration<double>(seconds)));
}

void Runtime::check()
{
    io_.restart();
    io_.poll(); // a signal may have come while nothing was running
    if (signal_)
        throw Interrupted{*signal_};
}

void Runtime::await_signal()
{
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
        if (error)
            return;
        if (signal_)
            std::_Exit(128 + number); // asked twice: at once, as by kill -9, which the stores survive
        signal_ = number;
        cancellation_.emit(asio::cancellation_type::terminal);
        await_signal();
    });
}

} // namespace whisperstore::cli

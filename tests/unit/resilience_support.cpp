#include "unit/resilience_support.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace whisperstore::test {

awaitable<void> Script::step(std::string call, OperationContext context)
{
    bool hangs = false;
    std::optional<StorageError> failure;
    std::function<void()> hook;
    {
        const std::lock_guard lock(mutex_);
        calls_.push_back(std::move(call));
        contexts_.push_back(context);
        hangs = hangs_;
        hook = hook_;
        if (!failures_.empty()) {
            failure = failures_.front();
            failures_.pop_front();
        }
    }
    if (hook)
        hook();
    if (failure)
        throw *failure;
    if (!hangs)
        co_return;
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             context.deadline.value_or(OperationContext::Clock::time_point::max()));
    bool cancelled = false;
    try {
        co_await timer.async_wait(asio::use_awaitable);
    } catch (const boost::system::system_error&) {
        cancelled = true;
    }
    throw scripted(cancelled ? StorageErrc::cancelled : StorageErrc::timeout, false, Outcome::not_applied,
                   cancelled ? "cancelled below" : "late below");
}

std::uint64_t RecordingObserver::started(const OperationEvent& event, OperationContext& context) noexcept
{
    static_cast<void>(event);
    const std::lock_guard lock(mutex_);
    if (!child_trace.empty())
        context.trace = child_trace;
    ++under_way_;
    return ++next_;
}

void RecordingObserver::finished(const OperationEvent& event, const OperationContext& context,
                                 const OperationResult& result, std::uint64_t started) noexcept
{
    const std::lock_guard lock(mutex_);
    Ended ended;
    ended.name = std::string(event.layer) + " " + std::string(event.backend) + " " + std::string(event.endpoint) + " " +
                 std::string(event.operation);
    ended.tenant = context.tenant;
    ended.trace = context.trace;
    ended.duration = result.duration;
    ended.attempts = result.attempts;
    ended.error = result.error;
    ended.outcome = result.outcome;
    ended.message = result.message;
    ended_.push_back(std::move(ended));
    if (started >= 1 && started <= next_)
        --under_way_;
}

void RecordingObserver::circuit_changed(const CircuitChange& change) noexcept
{
    const std::lock_guard lock(mutex_);
    circuit_.push_back((change.open ? "open: " : "closed") + std::string(change.reason));
}

} // namespace whisperstore::test

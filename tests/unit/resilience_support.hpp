#pragma once

#include "resilience/decorated_store.hpp"
#include "support/run.hpp"

#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/resilience/decorate.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace whisperstore::test {

/// An error as a backend throws it.
inline StorageError scripted(StorageErrc code, bool retryable = true, Outcome outcome = Outcome::not_applied,
                             std::string message = "scripted")
{
    ErrorDetails details;
    details.retryable = retryable;
    details.outcome = outcome;
    return StorageError(code, std::move(message), std::move(details));
}

/// What the methods of a scripted backend do: note the call, then fail with the next error of the
/// script, hang, or succeed.
class Script
{
public:
    /// To be called first by every method. `arguments` are noted behind the name.
    awaitable<void> step(std::string call, OperationContext context);

    void fail(StorageError error, int times = 1)
    {
        const std::lock_guard lock(mutex_);
        failures_.insert(failures_.end(), static_cast<std::size_t>(times), error);
    }
    /// From now on every call waits until its deadline or its cancellation.
    void hang(bool hangs = true)
    {
        const std::lock_guard lock(mutex_);
        hangs_ = hangs;
    }
    /// Runs before a call of the script fails or succeeds.
    void set_hook(std::function<void()> hook)
    {
        const std::lock_guard lock(mutex_);
        hook_ = std::move(hook);
    }

    std::vector<std::string> calls() const
    {
        const std::lock_guard lock(mutex_);
        return calls_;
    }
    std::size_t count() const { return calls().size(); }
    std::vector<OperationContext> contexts() const
    {
        const std::lock_guard lock(mutex_);
        return contexts_;
    }
    void forget()
    {
        const std::lock_guard lock(mutex_);
        calls_.clear();
        contexts_.clear();
        failures_.clear();
    }

private:
    mutable std::mutex mutex_;
    std::deque<StorageError> failures_;
    std::vector<std::string> calls_;
    std::vector<OperationContext> contexts_;
    std::function<void()> hook_;
    bool hangs_ = false;
};

/// Keeps what it is told.
class RecordingObserver final : public OperationObserver
{
public:
    struct Ended
    {
        std::string name; ///< "layer backend endpoint operation"
        std::string tenant;
        std::string trace;
        std::chrono::nanoseconds duration{0};
        int attempts = 0;
        std::optional<StorageErrc> error;
        Outcome outcome = Outcome::applied;
        std::string message;
    };

    std::uint64_t started(const OperationEvent& event, OperationContext& context) noexcept override;
    void finished(const OperationEvent& event, const OperationContext& context, const OperationResult& result,
                  std::uint64_t started) noexcept override;
    void circuit_changed(const CircuitChange& change) noexcept override;

    std::vector<Ended> ended() const
    {
        const std::lock_guard lock(mutex_);
        return ended_;
    }
    std::vector<std::string> circuit() const
    {
        const std::lock_guard lock(mutex_);
        return circuit_;
    }
    /// started() minus finished(), by their tokens.
    std::int64_t under_way() const
    {
        const std::lock_guard lock(mutex_);
        return under_way_;
    }
    std::string child_trace; ///< put into the context where it is not empty

private:
    mutable std::mutex mutex_;
    std::vector<Ended> ended_;
    std::vector<std::string> circuit_;
    std::int64_t under_way_ = 0;
    std::uint64_t next_ = 0;
};

/// Only retries, without waiting for long.
inline ResilienceConfig only_retry(int attempts = 3)
{
    ResilienceConfig config = ResilienceConfig::none();
    config.retry_attempts = attempts;
    config.retry_initial_backoff = std::chrono::milliseconds(1);
    config.retry_max_backoff = std::chrono::milliseconds(2);
    config.retry_budget = 100;
    return config;
}

} // namespace whisperstore::test

#pragma once
/// \file
/// What travels with every call: deadline, retry budget, tenant, trace and session.

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace whisperstore {

/// Makes a caller read its own writes: writes leave opaque tokens here (an LSN, a bookmark), later
/// calls with the same session wait until the backend they reach has seen them. Backends without
/// replicas leave no tokens. Thread safe.
class Session
{
public:
    void set_token(std::string_view backend, std::string token);
    /// Replaces a token by what `next` makes of it (an empty string where there is none), in one step: of two writes
    /// that end at once neither's token is lost. `next` must not use the session.
    template <typename Next>
    void update_token(std::string_view backend, Next&& next)
    {
        const std::lock_guard lock(mutex_);
        std::string& token = tokens_.try_emplace(std::string(backend)).first->second;
        token = std::forward<Next>(next)(std::as_const(token));
    }
    /// The last token a backend left, or an empty string.
    std::string token(std::string_view backend) const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string, std::less<>> tokens_;
};

/// Retries still allowed for one call of the application, shared by every layer below it. Thread safe.
class RetryBudget
{
public:
    explicit RetryBudget(int retries) noexcept : left_(retries) {}
    /// Takes one retry; false when none is left.
    bool try_take() noexcept;
    int left() const noexcept { return left_.load(std::memory_order_relaxed); }

private:
    std::atomic<int> left_;
};

/// Passed to every operation, defaulted. Copies share the budget and the session.
struct OperationContext
{
    using Clock = std::chrono::steady_clock;

    std::optional<Clock::time_point> deadline; ///< absolute; none = no limit
    std::shared_ptr<RetryBudget> retry_budget; ///< null = the layer's default
    std::shared_ptr<Session> session;          ///< null = the adapter's own session
    std::string tenant;                        ///< for metrics and limits; empty = none
    std::string trace;                         ///< W3C traceparent; empty = none

    /// A context that ends `limit` from now.
    static OperationContext within(Clock::duration limit);
    /// This context with a deadline no later than `limit` from now.
    [[nodiscard]] OperationContext limited_to(Clock::duration limit) const;

    bool expired() const noexcept { return deadline && Clock::now() >= *deadline; }
    /// \throws StorageError timeout when the deadline has passed.
    void check_deadline(std::string_view backend, std::string_view operation) const;
};

} // namespace whisperstore

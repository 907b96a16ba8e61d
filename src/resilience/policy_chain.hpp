#pragma once
// The layers around one store, and one call's way through them.
//
// A layer as an object that wraps the next would cost a coroutine per layer and call. So there is one
// coroutine for all of them (run_policies in policy_run.hpp), which asks a PolicyCall what to do
// before and after each attempt; the layers are plain functions there, in the order of
// docs/resilience.md.

#include "core/circuit_breaker.hpp"
#include "resilience/concurrency_limit.hpp"
#include "resilience/operation.hpp"
#include "resilience/operation_metrics.hpp"
#include "resilience/retry_reserve.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/resilience/operation_observer.hpp>
#include <whisperstore/resilience/resilience_config.hpp>
#include <whisperstore/resilience/resilience_stats.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// Which store it is, for events, counters and errors.
struct StoreIdentity
{
    std::string layer;
    std::string backend;
    std::string endpoint;
};

/// What tests replace. Empty functions: the steady clock, random numbers.
struct ChainSources
{
    std::function<OperationContext::Clock::time_point()> now;
    std::function<double()> random; ///< from [0, 1)
};

/// The layers of one store and what they remember between calls. Thread safe; shared by the
/// decorated store, its transactions, streams and history source, and every call under way.
class PolicyChain
{
public:
    /// `operations` must stay; each one's index is its place. Throws StorageError invalid_argument
    /// for a configuration that check() refuses.
    PolicyChain(StoreIdentity identity, std::span<const Operation> operations, const ResilienceConfig& config,
                std::shared_ptr<OperationObserver> observer, ChainSources sources = ChainSources());

    const ResilienceConfig& config() const noexcept { return config_; }
    const StoreIdentity& identity() const noexcept { return identity_; }
    ResilienceStats stats() const;

private:
    friend class PolicyCall;

    OperationContext::Clock::time_point now() const
    {
        return sources_.now ? sources_.now() : OperationContext::Clock::now();
    }
    double random() noexcept;
    OperationEvent event(const Operation& operation) const noexcept;
    void circuit_changed(CircuitBreaker::Change change, std::string_view reason) const noexcept;

    const StoreIdentity identity_;
    const ResilienceConfig config_;
    const std::shared_ptr<OperationObserver> observer_;
    const ChainSources sources_;
    std::optional<OperationMetrics> metrics_;
    std::optional<RetryReserve> reserve_;
    std::optional<CircuitBreaker> breaker_;
    std::optional<ConcurrencyLimit> limit_;
    SharedHistogram waits_;
    std::atomic<std::uint64_t> random_state_;
};

/// One call. Lives in its coroutine: goes with it when that is destroyed half way, and gives back
/// what the call holds.
class PolicyCall
{
public:
    using Clock = OperationContext::Clock;

    PolicyCall(PolicyChain& chain, const Operation& operation, OperationContext& context);
    ~PolicyCall()
    {
        if (!ended_)
            dropped();
    }
    PolicyCall(const PolicyCall&) = delete;
    PolicyCall& operator=(const PolicyCall&) = delete;

    /// Before each attempt. False: the call must wait for its turn, await wait_for_turn().
    /// Throws StorageError, the end of the call: timeout, unavailable (breaker).
    bool begin_attempt()
    {
        if (context_.deadline && time_ >= *context_.deadline)
            end_overdue();
        if (chain_.breaker_ && operation_.passes.breaker && !chain_.breaker_->closed())
            pass_breaker();
        if (chain_.limit_ && operation_.passes.limit) {
            permit_ = chain_.limit_->try_acquire();
            return static_cast<bool>(permit_);
        }
        return true;
    }
    awaitable<void> wait_for_turn();

    /// Whether another attempt may follow, so that the arguments must be kept.
    bool keeps_arguments() const noexcept
    {
        return operation_.passes.retry && attempts_ + 1 < chain_.config_.retry_attempts;
    }
    /// The context an attempt runs with. Counts it.
    OperationContext attempt_context(bool keep);

    void succeeded() noexcept
    {
        permit_.give_back();
        if (chain_.breaker_ && operation_.passes.reports)
            report_success();
        if (chain_.reserve_ && operation_.passes.retry)
            chain_.reserve_->call_worked();
        end_well();
    }

    /// After a failed attempt, in its catch block. Returns how long to wait before the next one; throws
    /// what the call fails with when there is none.
    /// \param repeatable asked only when it matters.
    template <typename Repeatable>
    Clock::duration failed(Repeatable&& repeatable)
    {
        const StorageError error = attempt_error();
        if (!wants_retry(error))
            end_failed(error);
        return retry_delay(error, error.outcome() == Outcome::not_applied || repeatable());
    }
    awaitable<void> back_off(Clock::duration delay);

private:
    StorageError attempt_error();
    bool wants_retry(const StorageError& error) const noexcept;
    Clock::duration retry_delay(const StorageError& error, bool repeatable);
    void pass_breaker();
    void report(CircuitBreaker::Verdict verdict, std::string_view reason);
    void report_success() noexcept;
    void end_well() noexcept;
    void dropped() noexcept;
    [[noreturn]] void end_overdue();
    /// Ends the call with an error that the layers themselves came to.
    [[noreturn]] void end_refused(const StorageError& error);
    [[noreturn]] void end_failed(StorageError error);
    void finish(std::optional<StorageErrc> code, Outcome outcome, std::string_view message) noexcept;

    PolicyChain& chain_;
    const Operation& operation_;
    OperationContext& context_;
    Clock::time_point start_;
    Clock::time_point time_;                       // the last look at the clock
    std::optional<Clock::time_point> attempt_end_; // where it is the attempt's own and not the caller's
    std::uint64_t started_ = 0;
    CircuitBreaker::Ticket ticket_ = 0;
    Permit permit_;
    int attempts_ = 0;
    Outcome outcome_ = Outcome::not_applied; // of the attempts so far
    bool ended_ = false;
};

} // namespace whisperstore

#include "core/failure.hpp"
#include "resilience/policy_chain.hpp"
#include "resilience/retry_rules.hpp"

#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

std::int64_t in_milliseconds(OperationContext::Clock::duration time)
{
    return std::chrono::ceil<std::chrono::milliseconds>(time).count();
}

StorageError changed(const StorageError& error, std::string_view operation, bool retryable)
{
    ErrorDetails details;
    details.backend = error.backend();
    details.operation = operation;
    details.native_code = error.native_code();
    details.outcome = error.outcome();
    details.retryable = retryable;
    return StorageError(error.errc(), error.message(), std::move(details));
}

} // namespace

PolicyCall::PolicyCall(PolicyChain& chain, const Operation& operation, OperationContext& context)
    : chain_(chain), operation_(operation), context_(context), start_(chain.now()), time_(start_)
{
    const ResilienceConfig& config = chain.config_;
    if (!context.deadline && operation.passes.default_deadline && config.default_deadline.count() > 0)
        context.deadline = start_ + config.default_deadline;
    // Made at once and not at the first failure, so that the layers below share it from the start.
    // Threads of Asio keep the memory of the last one.
    if (!context.retry_budget && operation.passes.retry && config.retry_attempts > 1)
        context.retry_budget =
            std::allocate_shared<RetryBudget>(boost::asio::recycling_allocator<RetryBudget>(), config.retry_budget);
    if (chain.observer_)
        started_ = chain.observer_->started(chain.event(operation), context);
}

awaitable<void> PolicyCall::wait_for_turn()
{
    std::optional<StorageError> failure;
    const Clock::time_point came = chain_.now();
    try {
        permit_ = co_await chain_.limit_->acquire(context_);
    } catch (...) {
        try {
            rethrow_as_storage_error(chain_.identity_.backend, operation_.name);
        } catch (const StorageError& error) {
            failure = error;
        }
    }
    time_ = chain_.now();
    if (chain_.metrics_)
        chain_.waits_.record(time_ - came);
    if (failure)
        end_refused(*failure);
    // The endpoint may have gone while we stood in line.
    if (chain_.breaker_ && operation_.passes.breaker && ticket_ == 0 && !chain_.breaker_->closed())
        pass_breaker();
}

OperationContext PolicyCall::attempt_context(bool keep)
{
    ++attempts_;
    OperationContext context = keep || chain_.observer_ ? context_ : std::move(context_);
    attempt_end_.reset();
    if (operation_.passes.attempt_timeout && chain_.config_.attempt_timeout.count() > 0) {
        const Clock::time_point end = time_ + chain_.config_.attempt_timeout;
        if (!context.deadline || end < *context.deadline) {
            attempt_end_ = end;
            context.deadline = end;
        }
    }
    return context;
}

StorageError PolicyCall::attempt_error()
{
    permit_.give_back();
    time_ = chain_.now();
    std::optional<StorageError> caught;
    try {
        rethrow_as_storage_error(chain_.identity_.backend, operation_.name);
    } catch (const StorageError& error) {
        caught = error;
    } catch (const std::exception& error) {
        if (operation_.name != read_history_operation) {
            finish(std::nullopt, Outcome::unknown, error.what());
            throw;
        }
        // The application's own function may throw what it likes.
        caught = StorageError(StorageErrc::unavailable, error.what());
    }
    const bool timed_out = caught->errc() == StorageErrc::timeout && attempt_end_ && time_ >= *attempt_end_;
    // The caller's own time is not over, so for the call as a whole this passes.
    if (timed_out)
        caught =
            changed(*caught, caught->operation(), true)
                .prefixed("an attempt may take " + std::to_string(chain_.config_.attempt_timeout.count()) + " ms: ");
    if (operation_.name == read_history_operation)
        caught = changed(*caught, read_history_operation, caught->retryable());
    const bool from_history = caught->operation() == read_history_operation;
    if (operation_.passes.reports)
        report(from_history ? CircuitBreaker::Verdict::silent : verdict_of(caught->errc(), timed_out),
               caught->message());
    return *caught;
}

bool PolicyCall::wants_retry(const StorageError& error) const noexcept
{
    // A history is read by another store, and that has tried again.
    const bool tried_below = error.operation() == read_history_operation && operation_.name != read_history_operation;
    return operation_.passes.retry && attempts_ < chain_.config_.retry_attempts && error.retryable() && !tried_below;
}

PolicyCall::Clock::duration PolicyCall::retry_delay(const StorageError& error, bool repeatable)
{
    if (!may_run_again(error, repeatable))
        end_failed(error);
    const Clock::duration delay =
        backoff(chain_.config_.retry_initial_backoff, chain_.config_.retry_max_backoff, attempts_, chain_.random());
    if (context_.deadline && time_ + delay >= *context_.deadline)
        end_failed(error);
    if (chain_.reserve_ && !chain_.reserve_->try_take())
        end_failed(error);
    if (!context_.retry_budget->try_take()) {
        if (chain_.reserve_)
            chain_.reserve_->give_back();
        end_failed(error);
    }
    outcome_ = worse(outcome_, error.outcome());
    if (chain_.metrics_)
        chain_.metrics_->record_retry(operation_);
    return delay;
}

awaitable<void> PolicyCall::back_off(Clock::duration delay)
{
    std::optional<StorageError> failure;
    try {
        asio::steady_timer timer(co_await asio::this_coro::executor, delay);
        co_await timer.async_wait(asio::use_awaitable);
    } catch (...) {
        try {
            rethrow_as_storage_error(chain_.identity_.backend, operation_.name);
        } catch (const StorageError& error) {
            failure = error.prefixed("while waiting for the next attempt: ");
        }
    }
    time_ = chain_.now();
    if (failure)
        end_refused(*failure);
}

void PolicyCall::pass_breaker()
{
    if (const auto ticket = chain_.breaker_->admit(time_)) {
        ticket_ = *ticket;
        return;
    }
    const CircuitBreaker::Snapshot breaker = chain_.breaker_->snapshot();
    const std::string& endpoint = chain_.identity_.endpoint;
    const std::string when =
        breaker.state == CircuitBreaker::State::half_open || breaker.retry_at <= time_
            ? "it is being tried again right now"
            : "it is tried again in " + std::to_string(in_milliseconds(breaker.retry_at - time_)) + " ms";
    ErrorDetails details;
    details.backend = chain_.identity_.backend;
    details.operation = operation_.name;
    details.retryable = true;
    end_refused(StorageError(StorageErrc::unavailable,
                             (endpoint.empty() ? chain_.identity_.backend : endpoint) +
                                 " has failed and is left alone (" + breaker.last_failure + "); " + when,
                             std::move(details)));
}

void PolicyCall::report(CircuitBreaker::Verdict verdict, std::string_view reason)
{
    if (chain_.breaker_)
        chain_.circuit_changed(chain_.breaker_->report(std::exchange(ticket_, 0), verdict, time_, reason), reason);
}

void PolicyCall::report_success() noexcept
{
    if (ticket_ == 0)
        chain_.breaker_->succeeded();
    else
        report(CircuitBreaker::Verdict::healthy, {});
}

void PolicyCall::end_overdue()
{
    end_refused(StorageError(StorageErrc::timeout, attempts_ == 0 ? "the deadline had passed before " +
                                                                        std::string(operation_.name) + " began"
                                                                  : "the deadline passed between two attempts"));
}

void PolicyCall::end_refused(const StorageError& error)
{
    const StorageError final_error =
        error.with_outcome(worse(outcome_, Outcome::not_applied)).within(chain_.identity_.backend, operation_.name);
    finish(final_error.errc(), final_error.outcome(), final_error.message());
    throw final_error;
}

void PolicyCall::end_failed(StorageError error)
{
    if (attempts_ > 1)
        error = error.prefixed("after " + std::to_string(attempts_) + " attempts: ")
                    .with_outcome(worse(outcome_, error.outcome()));
    finish(error.errc(), error.outcome(), error.message());
    throw error;
}

void PolicyCall::end_well() noexcept
{
    ended_ = true;
    if (!chain_.metrics_ && !chain_.observer_)
        return;
    const auto taken = chain_.now() - start_;
    if (chain_.metrics_)
        chain_.metrics_->record(operation_, taken);
    if (chain_.observer_) {
        OperationResult result;
        result.duration = taken;
        result.attempts = attempts_;
        chain_.observer_->finished(chain_.event(operation_), context_, result, started_);
    }
}

void PolicyCall::finish(std::optional<StorageErrc> code, Outcome outcome, std::string_view message) noexcept
{
    ended_ = true;
    permit_.give_back();
    if (ticket_ != 0)
        report(CircuitBreaker::Verdict::silent, {});
    const auto taken = time_ - start_;
    if (chain_.metrics_) {
        chain_.metrics_->record(operation_, taken);
        chain_.metrics_->record_error(operation_, code);
    }
    if (chain_.observer_) {
        OperationResult result;
        result.duration = taken;
        result.attempts = attempts_;
        // An exception of another kind is a defect somewhere; observers have the portable codes only.
        result.error = code.value_or(StorageErrc::unavailable);
        result.outcome = outcome;
        result.message = message;
        chain_.observer_->finished(chain_.event(operation_), context_, result, started_);
    }
}

void PolicyCall::dropped() noexcept
{
    time_ = chain_.now();
    finish(StorageErrc::cancelled, Outcome::unknown, "the coroutine was destroyed before the call ended");
}

} // namespace whisperstore

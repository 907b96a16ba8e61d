#include "core/circuit_breaker.hpp"

#include <algorithm>

namespace whisperstore {

std::string_view to_string(CircuitBreaker::State state) noexcept
{
    switch (state) {
    case CircuitBreaker::State::closed:
        return "closed";
    case CircuitBreaker::State::open:
        return "open";
    case CircuitBreaker::State::half_open:
        return "half_open";
    }
    return "unknown";
}

std::optional<CircuitBreaker::Ticket> CircuitBreaker::admit(Time now)
{
    if (closed())
        return Ticket(0);
    const std::lock_guard lock(mutex_);
    switch (state_.load(std::memory_order_relaxed)) {
    case State::closed:
        return Ticket(0);
    case State::open:
        if (now < retry_at_) {
            ++refused_;
            return std::nullopt;
        }
        state_.store(State::half_open, std::memory_order_release);
        ++probing_;
        probes_out_ = 0;
        probes_good_ = 0;
        break;
    case State::half_open:
        if (probes_out_ < settings_.probes)
            break;
        if (now < probe_overdue_) {
            ++refused_;
            return std::nullopt;
        }
        // Probes that hang must not keep everybody else out for ever.
        ++probing_;
        probes_out_ = 0;
        break;
    }
    ++probes_out_;
    probe_overdue_ = now + std::max(settings_.max_open_for, settings_.probe_time);
    return probing_;
}

CircuitBreaker::Change CircuitBreaker::report(Ticket ticket, Verdict verdict, Time now, std::string_view reason)
{
    if (ticket == 0) {
        if (verdict == Verdict::healthy) {
            succeeded();
            return Change::none;
        }
        // Who was let through before it opened has nothing new to say about an open one.
        if (verdict == Verdict::silent || !closed() ||
            failures_.fetch_add(1, std::memory_order_relaxed) + 1 < settings_.failures)
            return Change::none;
        const std::lock_guard lock(mutex_);
        if (state_.load(std::memory_order_relaxed) != State::closed)
            return Change::none;
        open(now, reason);
        return Change::opened;
    }
    const std::lock_guard lock(mutex_);
    if (state_.load(std::memory_order_relaxed) != State::half_open)
        return Change::none;
    // A failure is news even from a probe that was written off.
    if (verdict == Verdict::failing) {
        open(now, reason);
        return Change::opened;
    }
    if (ticket != probing_)
        return Change::none;
    --probes_out_;
    if (verdict == Verdict::silent || ++probes_good_ < settings_.probes)
        return Change::none;
    failures_.store(0, std::memory_order_relaxed);
    open_for_ = Duration(0);
    state_.store(State::closed, std::memory_order_release);
    return Change::closed;
}

void CircuitBreaker::open(Time now, std::string_view reason)
{
    open_for_ = open_for_ == Duration(0) ? settings_.open_for : std::min(open_for_ * 2, settings_.max_open_for);
    retry_at_ = now + open_for_;
    ++opened_;
    last_failure_ = reason;
    state_.store(State::open, std::memory_order_release);
}

CircuitBreaker::Snapshot CircuitBreaker::snapshot() const
{
    const std::lock_guard lock(mutex_);
    Snapshot snapshot;
    snapshot.state = state_.load(std::memory_order_relaxed);
    snapshot.opened = opened_;
    snapshot.refused = refused_;
    snapshot.retry_at = retry_at_;
    snapshot.last_failure = last_failure_;
    return snapshot;
}

} // namespace whisperstore

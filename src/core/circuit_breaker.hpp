#pragma once
// The state machine that stops calling an endpoint which fails, and finds out when it is back. It
// knows neither I/O nor a clock. The decorators have one for their backend's endpoint; a backend
// that chooses between nodes itself has one for each.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore {

/// Closed: everything goes through, failures in a row are counted. Open: everything is refused until a
/// time. Half-open: a few probes go through; when so many of them succeeded it closes, when one fails
/// it opens again for twice as long. Thread safe; while closed and healthy only two atomics are read.
class CircuitBreaker
{
public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    struct Settings
    {
        int failures = 5; ///< in a row, that open it
        Duration open_for = std::chrono::seconds(1);
        Duration max_open_for = std::chrono::seconds(30);
        int probes = 1; ///< at once, and successes that close it
        /// How long a probe may take to report; after that, and after max_open_for, another one takes its place.
        Duration probe_time = Duration(0);
    };

    enum class State : std::uint8_t
    {
        closed,
        open,
        half_open
    };

    /// What a call says about the endpoint.
    enum class Verdict : std::uint8_t
    {
        healthy, ///< it answered
        failing, ///< it did not
        silent,  ///< nothing: the call was cancelled, refused by ourselves or wrong in itself
    };

    /// What an admitted call carries until it reports: 0 for an ordinary one, else which probing it belongs to.
    using Ticket = std::uint64_t;

    enum class Change : std::uint8_t
    {
        none,
        opened,
        closed
    };

    struct Snapshot
    {
        State state = State::closed;
        std::uint64_t opened = 0; ///< times
        std::uint64_t refused = 0;
        Time retry_at{};          ///< when open: the next probe
        std::string last_failure; ///< that opened it
    };

    explicit CircuitBreaker(Settings settings) noexcept : settings_(settings) {}

    bool closed() const noexcept { return state_.load(std::memory_order_acquire) == State::closed; }

    /// Nothing: refused. Every ticket must be reported, at the latest when its call goes away.
    std::optional<Ticket> admit(Time now);

    /// The short way for an ordinary call that succeeded.
    void succeeded() noexcept
    {
        if (failures_.load(std::memory_order_relaxed) != 0)
            failures_.store(0, std::memory_order_relaxed);
    }
    /// `reason` is kept when it opens the breaker. Returns what that changed.
    Change report(Ticket ticket, Verdict verdict, Time now, std::string_view reason = {});

    Snapshot snapshot() const;

private:
    void open(Time now, std::string_view reason);

    const Settings settings_;
    std::atomic<State> state_{State::closed};
    std::atomic<int> failures_{0};

    mutable std::mutex mutex_; // of all below, and of changes of state_
    Time retry_at_{};
    Duration open_for_{0}; // this time; 0 = never opened since it closed
    Ticket probing_ = 0;   // counts the times it became half-open
    int probes_out_ = 0;
    int probes_good_ = 0;
    Time probe_overdue_{}; // when a probe that never came back is written off
    std::uint64_t opened_ = 0;
    std::uint64_t refused_ = 0;
    std::string last_failure_;
};

std::string_view to_string(CircuitBreaker::State state) noexcept;

} // namespace whisperstore

#pragma once
// What an adapter counts of its calls, for the accessors of the interface.

#include <atomic>
#include <chrono>
#include <cstdint>

namespace whisperstore {

/// Calls, their time and failures. Thread safe.
class CallCounters
{
public:
    void record(std::chrono::steady_clock::duration taken, bool failed) noexcept;
    void reset() noexcept;
    std::uint64_t queries() const noexcept { return queries_.load(std::memory_order_relaxed); }
    double error_rate() const noexcept;
    double average_ms() const noexcept;

private:
    std::atomic<std::uint64_t> queries_{0};
    std::atomic<std::uint64_t> errors_{0};
    std::atomic<std::uint64_t> nanoseconds_{0};
};

/// Counts a call and its time, until succeed() or else, as a failure, until it goes.
class CallMeasure
{
public:
    explicit CallMeasure(CallCounters& counters) noexcept : counters_(counters) {}
    ~CallMeasure()
    {
        if (!succeeded_)
            counters_.record(Clock::now() - start_, true);
    }
    CallMeasure(const CallMeasure&) = delete;
    CallMeasure& operator=(const CallMeasure&) = delete;
    /// Returns how long the call took.
    std::chrono::steady_clock::duration succeed() noexcept
    {
        const auto taken = Clock::now() - start_;
        counters_.record(taken, false);
        succeeded_ = true;
        return taken;
    }

private:
    using Clock = std::chrono::steady_clock;
    CallCounters& counters_;
    const Clock::time_point start_ = Clock::now();
    bool succeeded_ = false;
};

} // namespace whisperstore

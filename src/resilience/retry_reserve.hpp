#pragma once
// How many retries all calls of a store together may still make.

#include <atomic>
#include <cstdint>

namespace whisperstore {

/// Full at first. A retry takes one, a call that works gives a tenth back, up to `retries`. So under an outage there
/// are `retries` of them and no more, whoever calls, and otherwise at most one for ten calls. Thread safe; while it is
/// full a call that works only reads it.
class RetryReserve
{
public:
    explicit RetryReserve(int retries) noexcept : most_(std::int64_t(retries) * whole), tenths_(most_) {}

    /// False when there is none: the failure is the call's.
    bool try_take() noexcept
    {
        std::int64_t left = tenths_.load(std::memory_order_relaxed);
        while (left >= whole)
            if (tenths_.compare_exchange_weak(left, left - whole, std::memory_order_relaxed))
                return true;
        withheld_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    /// One that was taken and not made.
    void give_back() noexcept { add(whole); }

    void call_worked() noexcept
    {
        if (tenths_.load(std::memory_order_relaxed) < most_)
            add(1);
    }

    std::int64_t left() const noexcept { return tenths_.load(std::memory_order_relaxed) / whole; }
    /// Times that try_take() was false.
    std::uint64_t withheld() const noexcept { return withheld_.load(std::memory_order_relaxed); }

private:
    static constexpr std::int64_t whole = 10;

    void add(std::int64_t tenths) noexcept
    {
        std::int64_t left = tenths_.load(std::memory_order_relaxed);
        while (left < most_ && !tenths_.compare_exchange_weak(left, left + tenths < most_ ? left + tenths : most_,
                                                              std::memory_order_relaxed)) {
        }
    }

    const std::int64_t most_;
    std::atomic<std::int64_t> tenths_;
    std::atomic<std::uint64_t> withheld_{0};
};

} // namespace whisperstore

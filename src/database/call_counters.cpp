#include "database/call_counters.hpp"

namespace whisperstore {

void CallCounters::record(std::chrono::steady_clock::duration taken, bool failed) noexcept
{
    queries_.fetch_add(1, std::memory_order_relaxed);
    nanoseconds_.fetch_add(static_cast<std::uint64_t>(std::chrono::nanoseconds(taken).count()),
                           std::memory_order_relaxed);
    if (failed)
        errors_.fetch_add(1, std::memory_order_relaxed);
}

void CallCounters::reset() noexcept
{
    queries_ = 0;
    errors_ = 0;
    nanoseconds_ = 0;
}

double CallCounters::error_rate() const noexcept
{
    const std::uint64_t count = queries();
    return count == 0 ? 0.0 : static_cast<double>(errors_.load(std::memory_order_relaxed)) / static_cast<double>(count);
}

double CallCounters::average_ms() const noexcept
{
    const std::uint64_t count = queries();
    return count == 0
               ? 0.0
               : static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) / 1e6 / static_cast<double>(count);
}

} // namespace whisperstore

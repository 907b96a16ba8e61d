#pragma once
// What a manager tells of its searches.

#include <atomic>
#include <chrono>
#include <cstdint>

namespace whisperstore::vector_server {

/// Thread safe.
class SearchTimes
{
public:
    void record(std::chrono::steady_clock::duration taken) noexcept
    {
        searches_.fetch_add(1, std::memory_order_relaxed);
        nanoseconds_.fetch_add(static_cast<std::uint64_t>(std::chrono::nanoseconds(taken).count()),
                               std::memory_order_relaxed);
    }
    double average_ms() const noexcept
    {
        const std::uint64_t count = searches_.load(std::memory_order_relaxed);
        const auto total = static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) / 1e6;
        return count == 0 ? 0.0 : total / static_cast<double>(count);
    }

private:
    std::atomic<std::uint64_t> searches_{0};
    std::atomic<std::uint64_t> nanoseconds_{0};
};

} // namespace whisperstore::vector_server

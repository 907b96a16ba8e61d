#pragma once
// Counters of a chain, written by many threads at once.

#include "resilience/operation.hpp"

#include <whisperstore/core/latency_histogram.hpp>
#include <whisperstore/resilience/resilience_stats.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace whisperstore {

/// A latency histogram that many threads write to.
class alignas(64) SharedHistogram
{
public:
    void record(std::chrono::nanoseconds taken) noexcept
    {
        const auto nanoseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(taken.count(), 0));
        buckets_[LatencyHistogram::bucket_of(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
        total_.fetch_add(nanoseconds, std::memory_order_relaxed);
        std::uint64_t known = maximum_.load(std::memory_order_relaxed);
        while (known < nanoseconds && !maximum_.compare_exchange_weak(known, nanoseconds, std::memory_order_relaxed)) {
        }
    }
    LatencyHistogram read() const noexcept;

private:
    std::atomic<std::uint64_t> total_{0};
    std::atomic<std::uint64_t> maximum_{0};
    std::array<std::atomic<std::uint64_t>, LatencyHistogram::bucket_count> buckets_{};
};

/// Per operation: calls by duration, their time, retries and errors. Latencies are kept in a few
/// stripes, so that threads seldom write to the same cache line.
class OperationMetrics
{
public:
    explicit OperationMetrics(std::span<const Operation> operations)
        : operations_(operations),
          latencies_(std::make_unique<SharedHistogram[]>(operations.size() * stripes)),
          failures_(std::make_unique<Failures[]>(operations.size()))
    {
    }

    void record(const Operation& operation, std::chrono::nanoseconds taken) noexcept
    {
        latencies_[(operation.index * stripes) + stripe()].record(taken);
    }
    /// \param code nothing: an exception that is no StorageError.
    void record_error(const Operation& operation, std::optional<StorageErrc> code) noexcept
    {
        failures_[operation.index].by_code[code ? static_cast<std::size_t>(*code) : 0].fetch_add(
            1, std::memory_order_relaxed);
    }
    void record_retry(const Operation& operation) noexcept
    {
        failures_[operation.index].retries.fetch_add(1, std::memory_order_relaxed);
    }

    std::vector<OperationStats> read() const;

private:
    static constexpr std::size_t stripes = 4;
    static constexpr std::size_t codes = static_cast<std::size_t>(StorageErrc::closed) + 1;

    struct Failures
    {
        std::array<std::atomic<std::uint64_t>, codes> by_code{};
        std::atomic<std::uint64_t> retries{0};
    };

    /// The same for all calls of one thread: made from where its thread-local storage lies.
    static std::size_t stripe() noexcept
    {
        thread_local const char place = 0;
        constexpr std::uint64_t golden = 0x9E3779B97F4A7C15U;
        return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(&place) * golden) >> 62U);
    }

    std::span<const Operation> operations_;
    std::unique_ptr<SharedHistogram[]> latencies_;
    std::unique_ptr<Failures[]> failures_;
};

} // namespace whisperstore

#pragma once
/// \file
/// What the decorators of one store have counted.

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace whisperstore {

/// One operation since the store was decorated. Those that were never called are not listed.
struct OperationStats
{
    std::string operation;
    std::uint64_t calls = 0;   ///< that ended, well or not
    std::uint64_t retries = 0; ///< attempts beyond the first
    std::chrono::nanoseconds total{0};
    /// Calls by duration: upper bound and number, ascending, empty buckets left out. The bounds are
    /// powers of two times 1,024 ns; the last one is open.
    std::vector<std::pair<std::chrono::nanoseconds, std::uint64_t>> latency;
    std::vector<std::pair<std::string, std::uint64_t>> errors; ///< by code

    double average_ms() const noexcept;
    /// The upper bound of the bucket in which the quantile lies. \param quantile 0-1.
    double quantile_ms(double quantile) const noexcept;
    /// calls, retries, errors, average_ms, p50_ms, p99_ms.
    json::object to_json() const;
};

struct ResilienceStats
{
    std::string layer;
    std::string backend;
    std::string endpoint; ///< without secrets
    std::vector<OperationStats> operations;

    std::uint64_t retries_withheld = 0; ///< not made because the store's reserve was empty

    std::string circuit = "closed";   ///< closed, open or half_open
    std::uint64_t circuit_opened = 0; ///< times
    std::uint64_t circuit_refused = 0;
    std::string circuit_reason; ///< the failure that opened it last

    std::uint64_t in_flight = 0;     ///< places of the concurrency limit in use
    std::uint64_t queued = 0;        ///< calls that wait for one
    std::uint64_t queue_refused = 0; ///< calls refused because the line was full

    json::object to_json() const;
};

} // namespace whisperstore

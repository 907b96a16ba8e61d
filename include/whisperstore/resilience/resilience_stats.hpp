#pragma once
/// \file
/// What the decorators of one store have counted.

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/latency_histogram.hpp>

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
    LatencyHistogram latency;
    std::vector<std::pair<std::string, std::uint64_t>> errors; ///< by code

    /// calls, retries, errors, and what LatencyHistogram::to_json() tells.
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
    std::uint64_t places = 0;        ///< of the concurrency limit; 0: there is none
    LatencyHistogram queue_wait;     ///< of the calls that had to wait for their turn, however that ended

    /// Of all operations together.
    LatencyHistogram latency() const;
    /// operations, circuit_breaker, concurrency_limit; the layer's own names are left to the caller.
    json::object to_json() const;
};

} // namespace whisperstore

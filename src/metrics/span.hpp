#pragma once
// One call as a span, and spans as OTLP (opentelemetry-proto 1.3, JSON encoding).

#include "metrics/trace_parent.hpp"

#include <whisperstore/core/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace whisperstore::metrics {

struct Span
{
    TraceParent self;
    std::uint64_t parent = 0; ///< 0: none
    std::chrono::system_clock::time_point end{};
    std::chrono::nanoseconds duration{0};
    std::string layer;
    std::string backend;
    std::string endpoint;
    std::string operation;
    std::string tenant;
    int attempts = 0;
    std::optional<StorageErrc> error;
    std::string message;
};

/// The body of a request to /v1/traces.
std::string otlp_json(std::span<const Span> spans, const std::string& service_name);

} // namespace whisperstore::metrics

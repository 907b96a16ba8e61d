#include <whisperstore/resilience/resilience_stats.hpp>

namespace whisperstore {

json::object OperationStats::to_json() const
{
    json::object out = latency.to_json();
    out["calls"] = calls;
    out["retries"] = retries;
    json::object codes;
    for (const auto& [code, count] : errors)
        codes[code] = count;
    out["errors"] = std::move(codes);
    return out;
}

LatencyHistogram ResilienceStats::latency() const
{
    LatencyHistogram all;
    for (const OperationStats& operation : operations)
        all.merge(operation.latency);
    return all;
}

json::object ResilienceStats::to_json() const
{
    json::object out;
    out["backend"] = backend;
    out["endpoint"] = endpoint;
    json::object calls;
    for (const OperationStats& operation : operations)
        calls[operation.operation] = operation.to_json();
    out["operations"] = std::move(calls);
    out["retries_withheld"] = retries_withheld;
    json::object breaker;
    breaker["state"] = circuit;
    breaker["opened"] = circuit_opened;
    breaker["refused"] = circuit_refused;
    breaker["reason"] = circuit_reason;
    out["circuit_breaker"] = std::move(breaker);
    json::object limit;
    limit["in_flight"] = in_flight;
    limit["queued"] = queued;
    limit["refused"] = queue_refused;
    limit["places"] = places;
    limit["saturation"] = places == 0 ? 0.0 : static_cast<double>(in_flight) / static_cast<double>(places);
    limit["waits"] = queue_wait.to_json();
    out["concurrency_limit"] = std::move(limit);
    return out;
}

} // namespace whisperstore

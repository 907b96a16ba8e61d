#include <whisperstore/resilience/resilience_stats.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

double milliseconds(std::chrono::nanoseconds time) noexcept
{
    return std::chrono::duration<double, std::milli>(time).count();
}

} // namespace

double OperationStats::average_ms() const noexcept
{
    return calls == 0 ? 0.0 : milliseconds(total) / static_cast<double>(calls);
}

double OperationStats::quantile_ms(double quantile) const noexcept
{
    const double wanted = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(calls);
    std::uint64_t seen = 0;
    for (const auto& [bound, count] : latency) {
        seen += count;
        if (static_cast<double>(seen) >= wanted)
            return milliseconds(bound);
    }
    return 0.0;
}

json::object OperationStats::to_json() const
{
    json::object out;
    out["calls"] = calls;
    out["retries"] = retries;
    out["average_ms"] = average_ms();
    out["p50_ms"] = quantile_ms(0.5);
    out["p99_ms"] = quantile_ms(0.99);
    json::object codes;
    for (const auto& [code, count] : errors)
        codes[code] = count;
    out["errors"] = std::move(codes);
    return out;
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
    out["concurrency_limit"] = std::move(limit);
    return out;
}

} // namespace whisperstore

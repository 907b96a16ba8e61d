#include "resilience/operation_metrics.hpp"

namespace whisperstore {

LatencyHistogram SharedHistogram::read() const noexcept
{
    LatencyHistogram out;
    for (std::size_t i = 0; i < LatencyHistogram::bucket_count; ++i)
        out.add_bucket(i, buckets_[i].load(std::memory_order_relaxed));
    out.add_total(std::chrono::nanoseconds(total_.load(std::memory_order_relaxed)),
                  std::chrono::nanoseconds(maximum_.load(std::memory_order_relaxed)));
    return out;
}

std::vector<OperationStats> OperationMetrics::read() const
{
    std::vector<OperationStats> all;
    for (const Operation& operation : operations_) {
        OperationStats stats;
        for (std::size_t stripe = 0; stripe < stripes; ++stripe)
            stats.latency.merge(latencies_[(operation.index * stripes) + stripe].read());
        stats.calls = stats.latency.calls();
        if (stats.calls == 0)
            continue;
        stats.operation = operation.name;
        const Failures& failures = failures_[operation.index];
        stats.retries = failures.retries.load(std::memory_order_relaxed);
        for (std::size_t code = 0; code < codes; ++code)
            if (const std::uint64_t count = failures.by_code[code].load(std::memory_order_relaxed); count != 0)
                stats.errors.emplace_back(code == 0 ? "other" : to_string(static_cast<StorageErrc>(code)), count);
        all.push_back(std::move(stats));
    }
    return all;
}

} // namespace whisperstore

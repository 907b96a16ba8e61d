#include "resilience/operation_metrics.hpp"

namespace whisperstore {

std::vector<OperationStats> OperationMetrics::read() const
{
    std::vector<OperationStats> all;
    for (const Operation& operation : operations_) {
        OperationStats stats;
        std::array<std::uint64_t, bucket_count> buckets{};
        std::uint64_t nanoseconds = 0;
        for (std::size_t stripe = 0; stripe < stripes; ++stripe) {
            const Latency& latency = latencies_[(operation.index * stripes) + stripe];
            for (std::size_t i = 0; i < bucket_count; ++i)
                buckets[i] += latency.buckets[i].load(std::memory_order_relaxed);
            nanoseconds += latency.nanoseconds.load(std::memory_order_relaxed);
        }
        for (std::size_t i = 0; i < bucket_count; ++i) {
            if (buckets[i] == 0)
                continue;
            stats.calls += buckets[i];
            stats.latency.emplace_back(std::chrono::nanoseconds(std::int64_t(1) << (shift + i)), buckets[i]);
        }
        if (stats.calls == 0)
            continue;
        stats.operation = operation.name;
        stats.total = std::chrono::nanoseconds(nanoseconds);
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

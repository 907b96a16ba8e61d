#pragma once
/// \file
/// How long calls took.

#include <whisperstore/core/json.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace whisperstore {

/// Durations, counted in buckets of which each begins at most a quarter above the one before, from 1,024 ns to some
/// 137 s. All histograms have the same buckets, so those of several processes or hours can be added. A value; not for
/// several threads at once.
class LatencyHistogram
{
public:
    /// The first holds what is shorter than 1,024 ns, the last what is longer than all others.
    static constexpr std::size_t bucket_count = 110;

    /// The bucket of a duration in nanoseconds.
    static constexpr std::size_t bucket_of(std::uint64_t nanoseconds) noexcept
    {
        if (nanoseconds < first_bound)
            return 0;
        const auto octave = static_cast<std::size_t>(std::bit_width(nanoseconds)) - first_bits;
        const auto quarter = static_cast<std::size_t>(nanoseconds >> (octave + first_bits - 3)) & 3U;
        const std::size_t bucket = 1 + (octave * 4) + quarter;
        return bucket < bucket_count ? bucket : bucket_count - 1;
    }
    /// Where a bucket ends; of the last one, where it would.
    static constexpr std::chrono::nanoseconds bound(std::size_t bucket) noexcept
    {
        if (bucket == 0)
            return std::chrono::nanoseconds(first_bound);
        const std::size_t octave = (bucket - 1) / 4;
        return std::chrono::nanoseconds(std::int64_t(4 + (bucket - 1) % 4 + 1) << (octave + first_bits - 3));
    }

    void record(std::chrono::nanoseconds duration) noexcept;
    /// Puts in what was counted elsewhere.
    void add_bucket(std::size_t bucket, std::uint64_t calls) noexcept { counts_.at(bucket) += calls; }
    void add_total(std::chrono::nanoseconds total, std::chrono::nanoseconds maximum) noexcept;
    /// Adds another one's calls to these.
    void merge(const LatencyHistogram& other) noexcept;
    /// What has come since `earlier`, an older state of this one. Its maximum is the upper bound of its last bucket.
    LatencyHistogram since(const LatencyHistogram& earlier) const noexcept;

    std::uint64_t calls() const noexcept;
    std::uint64_t in_bucket(std::size_t bucket) const noexcept { return counts_.at(bucket); }
    std::chrono::nanoseconds total() const noexcept { return total_; }
    std::chrono::nanoseconds maximum() const noexcept { return maximum_; }
    double average_ms() const noexcept; ///< 0 without calls
    double maximum_ms() const noexcept;
    /// Interpolated in its bucket, so at most an eighth beside the truth or so; 0 without calls. \param quantile 0-1.
    double quantile_ms(double quantile) const noexcept;

    /// average_ms, p50_ms, p90_ms, p99_ms, max_ms, and `buckets`: the upper bound in milliseconds and the calls of each
    /// that is not empty, from which histograms can be added again.
    json::object to_json() const;
    /// From what to_json() made; average and quantiles come out the same. Throws what Boost.JSON throws for another
    /// shape.
    static LatencyHistogram from_json(const json::object& object);

private:
    static constexpr std::uint64_t first_bound = 1024;
    static constexpr std::size_t first_bits = 11; // bit_width of the first bound

    std::array<std::uint64_t, bucket_count> counts_{};
    std::chrono::nanoseconds total_{0};
    std::chrono::nanoseconds maximum_{0};
};

} // namespace whisperstore

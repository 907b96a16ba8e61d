#include <whisperstore/core/latency_histogram.hpp>

#include <algorithm>
#include <numeric>

namespace whisperstore {

namespace {

double milliseconds(std::chrono::nanoseconds time) noexcept
{
    return std::chrono::duration<double, std::milli>(time).count();
}

} // namespace

void LatencyHistogram::record(std::chrono::nanoseconds duration) noexcept
{
    duration = std::max(duration, std::chrono::nanoseconds(0));
    add_bucket(bucket_of(static_cast<std::uint64_t>(duration.count())), 1);
    add_total(duration, duration);
}

void LatencyHistogram::add_total(std::chrono::nanoseconds total, std::chrono::nanoseconds maximum) noexcept
{
    total_ += total;
    maximum_ = std::max(maximum_, maximum);
}

void LatencyHistogram::merge(const LatencyHistogram& other) noexcept
{
    for (std::size_t i = 0; i < bucket_count; ++i)
        counts_[i] += other.counts_[i];
    add_total(other.total_, other.maximum_);
}

LatencyHistogram LatencyHistogram::since(const LatencyHistogram& earlier) const noexcept
{
    LatencyHistogram out;
    for (std::size_t i = 0; i < bucket_count; ++i) {
        out.counts_[i] = counts_[i] - std::min(counts_[i], earlier.counts_[i]);
        if (out.counts_[i] != 0)
            out.maximum_ = std::min(bound(i), maximum_);
    }
    out.total_ = total_ - std::min(total_, earlier.total_);
    return out;
}

std::uint64_t LatencyHistogram::calls() const noexcept
{
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t(0));
}

double LatencyHistogram::average_ms() const noexcept
{
    const std::uint64_t count = calls();
    return count == 0 ? 0.0 : milliseconds(total_) / static_cast<double>(count);
}

double LatencyHistogram::maximum_ms() const noexcept { return milliseconds(maximum_); }

double LatencyHistogram::quantile_ms(double quantile) const noexcept
{
    const double wanted = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(calls());
    double seen = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
        const auto count = static_cast<double>(counts_[i]);
        if (count == 0 || seen + count < wanted) {
            seen += count;
            continue;
        }
        const double lower = i == 0 ? 0.0 : milliseconds(bound(i - 1));
        const double upper = i + 1 == bucket_count ? maximum_ms() : milliseconds(bound(i));
        return std::min(lower + ((upper - lower) * (wanted - seen) / count), maximum_ms());
    }
    return maximum_ms();
}

LatencyHistogram LatencyHistogram::from_json(const json::object& object)
{
    const auto nanoseconds = [](double milliseconds_of_it) {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(milliseconds_of_it * 1e6 + 0.5));
    };
    LatencyHistogram out;
    for (const json::value& bucket : object.at("buckets").as_array()) {
        // Half a nanosecond below its end it is inside of the bucket, whatever rounding did.
        const auto end = nanoseconds(bucket.as_array().at(0).to_number<double>());
        out.add_bucket(bucket_of(static_cast<std::uint64_t>(end.count() - 1)),
                       bucket.as_array().at(1).to_number<std::uint64_t>());
    }
    const double total_ms = object.at("average_ms").to_number<double>() * static_cast<double>(out.calls());
    out.add_total(nanoseconds(total_ms), nanoseconds(object.at("max_ms").to_number<double>()));
    return out;
}

json::object LatencyHistogram::to_json() const
{
    json::object out;
    out["average_ms"] = average_ms();
    out["p50_ms"] = quantile_ms(0.5);
    out["p90_ms"] = quantile_ms(0.9);
    out["p99_ms"] = quantile_ms(0.99);
    out["max_ms"] = maximum_ms();
    json::array buckets;
    for (std::size_t i = 0; i < bucket_count; ++i)
        if (counts_[i] != 0)
            buckets.push_back(json::array{milliseconds(bound(i)), json_integer(static_cast<std::int64_t>(counts_[i]))});
    out["buckets"] = std::move(buckets);
    return out;
}

} // namespace whisperstore

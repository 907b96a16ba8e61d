// Buckets, quantiles and sums of latency histograms.
#include <whisperstore/core/latency_histogram.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace whisperstore {
namespace {

using namespace std::chrono_literals;

TEST(LatencyHistogram, BucketsFollowEachOtherWithoutGaps)
{
    for (std::size_t i = 0; i + 1 < LatencyHistogram::bucket_count; ++i) {
        const auto bound = static_cast<std::uint64_t>(LatencyHistogram::bound(i).count());
        EXPECT_EQ(LatencyHistogram::bucket_of(bound - 1), i);
        EXPECT_EQ(LatencyHistogram::bucket_of(bound), i + 1);
        EXPECT_LE(LatencyHistogram::bound(i + 1).count(), LatencyHistogram::bound(i).count() * 5 / 4);
    }
    EXPECT_EQ(LatencyHistogram::bucket_of(0), 0U);
    EXPECT_EQ(LatencyHistogram::bucket_of(~std::uint64_t(0)), LatencyHistogram::bucket_count - 1);
    EXPECT_GT(LatencyHistogram::bound(LatencyHistogram::bucket_count - 2), 120s);
}

TEST(LatencyHistogram, EmptyIsZero)
{
    const LatencyHistogram empty;
    EXPECT_EQ(empty.calls(), 0U);
    EXPECT_EQ(empty.quantile_ms(0.5), 0.0);
    EXPECT_EQ(empty.average_ms(), 0.0);
    EXPECT_EQ(empty.to_json().at("max_ms").as_double(), 0.0);
    EXPECT_TRUE(empty.to_json().at("buckets").as_array().empty());
}

TEST(LatencyHistogram, QuantilesAreNearTheTruth)
{
    std::mt19937_64 random(1);
    std::lognormal_distribution<double> times(12.0, 1.5); // of some 160 us
    LatencyHistogram histogram;
    std::vector<double> all;
    for (int i = 0; i < 100'000; ++i) {
        const auto time = std::chrono::nanoseconds(static_cast<std::int64_t>(times(random)));
        histogram.record(time);
        all.push_back(std::chrono::duration<double, std::milli>(time).count());
    }
    std::sort(all.begin(), all.end());
    for (const double quantile : {0.5, 0.9, 0.99, 0.999}) {
        const double truth = all[static_cast<std::size_t>(quantile * static_cast<double>(all.size()))];
        EXPECT_NEAR(histogram.quantile_ms(quantile), truth, truth * 0.125) << quantile;
    }
    EXPECT_EQ(histogram.quantile_ms(1.0), all.back());
    EXPECT_EQ(histogram.maximum_ms(), all.back());
    EXPECT_EQ(histogram.calls(), all.size());
}

TEST(LatencyHistogram, SumsAreThoseOfAllCalls)
{
    LatencyHistogram first;
    LatencyHistogram second;
    LatencyHistogram both;
    for (int i = 1; i <= 1000; ++i) {
        (i % 3 == 0 ? first : second).record(std::chrono::microseconds(i * i));
        both.record(std::chrono::microseconds(i * i));
    }
    LatencyHistogram merged = first;
    merged.merge(second);
    EXPECT_EQ(merged.to_json(), both.to_json());
    EXPECT_EQ(merged.total(), both.total());
    const LatencyHistogram rest = merged.since(first);
    EXPECT_EQ(rest.calls(), second.calls());
    EXPECT_EQ(rest.total(), second.total());
    EXPECT_GE(rest.maximum(), second.maximum());
    EXPECT_LE(rest.maximum(), second.maximum() * 5 / 4);
}

TEST(LatencyHistogram, ComesBackFromJson)
{
    LatencyHistogram histogram;
    for (int i = 0; i < 60; ++i)
        histogram.record(std::chrono::nanoseconds((std::int64_t(1) << (i % 40)) + i));
    EXPECT_EQ(json::serialize(LatencyHistogram::from_json(histogram.to_json()).to_json()),
              json::serialize(histogram.to_json()));
}

TEST(LatencyHistogram, AClockThatGoesBackCountsAsNothing)
{
    LatencyHistogram histogram;
    histogram.record(-5ms);
    EXPECT_EQ(histogram.calls(), 1U);
    EXPECT_EQ(histogram.total(), 0ns);
}

} // namespace
} // namespace whisperstore

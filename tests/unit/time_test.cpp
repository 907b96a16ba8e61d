#include "support/run.hpp"

#include <whisperstore/core/time.hpp>

namespace whisperstore {
namespace {

TEST(Time, Rfc3339IsReadAndWrittenCanonically)
{
    const std::pair<const char*, const char*> cases[] = {
        {"2026-01-31T09:05:00Z", "2026-01-31T09:05:00.000000Z"},
        {"2026-01-31t09:05:00z", "2026-01-31T09:05:00.000000Z"},
        {"2026-01-31 09:05:00Z", "2026-01-31T09:05:00.000000Z"},
        {"2026-01-31T09:05:00.5Z", "2026-01-31T09:05:00.500000Z"},
        {"2026-01-31T09:05:00.000250Z", "2026-01-31T09:05:00.000250Z"},
        {"2026-01-31T09:05:00.123456789Z", "2026-01-31T09:05:00.123456Z"},
        {"2026-01-31T10:05:00+01:00", "2026-01-31T09:05:00.000000Z"},
        {"2026-01-31T03:35:00-05:30", "2026-01-31T09:05:00.000000Z"},
        {"2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000000Z"},
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
        {"0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
    };
    for (const auto& [text, canonical] : cases) {
        const auto time = try_parse_timestamp(text);
        ASSERT_TRUE(time.has_value()) << text;
        EXPECT_EQ(format_timestamp(*time), canonical) << text;
        EXPECT_EQ(parse_timestamp(canonical), *time);
    }
}

TEST(Time, AnythingElseIsRefused)
{
    for (const char* text : {"",
                             "2026",
                             "2026-01-31",
                             "2026-01-31T09:05Z",
                             "2026-01-31T09:05:00",
                             "2026-13-01T00:00:00Z",
                             "2026-00-01T00:00:00Z",
                             "2026-02-29T00:00:00Z",
                             "2026-01-32T00:00:00Z",
                             "2026-01-00T00:00:00Z",
                             "2026-01-31T24:00:00Z",
                             "2026-01-31T23:60:00Z",
                             "2026-01-31T23:59:61Z",
                             "2026-01-31T09:05:00.Z",
                             "2026-01-31T09:05:00.1234567890Z",
                             "2026-01-31T09:05:00+1:00",
                             "2026-01-31T09:05:00+0100",
                             "2026-01-31T09:05:00+24:00",
                             "2026-01-31T09:05:00+01:60",
                             "2026-01-31T09:05:00Zx",
                             " 2026-01-31T09:05:00Z",
                             "2026-01-31T09:05:00 Z",
                             "+2026-01-31T09:05:00Z",
                             "26-01-31T09:05:00Z",
                             "2026-1-31T09:05:00Z",
                             "2026/01/31T09:05:00Z",
                             "0000-01-01T00:00:00+00:01",
                             "9999-12-31T23:59:59-00:01",
                             "2026-01-31T09:05:00,5Z",
                             "2026-01-31T-9:05:00Z"}) {
        EXPECT_FALSE(try_parse_timestamp(text).has_value()) << text;
        EXPECT_STORAGE_ERROR(parse_timestamp(text), invalid_argument);
    }
}

TEST(Time, CanonicalTextSortsLikeTheTimes)
{
    const Timestamp times[] = {
        parse_timestamp("0000-01-01T00:00:00Z"),        parse_timestamp("1969-12-31T23:59:59.999999Z"),
        parse_timestamp("1970-01-01T00:00:00Z"),        parse_timestamp("2026-01-31T09:05:00.000001Z"),
        parse_timestamp("2026-01-31T09:05:00.000002Z"), parse_timestamp("9999-12-31T23:59:59Z")};
    for (std::size_t i = 1; i < std::size(times); ++i) {
        EXPECT_LT(times[i - 1], times[i]);
        EXPECT_LT(format_timestamp(times[i - 1]), format_timestamp(times[i]));
    }
}

TEST(Time, YearsWithoutCanonicalTextAreRefused)
{
    EXPECT_STORAGE_ERROR(format_timestamp(Timestamp::max()), invalid_argument);
    EXPECT_STORAGE_ERROR(format_timestamp(Timestamp::min()), invalid_argument);
    EXPECT_STORAGE_ERROR(
        format_timestamp(parse_timestamp("9999-12-31T23:59:59.999999Z") + std::chrono::microseconds(1)),
        invalid_argument);
}

TEST(Time, NowIsNow)
{
    const auto before = std::chrono::system_clock::now();
    const Timestamp time = now();
    EXPECT_GE(time + std::chrono::microseconds(1), std::chrono::floor<std::chrono::microseconds>(before));
    EXPECT_LE(time, std::chrono::system_clock::now());
    EXPECT_EQ(format_timestamp(time).size(), 27U);
}

} // namespace
} // namespace whisperstore

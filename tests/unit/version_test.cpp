#include "support/run.hpp"

#include <whisperstore/core/version.hpp>

namespace whisperstore {
namespace {

// Seen in an earlier implementation: versions ordered as text (0.10.0 before 0.9.0).
TEST(Version, OrdersByNumbers)
{
    const char* ascending[] = {"0", "0.0.1", "0.9", "0.9.0.1", "0.10.0", "1.2", "1.10", "1.18.3", "2", "10"};
    for (std::size_t i = 1; i < std::size(ascending); ++i) {
        EXPECT_LT(Version::parse(ascending[i - 1]), Version::parse(ascending[i])) << ascending[i];
        EXPECT_GT(Version::parse(ascending[i]), Version::parse(ascending[i - 1]));
    }
    EXPECT_EQ(Version::parse("1.2"), Version::parse("1.2.0"));
    EXPECT_EQ(Version::parse("v1.2.3-rc1"), Version::parse("1.2.3+build7"));
    EXPECT_EQ(Version::parse("17.2 (Debian 17.2-1)"), Version::parse("17.2"));
    EXPECT_EQ(Version::parse("v1.2-x").text(), "v1.2-x");
}

TEST(Version, RefusesWhatIsNone)
{
    for (const char* text : {"", "v", "x1", "1.x", "1.2x", "-1", ".1", "99999999999999999999999"})
        EXPECT_STORAGE_ERROR(Version::parse(text), invalid_argument) << text;
}

TEST(Version, TheLibraryHasOne) { EXPECT_GE(Version::parse(library_version()), Version::parse("0.1.0")); }

} // namespace
} // namespace whisperstore

#include "core/loose_thread.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;

/// Ends the process while a thread has something left to do, which takes so long.
[[noreturn]] void end_beside_a_thread(std::chrono::milliseconds left)
{
    auto loose = std::make_unique<LooseThread>();
    std::thread([left, until_the_end = std::move(loose)] {
        std::this_thread::sleep_for(left);
        std::fputs("the thread is done\n", stderr);
    }).detach();
    std::exit(7); // NOLINT(concurrency-mt-unsafe)
}

TEST(LooseThread, TheEndOfTheProcessWaitsForIt)
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(end_beside_a_thread(100ms), testing::ExitedWithCode(7), "the thread is done");
}

TEST(LooseThread, ButNotForEver)
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(end_beside_a_thread(1h), testing::ExitedWithCode(7), "^$");
}

} // namespace
} // namespace whisperstore::test

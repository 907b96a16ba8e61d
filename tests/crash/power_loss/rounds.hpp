#pragma once
// Counting the rounds of a power-loss test.

#include "crash/power_loss/disk.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>

namespace whisperstore::test {

/// The rounds of one test: until enough of them have dropped a write made after an acknowledgement.
class Rounds
{
public:
    /// \param usual how many counted rounds, unless WHISPERSTORE_POWER_LOSS_ROUNDS says otherwise.
    /// WHISPERSTORE_POWER_LOSS_SEED, a number, begins another sequence of random choices.
    Rounds(std::string_view name, std::size_t usual);
    /// Prints what was done, and records it for CTest.
    ~Rounds();
    Rounds(const Rounds&) = delete;
    Rounds& operator=(const Rounds&) = delete;

    bool enough() const noexcept;
    std::mt19937_64& random() noexcept { return random_; }
    std::uint64_t seed() const noexcept { return seed_; }

    /// One round: loses power at the snapshot into the empty folder, lets `check` look at what is
    /// left, and reports what it answers, unless it is empty. True when nothing was wrong.
    /// \param acknowledged how many writes had been acknowledged, for the summary.
    bool run(const Snapshot& snapshot, const std::filesystem::path& folder, std::uint64_t acknowledged,
             const std::function<std::string(const std::filesystem::path&)>& check);

private:
    std::string name_;
    std::size_t target_;
    std::uint64_t seed_;
    std::mt19937_64 random_;
    std::size_t rounds_ = 0;
    std::size_t counted_ = 0;
    std::size_t failed_ = 0;
    std::uint64_t acknowledged_ = 0;
    std::uint64_t dropped_ = 0;
    std::uint64_t torn_ = 0;
};

} // namespace whisperstore::test

#pragma once
// Starts the writer program and kills it at a random moment.

#include "crash/operations.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace whisperstore::test {

/// What a killed writer had told.
struct WriterRun
{
    std::vector<Operation> acknowledged; ///< in the order of their acknowledgement
    std::vector<Operation> in_flight;    ///< begun, not acknowledged
    bool ended_by_itself = false;
};

/// When to kill.
struct KillMoment
{
    std::size_t acknowledgements = 0; ///< after so many
    std::chrono::microseconds then{}; ///< and so much later
};

/// Runs `crash_writer WHAT DIRECTORY SEED ROUND` and kills it. A failure that it tells, or a hang,
/// fails the test.
WriterRun run_and_kill(const std::string& what, const std::filesystem::path& directory, std::uint64_t seed, int round,
                       KillMoment moment);

/// How many rounds: WHISPERSTORE_CRASH_ROUNDS, else `by_default`.
int crash_rounds(int by_default);
/// The seed of this run: WHISPERSTORE_CRASH_SEED, else a random one.
std::uint64_t crash_seed();

} // namespace whisperstore::test

#include "resilience/retry_rules.hpp"

#include <algorithm>

namespace whisperstore {

std::chrono::steady_clock::duration backoff(std::chrono::milliseconds initial, std::chrono::milliseconds longest,
                                            int failed_attempts, double random) noexcept
{
    using Duration = std::chrono::steady_clock::duration;
    constexpr int most_doublings = 30; // further on every bound is the longest
    const double bound = std::min(static_cast<double>(Duration(longest).count()),
                                  static_cast<double>(Duration(initial).count()) *
                                      static_cast<double>(1U << std::min(failed_attempts - 1, most_doublings)));
    return Duration(static_cast<Duration::rep>(bound * random));
}

CircuitBreaker::Verdict verdict_of(StorageErrc code, bool attempt_timed_out) noexcept
{
    using Verdict = CircuitBreaker::Verdict;
    switch (code) {
    case StorageErrc::unavailable:
    case StorageErrc::outcome_unknown:
        return Verdict::failing;
    case StorageErrc::timeout:
        return attempt_timed_out ? Verdict::failing : Verdict::silent;
    case StorageErrc::already_exists:
    case StorageErrc::authentication:
    case StorageErrc::conflict:
    case StorageErrc::constraint_violation:
    case StorageErrc::version_mismatch:
        return Verdict::healthy;
    default:
        return Verdict::silent; // may come from checks before anything was sent
    }
}

Outcome worse(Outcome before, Outcome now) noexcept
{
    if (before == now || before == Outcome::not_applied)
        return now;
    return now == Outcome::applied ? now : before == Outcome::applied ? before : Outcome::unknown;
}

} // namespace whisperstore

#pragma once
// What a failure means for the retry and breaker layers: pure functions.

#include "core/circuit_breaker.hpp"

#include <whisperstore/core/error.hpp>

#include <chrono>

namespace whisperstore {

/// The outcome rule: never a second run of what may have happened, unless that changes nothing.
inline bool may_run_again(const StorageError& error, bool repeatable) noexcept
{
    return error.retryable() && (error.outcome() == Outcome::not_applied || repeatable);
}

/// Exponential backoff with full jitter: anywhere between nothing and the bound, which doubles with
/// each failed attempt. \param failed_attempts from 1. \param random from [0, 1).
std::chrono::steady_clock::duration backoff(std::chrono::milliseconds initial, std::chrono::milliseconds longest,
                                            int failed_attempts, double random) noexcept;

/// What a failure says about the endpoint. An endpoint that refuses a write has answered. A timeout
/// counts when the attempt had all the time attempts are given, not when its caller was in a hurry. A
/// full pool or queue does not count: it says that we ask too much, and refusing everything would
/// make an outage of it.
CircuitBreaker::Verdict verdict_of(StorageErrc code, bool attempt_timed_out) noexcept;

/// What is known of several attempts together: `applied` or `unknown` of any of them stays.
Outcome worse(Outcome before, Outcome now) noexcept;

} // namespace whisperstore

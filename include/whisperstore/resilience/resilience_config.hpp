#pragma once
/// \file
/// Settings of the decorators: what stands between a call and its backend.

#include <whisperstore/core/json.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace whisperstore {

/// What decorate() puts around one store, from the outside in: metrics and trace hooks, deadline,
/// retry, circuit breaker, concurrency limit, attempt timeout. 0 leaves a layer out, so each can be
/// used alone: start from none() and set what you want. docs/resilience.md explains each.
struct ResilienceConfig
{
    /// False: the store is used as it is, and nothing below counts.
    bool enabled = true;

    /// Counters and latency histograms per operation.
    bool metrics = true;

    /// How long a call may take in all when its context has no deadline. 0: as long as it takes.
    std::chrono::milliseconds default_deadline{0};

    /// \name Retry: exponential backoff with full jitter
    ///@{
    int retry_attempts = 3;                              ///< attempts of a call in all; 1 = never again; 1-100
    std::chrono::milliseconds retry_initial_backoff{50}; ///< the longest wait before the second attempt; doubles after
    std::chrono::milliseconds retry_max_backoff{2000};   ///< the longest wait ever
    /// Retries of a call whose context has no budget, over all layers below it. At least 1.
    int retry_budget = 4;
    /// Retries that all calls of the store together have in hand: each takes one, each call that works gives a tenth of
    /// one back. So an outage is not made worse by trying again. 0 = no limit.
    int retry_reserve = 10;
    ///@}

    /// \name Circuit breaker, one per endpoint
    ///@{
    int breaker_failures = 5;                     ///< failures in a row that open it; 0 = no breaker
    std::chrono::milliseconds breaker_open{1000}; ///< how long it refuses before it probes; doubles when a probe fails
    std::chrono::milliseconds breaker_max_open{30000}; ///< the longest it refuses
    int breaker_probes = 1; ///< calls let through at once while probing, all of which must succeed to close it; 1-100
    ///@}

    /// \name Concurrency limit
    ///@{
    std::uint32_t max_concurrent = 256; ///< calls in the backend at once; 0 = no limit
    std::uint32_t max_queued = 4096;    ///< calls that wait for their turn, first come first served; more are refused
    ///@}

    /// How long one attempt may take before it is given up (and made again, where that is allowed).
    /// 0: only the deadline counts.
    std::chrono::milliseconds attempt_timeout{0};

    /// Every layer left out.
    static ResilienceConfig none();

    /// What suits a backend by its type name. Embedded engines ("sqlite", "local_qdrant", "memory") get
    /// no time limits, for a long query there is the caller's wish and nothing can be lost on the
    /// way; the memory cache, which never waits, gets no concurrency limit either. Everything else is
    /// a server: 30 s a call, 10 s an attempt.
    static ResilienceConfig for_backend(std::string_view type);

    /// \throws StorageError invalid_argument naming the member, its value and what is allowed.
    void check() const;
    json::object to_json() const;
    friend bool operator==(const ResilienceConfig&, const ResilienceConfig&) = default;
};

/// The decorators of a whole storage layer.
struct StorageResilience
{
    ResilienceConfig database = ResilienceConfig::for_backend("sqlite");
    ResilienceConfig vector_database = ResilienceConfig::for_backend("local_qdrant");
    ResilienceConfig cache = ResilienceConfig::for_backend("memory");
    ResilienceConfig graph_database = ResilienceConfig::for_backend("sqlite");

    json::object to_json() const;
};

} // namespace whisperstore

#pragma once

#include <whisperstore/resilience/decorate.hpp>

namespace whisperstore::test {

/// Every decorator switched on, with limits that no case reaches: a decorated backend passes the same
/// suite as the backend itself.
inline ResilienceConfig every_layer()
{
    ResilienceConfig config;
    config.default_deadline = std::chrono::minutes(5);
    config.attempt_timeout = std::chrono::minutes(2);
    config.retry_initial_backoff = std::chrono::milliseconds(1);
    return config;
}

} // namespace whisperstore::test

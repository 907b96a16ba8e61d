#include <whisperstore/core/error.hpp>
#include <whisperstore/resilience/resilience_config.hpp>

#include <string>

namespace whisperstore {

namespace {

void check_range(std::string_view name, std::int64_t value, std::int64_t minimum, std::int64_t maximum)
{
    if (value < minimum || value > maximum)
        throw StorageError(StorageErrc::invalid_argument, std::string(name) + " is " + std::to_string(value) +
                                                              "; allowed are " + std::to_string(minimum) + " to " +
                                                              std::to_string(maximum));
}

// A day: longer limits are none.
constexpr std::int64_t longest_ms = 86'400'000;

} // namespace

ResilienceConfig ResilienceConfig::none()
{
    ResilienceConfig config;
    config.metrics = false;
    config.retry_attempts = 1;
    config.breaker_failures = 0;
    config.max_concurrent = 0;
    return config;
}

ResilienceConfig ResilienceConfig::for_backend(std::string_view type)
{
    ResilienceConfig config;
    if (type == "memory") {
        config.max_concurrent = 0;
    } else if (type == "sqlite" || type == "local_qdrant") {
        // Hundreds of writers share one commit, so the limit only guards against running out of memory.
        config.max_concurrent = 1024;
        config.max_queued = 65536;
    } else {
        config.default_deadline = std::chrono::seconds(30);
        config.attempt_timeout = std::chrono::seconds(10);
    }
    return config;
}

void ResilienceConfig::check() const
{
    check_range("default_deadline", default_deadline.count(), 0, longest_ms);
    check_range("retry_attempts", retry_attempts, 1, 100);
    check_range("retry_initial_backoff", retry_initial_backoff.count(), 1, longest_ms);
    check_range("retry_max_backoff", retry_max_backoff.count(), retry_initial_backoff.count(), longest_ms);
    check_range("retry_budget", retry_budget, 1, 10'000);
    check_range("retry_reserve", retry_reserve, 0, 1'000'000);
    check_range("breaker_failures", breaker_failures, 0, 1'000'000);
    check_range("breaker_open", breaker_open.count(), 1, longest_ms);
    check_range("breaker_max_open", breaker_max_open.count(), breaker_open.count(), longest_ms);
    check_range("breaker_probes", breaker_probes, 1, 100);
    check_range("max_concurrent", max_concurrent, 0, 1'000'000);
    check_range("max_queued", max_queued, 0, 100'000'000);
    check_range("attempt_timeout", attempt_timeout.count(), 0, longest_ms);
}

json::object ResilienceConfig::to_json() const
{
    json::object out;
    out["enabled"] = enabled;
    out["metrics"] = metrics;
    out["default_deadline_ms"] = default_deadline.count();
    out["retry_attempts"] = retry_attempts;
    out["retry_initial_backoff_ms"] = retry_initial_backoff.count();
    out["retry_max_backoff_ms"] = retry_max_backoff.count();
    out["retry_budget"] = retry_budget;
    out["retry_reserve"] = retry_reserve;
    out["breaker_failures"] = breaker_failures;
    out["breaker_open_ms"] = breaker_open.count();
    out["breaker_max_open_ms"] = breaker_max_open.count();
    out["breaker_probes"] = breaker_probes;
    out["max_concurrent"] = max_concurrent;
    out["max_queued"] = max_queued;
    out["attempt_timeout_ms"] = attempt_timeout.count();
    return out;
}

json::object StorageResilience::to_json() const
{
    json::object out;
    out["database"] = database.to_json();
    out["vector_database"] = vector_database.to_json();
    out["cache"] = cache.to_json();
    out["graph_database"] = graph_database.to_json();
    return out;
}

} // namespace whisperstore

#include "config/resilience_settings.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <chrono>
#include <string>

namespace whisperstore::config {

namespace {

using std::chrono::milliseconds;

std::string text(milliseconds time) { return std::to_string(time.count()); }

/// Two times of which the second may not be shorter. Where only one is given, the other's default gives way.
void take_range(SettingValues& values, const std::string& least_variable, milliseconds& least,
                const std::string& most_variable, milliseconds& most)
{
    const auto given_ms = [&](const std::string& variable, milliseconds fallback) {
        const GivenValue* given = values.given(variable);
        return given ? milliseconds(std::stoll(given->value)) : fallback;
    };
    const milliseconds default_least = std::min(least, given_ms(most_variable, least));
    const milliseconds default_most = std::max(most, given_ms(least_variable, most));
    least = milliseconds(static_cast<std::int64_t>(values.take_number(least_variable, Fallback{text(default_least)})));
    most = milliseconds(static_cast<std::int64_t>(values.take_number(most_variable, Fallback{text(default_most)})));
    if (most < least)
        throw StorageError(StorageErrc::invalid_argument, most_variable + " is " + text(most) + "; allowed with " +
                                                              least_variable + "=" + text(least) + ": at least that");
}

/// What is the same for every store.
ResilienceConfig take_common(SettingValues& values)
{
    ResilienceConfig config;
    config.metrics = values.take_boolean("WHISPERENGINE_RESILIENCE_METRICS_ENABLED", Fallback{"true"});
    take_range(values, "WHISPERENGINE_RETRY_INITIAL_BACKOFF_MS", config.retry_initial_backoff,
               "WHISPERENGINE_RETRY_MAX_BACKOFF_MS", config.retry_max_backoff);
    take_range(values, "WHISPERENGINE_BREAKER_OPEN_MS", config.breaker_open, "WHISPERENGINE_BREAKER_MAX_OPEN_MS",
               config.breaker_max_open);
    const auto take = [&](std::string_view variable, int& value) {
        value = static_cast<int>(values.take_number(variable, Fallback{std::to_string(value)}));
    };
    take("WHISPERENGINE_RETRY_BUDGET", config.retry_budget);
    take("WHISPERENGINE_RETRY_RESERVE", config.retry_reserve);
    take("WHISPERENGINE_BREAKER_FAILURES", config.breaker_failures);
    take("WHISPERENGINE_BREAKER_PROBES", config.breaker_probes);
    return config;
}

/// One store's, on top of the common ones.
ResilienceConfig take_store(SettingValues& values, const std::string& prefix, const std::string& type,
                            ResilienceConfig config)
{
    const ResilienceConfig defaults = ResilienceConfig::for_backend(type);
    const auto take = [&](const char* name, std::int64_t fallback) {
        return static_cast<std::int64_t>(
            values.take_number(prefix + name, Fallback{std::to_string(fallback), "default for " + type}));
    };
    config.default_deadline = milliseconds(take("_DEADLINE_MS", defaults.default_deadline.count()));
    config.attempt_timeout = milliseconds(take("_ATTEMPT_TIMEOUT_MS", defaults.attempt_timeout.count()));
    config.retry_attempts = static_cast<int>(take("_RETRY_ATTEMPTS", defaults.retry_attempts));
    config.max_concurrent = static_cast<std::uint32_t>(take("_MAX_CONCURRENT", defaults.max_concurrent));
    config.max_queued = static_cast<std::uint32_t>(take("_MAX_QUEUED", defaults.max_queued));
    return config;
}

} // namespace

StorageResilience build_resilience(SettingValues& values, const StorageConfiguration& configuration)
{
    StorageResilience out;
    if (!values.take_boolean("WHISPERENGINE_RESILIENCE_ENABLED", Fallback{"true"})) {
        for (ResilienceConfig* config : {&out.database, &out.vector_database, &out.cache, &out.graph_database})
            config->enabled = false;
        values.not_used_group("resilience", "WHISPERENGINE_RESILIENCE_ENABLED is false", true);
        return out;
    }
    const ResilienceConfig common = take_common(values);
    out.database = take_store(values, "WHISPERENGINE_DATABASE", configuration.database.type, common);
    out.vector_database = take_store(values, "WHISPERENGINE_VECTOR_DB", configuration.vector_database.type, common);
    out.cache = take_store(values, "WHISPERENGINE_CACHE", configuration.cache.type, common);
    // A layer that is switched off has no limits of its own; its settings are shown as the fallback's.
    const std::string graph =
        configuration.graph_database.type == "none" ? "sqlite" : configuration.graph_database.type;
    out.graph_database = take_store(values, "WHISPERENGINE_GRAPH_DB", graph, common);
    return out;
}

} // namespace whisperstore::config

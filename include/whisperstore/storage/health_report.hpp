#pragma once
/// \file
/// How the components of a storage layer are.

#include <whisperstore/config/availability.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/time.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

enum class HealthStatus
{
    ok,       ///< answers
    degraded, ///< it works, but a part of it does not: an optional component, a server of a cluster
    down,     ///< does not answer
    disabled, ///< switched off by the configuration
};
std::string_view to_string(HealthStatus status) noexcept;

/// One component's part of a HealthReport.
struct ComponentHealth
{
    std::string component; ///< "database", "vector_database", "cache", "graph_database", "backup"
    std::string type;      ///< "sqlite", "local_qdrant", ...
    Availability availability = Availability::required;
    HealthStatus status = HealthStatus::ok;
    /// Since when it has this status, as far as this layer has looked: a failure between two looks began before.
    Timestamp since = {};
    double latency_ms = 0;              ///< of the probe: one small read
    std::vector<std::string> endpoints; ///< without secrets
    std::string reason;                 ///< what is wrong; empty when ok
    std::string action;                 ///< what to do about it; empty when ok, or when nothing helps but waiting
    json::object to_json() const;
};

/// The answer of StorageLayer::health(): `down` when a required component is, `degraded` when another one is down or
/// one is degraded, else `ok`. Components that are disabled count for nothing.
struct HealthReport
{
    HealthStatus status = HealthStatus::ok;
    /// database, vector_database, cache, graph_database, and `backup` where backups are scheduled
    std::vector<ComponentHealth> components;
    json::object to_json() const;
};

} // namespace whisperstore

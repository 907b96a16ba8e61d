#include <whisperstore/storage/health_report.hpp>

namespace whisperstore {

std::string_view to_string(HealthStatus status) noexcept
{
    switch (status) {
    case HealthStatus::ok:
        return "ok";
    case HealthStatus::degraded:
        return "degraded";
    case HealthStatus::down:
        return "down";
    case HealthStatus::disabled:
        return "disabled";
    }
    return "down";
}

json::object ComponentHealth::to_json() const
{
    json::object out;
    out["component"] = component;
    out["type"] = type;
    out["availability"] = whisperstore::to_string(availability);
    out["status"] = whisperstore::to_string(status);
    out["since"] = format_timestamp(since);
    out["latency_ms"] = latency_ms;
    json::array places;
    for (const std::string& endpoint : endpoints)
        places.emplace_back(endpoint);
    out["endpoints"] = std::move(places);
    out["reason"] = reason;
    out["action"] = action;
    return out;
}

json::object HealthReport::to_json() const
{
    json::object out;
    out["status"] = whisperstore::to_string(status);
    json::array parts;
    for (const ComponentHealth& component : components)
        parts.emplace_back(component.to_json());
    out["components"] = std::move(parts);
    return out;
}

} // namespace whisperstore

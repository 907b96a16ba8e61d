#include "metrics/span.hpp"

#include "core/text.hpp"

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/version.hpp>

namespace whisperstore::metrics {

namespace {

// Numbers of opentelemetry/proto/trace/v1/trace.proto.
constexpr int kind_internal = 1;
constexpr int kind_client = 3;
constexpr int status_error = 2;

std::string hex(std::uint64_t number)
{
    std::string out;
    append_hex(out, number);
    return out;
}

void add(json::array& attributes, std::string_view key, std::string_view text)
{
    json::object value;
    value["stringValue"] = text::is_valid_utf8(text) ? text : std::string_view("(no UTF-8)");
    json::object attribute;
    attribute["key"] = key;
    attribute["value"] = std::move(value);
    attributes.emplace_back(std::move(attribute));
}

void add(json::array& attributes, std::string_view key, std::int64_t number)
{
    json::object value;
    value["intValue"] = std::to_string(number); // 64-bit numbers are strings in the JSON of protocol buffers
    json::object attribute;
    attribute["key"] = key;
    attribute["value"] = std::move(value);
    attributes.emplace_back(std::move(attribute));
}

/// The name of the product, as the semantic conventions write it where they know it.
std::string_view system_name(std::string_view backend)
{
    for (const std::string_view name : {"sqlite", "postgresql", "redis", "neo4j", "qdrant"})
        if (backend.find(name) != std::string_view::npos)
            return name;
    return backend.find("chroma") != std::string_view::npos ? "chroma" : backend;
}

/// One server; nothing for files, memory and clusters.
std::optional<HostPort> server_of(const std::string& endpoint)
{
    if (endpoint.empty() || endpoint.starts_with('/') || endpoint.find(',') != std::string::npos)
        return std::nullopt;
    try {
        HostPort server = HostPort::parse(endpoint);
        if (server.port)
            return server;
    } catch (const StorageError&) {
        return std::nullopt; // something else
    }
    return std::nullopt;
}

std::string nanoseconds(std::chrono::system_clock::time_point time)
{
    return std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

json::object span_json(const Span& span)
{
    const std::optional<HostPort> server = server_of(span.endpoint);
    json::object out;
    out["traceId"] = hex(span.self.trace_high) + hex(span.self.trace_low);
    out["spanId"] = hex(span.self.span);
    if (span.parent != 0)
        out["parentSpanId"] = hex(span.parent);
    out["flags"] = 1;
    out["name"] = server ? span.operation + " " + server->to_string() : span.operation;
    out["kind"] = server ? kind_client : kind_internal;
    out["startTimeUnixNano"] =
        nanoseconds(span.end - std::chrono::duration_cast<std::chrono::system_clock::duration>(span.duration));
    out["endTimeUnixNano"] = nanoseconds(span.end);
    json::array attributes;
    add(attributes, "db.system.name", system_name(span.backend));
    add(attributes, "db.operation.name", span.operation);
    if (server) {
        add(attributes, "server.address", server->host);
        add(attributes, "server.port", std::int64_t(*server->port));
    }
    add(attributes, "whisperstore.layer", span.layer);
    add(attributes, "whisperstore.backend", span.backend);
    if (!span.endpoint.empty())
        add(attributes, "whisperstore.endpoint", span.endpoint);
    if (!span.tenant.empty())
        add(attributes, "whisperstore.tenant", span.tenant);
    add(attributes, "whisperstore.attempts", std::int64_t(span.attempts));
    if (span.error) {
        add(attributes, "error.type", to_string(*span.error));
        json::object status;
        status["code"] = status_error;
        status["message"] = text::is_valid_utf8(span.message) ? span.message : std::string(to_string(*span.error));
        out["status"] = std::move(status);
    }
    out["attributes"] = std::move(attributes);
    return out;
}

json::array list_of(json::object only)
{
    json::array list;
    list.emplace_back(std::move(only));
    return list;
}

} // namespace

std::string otlp_json(std::span<const Span> spans, const std::string& service_name)
{
    json::array resource_attributes;
    add(resource_attributes, "service.name", service_name);
    add(resource_attributes, "telemetry.sdk.name", "whisperstore");
    add(resource_attributes, "telemetry.sdk.language", "cpp");
    add(resource_attributes, "telemetry.sdk.version", library_version());
    json::object resource;
    resource["attributes"] = std::move(resource_attributes);

    json::array list;
    for (const Span& span : spans)
        list.emplace_back(span_json(span));
    json::object scope;
    scope["name"] = "whisperstore";
    scope["version"] = library_version();
    json::object of_scope;
    of_scope["scope"] = std::move(scope);
    of_scope["spans"] = std::move(list);

    json::object of_resource;
    of_resource["resource"] = std::move(resource);
    of_resource["scopeSpans"] = list_of(std::move(of_scope));
    json::object request;
    request["resourceSpans"] = list_of(std::move(of_resource));
    return json::serialize(request);
}

} // namespace whisperstore::metrics

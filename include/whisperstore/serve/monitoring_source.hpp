#pragma once
/// \file
/// What a monitoring server tells.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <memory>
#include <string>

namespace whisperstore {

/// Asked by a MonitoringServer, for all its clients together: never twice at once for the same thing, and not again
/// before ServeConfig::reuse has passed. A StorageError is answered with 503 and its message.
class MonitoringSource
{
public:
    virtual ~MonitoringSource() = default;

    /// Prometheus text, version 0.0.4.
    virtual awaitable<std::string> metrics_text(OperationContext context) = 0;
    virtual awaitable<json::object> metrics(OperationContext context) = 0;
    virtual awaitable<HealthReport> health(OperationContext context) = 0;
    /// Without secrets.
    virtual awaitable<json::object> configuration(OperationContext context) = 0;
};

/// What a storage layer in this process has to tell; it lives as long as the source. After close() everything is
/// `closed`.
/// \param configuration e.g. AdaptiveConfigManager::to_json(); empty: that of the layer's configuration
std::shared_ptr<MonitoringSource> monitoring_source(std::shared_ptr<StorageLayer> layer,
                                                    json::object configuration = json::object());

} // namespace whisperstore

#include <whisperstore/metrics/storage_metrics_collector.hpp>
#include <whisperstore/serve/monitoring_source.hpp>

namespace whisperstore {

namespace {

class LayerSource final : public MonitoringSource
{
public:
    LayerSource(std::shared_ptr<StorageLayer> layer, json::object configuration)
        : layer_(std::move(layer)), collector_(*layer_), configuration_(std::move(configuration))
    {
        if (configuration_.empty())
            configuration_ = layer_->configuration().to_json();
    }

    awaitable<std::string> metrics_text(OperationContext context) override
    {
        return collector_.get_prometheus_text(std::move(context));
    }
    awaitable<json::object> metrics(OperationContext context) override
    {
        return collector_.get_unified_metrics(std::move(context));
    }
    awaitable<HealthReport> health(OperationContext context) override { return layer_->health(std::move(context)); }
    awaitable<json::object> configuration(OperationContext) override { co_return configuration_; }

private:
    const std::shared_ptr<StorageLayer> layer_;
    StorageMetricsCollector collector_;
    json::object configuration_;
};

} // namespace

std::shared_ptr<MonitoringSource> monitoring_source(std::shared_ptr<StorageLayer> layer, json::object configuration)
{
    if (!layer)
        throw StorageError(StorageErrc::invalid_argument, "a monitoring source needs a storage layer");
    return std::make_shared<LayerSource>(std::move(layer), std::move(configuration));
}

} // namespace whisperstore

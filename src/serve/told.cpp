#include "serve/told.hpp"

namespace whisperstore::serve {

namespace {

using Source = std::shared_ptr<MonitoringSource>;

TextTold told_text(const json::object& document)
{
    return std::make_shared<const std::string>(json::serialize(document) + "\n");
}

awaitable<TextTold> ask_metrics_text(Source source, OperationContext context)
{
    std::string text = co_await source->metrics_text(std::move(context));
    co_return std::make_shared<const std::string>(std::move(text));
}

awaitable<TextTold> ask_metrics(Source source, OperationContext context)
{
    const json::object document = co_await source->metrics(std::move(context));
    co_return told_text(document);
}

awaitable<TextTold> ask_configuration(Source source, OperationContext context)
{
    const json::object document = co_await source->configuration(std::move(context));
    co_return told_text(document);
}

awaitable<HealthTold> ask_health(Source source, OperationContext context)
{
    const HealthReport report = co_await source->health(std::move(context));
    HealthTold told;
    told.ready = report.status != HealthStatus::down;
    told.statuses = to_string(report.status);
    for (const ComponentHealth& component : report.components)
        told.statuses.append(",").append(component.component).append("=").append(to_string(component.status));
    told.body = told_text(report.to_json());
    co_return told;
}

template <typename T>
std::shared_ptr<SharedResult<T>> shared(const boost::asio::any_io_executor& executor,
                                        const std::shared_ptr<Activity>& activity, const ServeConfig& config,
                                        const Source& source, awaitable<T> (*ask)(Source, OperationContext))
{
    typename SharedResult<T>::Make make = [source, ask](OperationContext context) {
        return ask(source, std::move(context));
    };
    return std::make_shared<SharedResult<T>>(executor, activity, config.reuse, config.source_timeout, std::move(make));
}

} // namespace

Told::Told(const boost::asio::any_io_executor& executor, const std::shared_ptr<Activity>& activity,
           const ServeConfig& config, const Source& source)
    : metrics_text(shared<TextTold>(executor, activity, config, source, ask_metrics_text)),
      metrics(shared<TextTold>(executor, activity, config, source, ask_metrics)),
      configuration(shared<TextTold>(executor, activity, config, source, ask_configuration)),
      health(shared<HealthTold>(executor, activity, config, source, ask_health))
{
}

void Told::end()
{
    metrics_text->end();
    metrics->end();
    configuration->end();
    health->end();
}

} // namespace whisperstore::serve

#include "storage/metrics_recorder.hpp"

#include <whisperstore/metrics/metrics_history.hpp>
#include <whisperstore/metrics/storage_metrics_collector.hpp>

#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <unistd.h>

namespace whisperstore {

namespace {

constexpr std::chrono::seconds write_limit{10};

/// Whose entries they are, where several processes have one database.
json::object who()
{
    boost::system::error_code error;
    std::string host = boost::asio::ip::host_name(error);
    json::object tags;
    tags["host"] = error ? std::string("unknown") : std::move(host);
    tags["process"] = json_integer(static_cast<std::int64_t>(::getpid()));
    return tags;
}

awaitable<json::object> record_once(std::shared_ptr<LayerStores> stores, json::object before)
{
    StorageMetricsCollector collector(*stores);
    json::object unified = co_await collector.get_unified_metrics();
    stores->gate(StoreKind::database).require();
    MetricsHistory history(stores->components.database);
    std::vector<MetricSample> samples = history_samples(unified, before);
    co_await history.record(std::move(samples), who(), stores->configuration.metrics.retention,
                            OperationContext::within(write_limit));
    co_return unified;
}

/// Weak: a layer that is dropped lets go of its files at once.
awaitable<void> record_all(std::weak_ptr<LayerStores> weak, std::chrono::seconds interval, Logger logger)
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    json::object before;
    while (true) {
        timer.expires_after(interval);
        co_await timer.async_wait(asio::use_awaitable);
        std::shared_ptr<LayerStores> stores = weak.lock();
        if (!stores)
            co_return;
        std::optional<StorageError> failure;
        try {
            before = co_await record_once(std::move(stores), before);
        } catch (...) {
            failure = as_storage_error(std::current_exception());
        }
        if (!failure)
            continue;
        if (failure->errc() == StorageErrc::cancelled || failure->errc() == StorageErrc::closed)
            co_return;
        if (logger)
            logger(LogLevel::warning, "metrics",
                   std::string("an entry of the history was not written: ") + failure->what());
    }
}

} // namespace

MetricsRecorder::MetricsRecorder(const std::shared_ptr<LayerStores>& stores, Logger logger)
    : task_([weak = std::weak_ptr(stores), interval = stores->configuration.metrics.interval,
             logger = std::move(logger)] { return record_all(weak, interval, logger); })
{
}

} // namespace whisperstore

#include "storage/metrics_recorder.hpp"

#include <whisperstore/metrics/metrics_history.hpp>
#include <whisperstore/metrics/storage_metrics_collector.hpp>

#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <string>
#include <unistd.h>

namespace whisperstore {

namespace {

constexpr std::chrono::seconds write_limit{10};

/// The stores of a layer as a collector asks for them.
struct MeasuredLayer
{
    std::shared_ptr<LayerStores> stores;

    AbstractDatabaseAdapter& database() const
    {
        stores->gate(StoreKind::database).require();
        return *stores->components.database;
    }
    VectorDatabaseManager& vector_db() const
    {
        stores->gate(StoreKind::vector_database).require();
        return *stores->components.vector_db;
    }
    ConversationCacheManager& cache() const
    {
        stores->gate(StoreKind::cache).require();
        return *stores->components.cache;
    }
    GraphDatabaseManager& graph() const
    {
        stores->gate(StoreKind::graph_database).require();
        return *stores->components.graph;
    }
    bool has_embeddings() const noexcept { return stores->components.embeddings != nullptr; }
    EmbeddingProvider& embeddings() const { return *stores->components.embeddings; }
};

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

awaitable<json::object> record_once(std::shared_ptr<MeasuredLayer> layer, json::object before)
{
    StorageMetricsCollector collector(*layer);
    json::object unified = co_await collector.get_unified_metrics();
    layer->stores->gate(StoreKind::database).require();
    MetricsHistory history(layer->stores->components.database);
    std::vector<MetricSample> samples = history_samples(unified, before);
    co_await history.record(std::move(samples), who(), layer->stores->configuration.metrics.retention,
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
        const auto layer = std::make_shared<MeasuredLayer>(MeasuredLayer{std::move(stores)});
        std::string trouble;
        try {
            before = co_await record_once(layer, before);
        } catch (const StorageError& error) {
            if (error.errc() == StorageErrc::cancelled || error.errc() == StorageErrc::closed)
                throw;
            trouble = error.what();
        }
        if (!trouble.empty() && logger)
            logger(LogLevel::warning, "metrics", "an entry of the history was not written: " + trouble);
    }
}

} // namespace

MetricsRecorder::MetricsRecorder(const std::shared_ptr<LayerStores>& stores, Logger logger)
    : task_([weak = std::weak_ptr(stores), interval = stores->configuration.metrics.interval,
             logger = std::move(logger)] { return record_all(weak, interval, logger); })
{
}

} // namespace whisperstore

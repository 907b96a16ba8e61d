#include "core/failure.hpp"
#include "core/shield.hpp"
#include "storage/layer_health.hpp"
#include "storage/layer_stores.hpp"
#include "storage/metrics_recorder.hpp"
#include "storage/store_reopener.hpp"

#include <whisperstore/embedding/cached_embedding_provider.hpp>
#include <whisperstore/metrics/otlp_trace_exporter.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <functional>

namespace whisperstore {

namespace {

constexpr std::string_view layer_name = "storage";
constexpr auto last_spans_limit = std::chrono::seconds(3);

/// A collector that does not answer must not keep the layer from closing, nor make that fail.
awaitable<void> send_last_spans(std::shared_ptr<OtlpTraceExporter> traces)
{
    try {
        co_await traces->shutdown(OperationContext::within(last_spans_limit));
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::timeout) // they are counted as lost
            throw;
    }
}

} // namespace

StorageLayer::StorageLayer(StorageComponents components, StorageConfiguration configuration, StorageFailures failures)
    : stores_(std::make_shared<LayerStores>(std::move(components), std::move(configuration), failures)),
      embedding_failure_(failures.embeddings)
{
    const StorageComponents& parts = stores_->components;
    if (parts.embeddings && parts.vector_db)
        texts_ = std::make_unique<TextMemory>(parts.vector_db, parts.embeddings, parts.database);
}

StorageLayer::~StorageLayer() = default;

AbstractDatabaseAdapter& StorageLayer::database() const { return stores_->database(); }
VectorDatabaseManager& StorageLayer::vector_db() const { return stores_->vector_db(); }
ConversationCacheManager& StorageLayer::cache() const { return stores_->cache(); }
GraphDatabaseManager& StorageLayer::graph() const { return stores_->graph(); }
bool StorageLayer::has_database() const noexcept { return stores_->gate(StoreKind::database).is_open(); }
bool StorageLayer::has_vector_db() const noexcept { return stores_->gate(StoreKind::vector_database).is_open(); }
bool StorageLayer::has_cache() const noexcept { return stores_->gate(StoreKind::cache).is_open(); }
bool StorageLayer::has_graph() const noexcept { return stores_->gate(StoreKind::graph_database).is_open(); }
bool StorageLayer::graph_is_configured() const noexcept { return stores_->exists(StoreKind::graph_database); }
bool StorageLayer::has_embeddings() const noexcept { return stores_->components.embeddings != nullptr; }
const StorageConfiguration& StorageLayer::configuration() const noexcept { return stores_->configuration; }

EmbeddingProvider& StorageLayer::embeddings() const
{
    if (stores_->components.embeddings)
        return *stores_->components.embeddings;
    if (embedding_failure_)
        std::rethrow_exception(embedding_failure_);
    throw StorageError(StorageErrc::unsupported,
                       "texts cannot be turned into vectors, because no embedding is configured; set "
                       "WHISPERENGINE_EMBEDDING_TYPE to local or openai, or pass vectors");
}

TextMemory& StorageLayer::texts(std::string_view operation)
{
    require_open(operation);
    static_cast<void>(embeddings()); // or says why there are none
    stores_->gate(StoreKind::vector_database).require();
    return *texts_;
}

awaitable<void> StorageLayer::store_text(std::string collection, std::string doc_id, std::string text,
                                         json::object metadata, OperationContext context)
{
    co_await texts("store_text")
        .store_text(std::move(collection), std::move(doc_id), std::move(text), std::move(metadata), std::move(context));
}

awaitable<void> StorageLayer::store_texts(std::string collection, std::vector<TextDocument> documents,
                                          OperationContext context)
{
    co_await texts("store_texts").store_texts(std::move(collection), std::move(documents), std::move(context));
}

awaitable<std::vector<TextResult>> StorageLayer::search_text(std::string collection, std::string query,
                                                             std::size_t limit, Filter filters,
                                                             TextSearchOptions options, OperationContext context)
{
    TextMemory& memory = texts("search_text");
    if (options.neighbours && stores_->exists(StoreKind::database))
        stores_->gate(StoreKind::database).require();
    co_return co_await memory.search_text(std::move(collection), std::move(query), limit, std::move(filters),
                                          std::move(options), std::move(context));
}

void StorageLayer::start_backups(Logger logger)
{
    const StorageConfiguration& configuration = stores_->configuration;
    const bool reads_only = configuration.database.read_only || configuration.vector_database.read_only;
    if (configuration.backup.folder.empty() || !configuration.database.backup_enabled || reads_only || backups_)
        return;
    // The stores live as long as a backup that uses them, whatever becomes of the layer. One that is missing would be
    // missing in the backup as well.
    BackupSchedule::Stores stores = [all = stores_] {
        for (const StoreKind kind : store_kinds)
            if (kind != StoreKind::graph_database || all->exists(kind))
                all->gate(kind).require();
        const StorageComponents& parts = all->components;
        return BackupTarget(*parts.database, *parts.vector_db, *parts.cache, parts.graph.get());
    };
    const std::chrono::duration<double, std::ratio<3600>> interval(configuration.database.backup_interval_hours);
    backups_ = std::make_unique<BackupSchedule>(std::move(stores), configuration.backup, interval, std::move(logger));
    backups_->start();
}

void StorageLayer::start_reopening(Logger logger)
{
    bool missing = false;
    for (const StoreKind kind : store_kinds)
        missing = missing || (stores_->exists(kind) && !stores_->gate(kind).is_open());
    if (missing && !reopener_)
        reopener_ = std::make_unique<StoreReopener>(stores_, std::move(logger));
}

void StorageLayer::start_metrics(Logger logger)
{
    const StorageConfiguration& configuration = stores_->configuration;
    const bool has_table = stores_->exists(StoreKind::database) && !configuration.database.read_only;
    if (configuration.metrics.interval.count() > 0 && has_table && !recorder_)
        recorder_ = std::make_unique<MetricsRecorder>(stores_, std::move(logger));
}

awaitable<HealthReport> StorageLayer::health(OperationContext context)
{
    require_open("health");
    context.check_deadline(layer_name, "health");
    HealthReport report;
    try {
        report = co_await look_at_all(context);
    } catch (...) {
        rethrow_as_storage_error(layer_name, "health");
    }
    context.check_deadline(layer_name, "health"); // else the report would blame components for the caller's haste
    co_return report;
}

awaitable<HealthReport> StorageLayer::look_at_all(OperationContext context)
{
    HealthReport report;
    report.components = co_await look_at(stores_, std::move(context));
    if (backups_)
        report.components.push_back(backup_health(*stores_, *backups_));
    report.status = overall(report.components);
    co_return report;
}

void StorageLayer::require_open(std::string_view operation) const
{
    const std::lock_guard lock(mutex_);
    if (closed_)
        throw StorageError(StorageErrc::closed, "the storage layer was closed").within(layer_name, operation);
}

awaitable<void> StorageLayer::close()
{
    {
        const std::lock_guard lock(mutex_);
        if (closed_)
            co_return;
        closed_ = true;
        stores_->closed = true;
    }
    // To the end also for a caller that gave up: a second close() does nothing any more.
    awaitable<void> closing = close_components();
    if (const std::exception_ptr failure = co_await shielded(std::move(closing)))
        std::rethrow_exception(failure);
}

awaitable<void> StorageLayer::close_components()
{
    // The cache and the graph fallback work on the database, so it goes last.
    std::vector<std::function<awaitable<void>()>> steps;
    if (reopener_)
        steps.push_back([this] { return reopener_->stop(); });
    if (backups_)
        steps.push_back([this] { return backups_->stop(); });
    if (recorder_)
        steps.push_back([this] { return recorder_->stop(); });
    const auto add = [&](StoreKind kind) {
        if (stores_->exists(kind))
            steps.push_back([this, kind] { return stores_->close(kind); });
    };
    add(StoreKind::cache);
    add(StoreKind::graph_database);
    if (const auto cached = std::dynamic_pointer_cast<CachedEmbeddingProvider>(stores_->components.embeddings))
        steps.push_back([cached] { return cached->close(); });
    add(StoreKind::vector_database);
    add(StoreKind::database);
    if (const auto traces = stores_->components.traces)
        steps.push_back([traces] { return send_last_spans(traces); });
    std::exception_ptr first;
    for (const auto& step : steps) {
        try {
            co_await step();
        } catch (...) {
            if (!first)
                first = std::current_exception();
        }
    }
    if (first)
        std::rethrow_exception(first);
}

} // namespace whisperstore

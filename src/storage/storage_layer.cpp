#include "core/failure.hpp"
#include "core/shield.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/embedding/cached_embedding_provider.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <algorithm>
#include <chrono>
#include <functional>

namespace whisperstore {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view layer_name = "storage";

// A probe that takes longer than this is a component that is down.
constexpr auto probe_limit = std::chrono::seconds(5);

StorageError as_storage_error(const std::exception_ptr& error)
{
    try {
        std::rethrow_exception(error);
    } catch (const StorageError& failure) {
        return failure;
    } catch (const std::exception& failure) {
        return StorageError(StorageErrc::unavailable, failure.what());
    }
}

/// Runs a probe and writes its outcome into the component's part of the report.
awaitable<ComponentHealth> probed(ComponentHealth component, std::function<awaitable<void>()> probe)
{
    const auto start = Clock::now();
    try {
        co_await probe();
    } catch (const StorageError& error) {
        // A caller that gives up wants to stop; that says nothing about the component.
        if (error.errc() == StorageErrc::cancelled)
            throw;
        component.status = HealthStatus::down;
        component.message = error.what();
    }
    component.latency_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    co_return component;
}

ComponentHealth component_of(std::string component, std::string_view type, std::vector<std::string> endpoints)
{
    ComponentHealth out;
    out.component = std::move(component);
    out.type = type;
    out.endpoints = std::move(endpoints);
    return out;
}

awaitable<void> ping_database(AbstractDatabaseAdapter& database, OperationContext context)
{
    co_await database.execute_query("SELECT 1", Parameters(), std::move(context));
}

awaitable<void> ping_vectors(VectorDatabaseManager& vectors, OperationContext context)
{
    co_await vectors.list_collections(std::move(context));
}

awaitable<void> ping_cache(ConversationCacheManager& cache, OperationContext context)
{
    co_await cache.get_cache_stats(std::move(context));
}

ComponentHealth backup_health(const BackupSchedule& schedule, const std::filesystem::path& folder)
{
    ComponentHealth component = component_of("backup", "schedule", std::vector<std::string>(1, folder.string()));
    component.required = false;
    component.message = schedule.trouble();
    if (!component.message.empty())
        component.status = HealthStatus::degraded;
    return component;
}

HealthStatus overall(const std::vector<ComponentHealth>& components) noexcept
{
    HealthStatus status = HealthStatus::up;
    for (const ComponentHealth& component : components)
        if (component.status == HealthStatus::down || component.status == HealthStatus::degraded)
            status = std::max(status, component.required ? component.status : HealthStatus::degraded);
    return status;
}

} // namespace

std::string_view to_string(HealthStatus status) noexcept
{
    switch (status) {
    case HealthStatus::up:
        return "up";
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
    out["required"] = required;
    out["status"] = whisperstore::to_string(status);
    out["latency_ms"] = latency_ms;
    json::array places;
    for (const std::string& endpoint : endpoints)
        places.emplace_back(endpoint);
    out["endpoints"] = std::move(places);
    out["message"] = message;
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

StorageLayer::StorageLayer(StorageComponents components, StorageConfiguration configuration,
                           std::exception_ptr graph_failure, std::exception_ptr embedding_failure)
    : components_(std::move(components)),
      configuration_(std::move(configuration)),
      embedding_failure_(std::move(embedding_failure)),
      graph_failure_(std::move(graph_failure))
{
    if (!components_.database || !components_.vector_db || !components_.cache)
        throw StorageError(
            StorageErrc::invalid_argument,
            "a storage layer needs a database, a vector database and a cache; only the graph may be absent");
    if (components_.embeddings)
        texts_ = std::make_unique<TextMemory>(components_.vector_db, components_.embeddings, components_.database);
}

StorageLayer::~StorageLayer() = default;

GraphDatabaseManager& StorageLayer::graph() const
{
    if (!components_.graph)
        throw StorageError(
            StorageErrc::unsupported,
            "the graph is switched off; set WHISPERENGINE_GRAPH_DB_TYPE=sqlite for the one in the database");
    const std::lock_guard lock(mutex_);
    if (graph_failure_)
        std::rethrow_exception(graph_failure_);
    return *components_.graph;
}

EmbeddingProvider& StorageLayer::embeddings() const
{
    if (components_.embeddings)
        return *components_.embeddings;
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
    co_return co_await memory.search_text(std::move(collection), std::move(query), limit, std::move(filters),
                                          std::move(options), std::move(context));
}

bool StorageLayer::has_graph() const noexcept
{
    const std::lock_guard lock(mutex_);
    return components_.graph && !graph_failure_;
}

void StorageLayer::start_backups(Logger logger)
{
    const bool reads_only = configuration_.database.read_only || configuration_.vector_database.read_only;
    if (configuration_.backup.folder.empty() || !configuration_.database.backup_enabled || reads_only || backups_)
        return;
    // The components live as long as a backup that uses them, whatever becomes of the layer.
    BackupSchedule::Stores stores = [components = components_] {
        return BackupTarget(*components.database, *components.vector_db, *components.cache, components.graph.get());
    };
    const std::chrono::duration<double, std::ratio<3600>> interval(configuration_.database.backup_interval_hours);
    backups_ = std::make_unique<BackupSchedule>(std::move(stores), configuration_.backup, interval, std::move(logger));
    backups_->start();
}

awaitable<void> StorageLayer::ping_graph(OperationContext context)
{
    if (has_graph()) {
        co_await components_.graph->ping(std::move(context));
        co_return;
    }
    std::exception_ptr failure;
    try {
        co_await components_.graph->initialize(std::move(context));
    } catch (...) {
        failure = std::current_exception();
    }
    bool closed_meanwhile = false;
    {
        const std::lock_guard lock(mutex_);
        graph_failure_ = failure;
        closed_meanwhile = closed_;
    }
    if (failure)
        throw as_storage_error(failure);
    if (closed_meanwhile)
        co_await components_.graph->cleanup();
}

awaitable<ComponentHealth> StorageLayer::graph_health(OperationContext context)
{
    ComponentHealth component = component_of("graph_database", "none", {});
    component.required = false;
    if (!components_.graph) {
        component.status = HealthStatus::disabled;
        co_return component;
    }
    component.type = components_.graph->graph_database_type();
    component.endpoints = components_.graph->endpoints();
    std::function<awaitable<void>()> probe = [this, context] { return ping_graph(context.limited_to(probe_limit)); };
    co_return co_await probed(std::move(component), std::move(probe));
}

awaitable<HealthReport> StorageLayer::health(OperationContext context)
{
    require_open("health");
    context.check_deadline(layer_name, "health");
    HealthReport report;
    try {
        report.components = co_await probe_all(context);
    } catch (...) {
        rethrow_as_storage_error(layer_name, "health");
    }
    context.check_deadline(layer_name, "health"); // else the report would blame components for the caller's haste
    report.status = overall(report.components);
    co_return report;
}

awaitable<std::vector<ComponentHealth>> StorageLayer::probe_all(OperationContext context)
{
    std::vector<ComponentHealth> components;
    // Each has its own time: one that hangs must not make the others look down.
    std::function<awaitable<void>()> database = [this, context] {
        return ping_database(*components_.database, context.limited_to(probe_limit));
    };
    std::function<awaitable<void>()> vectors = [this, context] {
        return ping_vectors(*components_.vector_db, context.limited_to(probe_limit));
    };
    std::function<awaitable<void>()> cache = [this, context] {
        return ping_cache(*components_.cache, context.limited_to(probe_limit));
    };
    ComponentHealth of_database = co_await probed(
        component_of("database", components_.database->database_type(), components_.database->endpoints()),
        std::move(database));
    if (of_database.status == HealthStatus::up) {
        of_database.message = components_.database->get_trouble();
        if (of_database.message.empty())
            of_database.message = co_await unfinished_restore(*components_.database, context.limited_to(probe_limit));
        if (!of_database.message.empty())
            of_database.status = HealthStatus::degraded;
    }
    components.push_back(std::move(of_database));
    components.push_back(co_await probed(component_of("vector_database", components_.vector_db->vector_database_type(),
                                                      components_.vector_db->endpoints()),
                                         std::move(vectors)));
    ComponentHealth of_cache = co_await probed(
        component_of("cache", components_.cache->cache_type(), components_.cache->endpoints()), std::move(cache));
    if (of_cache.status == HealthStatus::up) {
        of_cache.message = components_.cache->get_trouble();
        if (!of_cache.message.empty())
            of_cache.status = HealthStatus::degraded;
    }
    components.push_back(std::move(of_cache));
    components.push_back(co_await graph_health(context));
    if (backups_)
        components.push_back(backup_health(*backups_, configuration_.backup.folder));
    co_return components;
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
    if (backups_)
        steps.push_back([this] { return backups_->stop(); });
    steps.push_back([this] { return components_.cache->cleanup(); });
    if (components_.graph)
        steps.push_back([this] { return components_.graph->cleanup(); });
    if (const auto cached = std::dynamic_pointer_cast<CachedEmbeddingProvider>(components_.embeddings))
        steps.push_back([cached] { return cached->close(); });
    steps.push_back([this] { return components_.vector_db->cleanup(); });
    steps.push_back([this] { return components_.database->disconnect(); });
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

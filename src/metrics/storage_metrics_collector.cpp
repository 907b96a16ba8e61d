#include "core/both.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/time.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/metrics/metric_table.hpp>
#include <whisperstore/metrics/storage_metrics_collector.hpp>
#include <whisperstore/resilience/decorate.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <chrono>
#include <optional>
#include <vector>

namespace whisperstore {

namespace {

constexpr std::chrono::seconds patience{5};

json::value count(std::uint64_t number) { return json_integer(static_cast<std::int64_t>(number)); }

std::string_view type_of(const AbstractDatabaseAdapter& database) { return database.database_type(); }
std::string_view type_of(const VectorDatabaseManager& vectors) { return vectors.vector_database_type(); }
std::string_view type_of(const ConversationCacheManager& cache) { return cache.cache_type(); }
std::string_view type_of(const GraphDatabaseManager& graph) { return graph.graph_database_type(); }

/// What a store tells without being asked over the network.
template <typename Store>
json::object extended_of(const Store& store, std::string_view type_key)
{
    json::object out;
    out[type_key] = type_of(store);
    out["answers"] = true;
    if (const std::optional<ResilienceStats> counted = resilience_stats(store)) {
        json::object layers = counted->to_json();
        layers.erase("backend");
        for (auto& [key, value] : layers)
            out[key] = std::move(value);
    }
    for (auto& [key, value] : store.get_details())
        out[key] = std::move(value);
    return out;
}

/// The document of a store that is not there or does not answer.
template <typename Store>
json::object without_answer(const std::function<Store&()>& store, std::string_view type_key,
                            const std::vector<std::string_view>& keys, const StorageError& error)
{
    json::object extended;
    try {
        if (store)
            extended = extended_of(store(), type_key);
    } catch (const StorageError&) {
        // It is not there at all, which `error` says.
    }
    extended["answers"] = false;
    extended["error"] = error.what();
    json::object out;
    for (const std::string_view key : keys)
        out[key] = nullptr;
    out["extended"] = std::move(extended);
    return out;
}

/// Whether an error says something about the store, and not about the caller or the layer.
bool is_of_store(const StorageError& error, const OperationContext& context)
{
    return error.errc() != StorageErrc::closed && error.errc() != StorageErrc::cancelled && !context.expired();
}

const std::vector<std::string_view> database_keys{"connection_pool_size", "active_connections",
                                                  "query_response_time_avg", "total_queries_executed", "error_rate"};
const std::vector<std::string_view> vector_keys{"total_documents", "collections_count", "search_response_time_avg",
                                                "embedding_cache_hit_rate"};
const std::vector<std::string_view> cache_keys{"cache_hit_rate", "cached_channels", "total_cached_messages",
                                               "memory_usage_mb"};

/// One store's document into `out`, whatever becomes of it.
template <typename Store>
awaitable<void> collect(json::object& out, awaitable<json::object> work, std::function<Store&()> store,
                        std::string_view type_key, std::vector<std::string_view> keys, OperationContext context)
{
    std::optional<StorageError> failure;
    try {
        out = co_await std::move(work);
    } catch (const StorageError& error) {
        failure = error;
    }
    if (!failure)
        co_return;
    if (!is_of_store(*failure, context))
        throw *failure;
    out = without_answer(store, type_key, keys, *failure);
}

} // namespace

StorageMetricsCollector::StorageMetricsCollector(AbstractDatabaseAdapter& database, VectorDatabaseManager& vector_db,
                                                 ConversationCacheManager& cache, GraphDatabaseManager* graph)
    : database_([&database]() -> AbstractDatabaseAdapter& { return database; }),
      vector_db_([&vector_db]() -> VectorDatabaseManager& { return vector_db; }),
      cache_([&cache]() -> ConversationCacheManager& { return cache; })
{
    if (graph)
        graph_ = [graph]() -> GraphDatabaseManager& { return *graph; };
}

awaitable<json::object> StorageMetricsCollector::collect_database_metrics(OperationContext context)
{
    AbstractDatabaseAdapter& database = database_();
    context.check_deadline(database.database_type(), "collect_database_metrics");
    json::object out;
    out["connection_pool_size"] = count(co_await database.get_pool_size());
    out["active_connections"] = count(co_await database.get_active_connections());
    out["query_response_time_avg"] = co_await database.get_avg_response_time();
    out["total_queries_executed"] = count(co_await database.get_query_count());
    out["error_rate"] = co_await database.get_error_rate();
    out["extended"] = extended_of(database, "database_type");
    co_return out;
}

awaitable<json::object> StorageMetricsCollector::collect_vector_metrics(OperationContext context)
{
    VectorDatabaseManager& vectors = vector_db_();
    context.check_deadline(vectors.vector_database_type(), "collect_vector_metrics");
    json::array collections;
    std::uint64_t documents = 0;
    const std::vector<std::string> names = co_await vectors.list_collections(context);
    for (const std::string& name : names) {
        const CollectionStats stats = co_await vectors.get_collection_stats(name, context);
        documents += stats.document_count;
        collections.emplace_back(stats.to_json());
    }
    json::object out;
    out["total_documents"] = count(documents);
    out["collections_count"] = count(names.size());
    out["search_response_time_avg"] = co_await vectors.get_avg_search_time();
    const double of_backend = co_await vectors.get_cache_hit_rate();
    out["embedding_cache_hit_rate"] = embeddings_ ? embeddings_->cache_hit_rate() : of_backend;
    json::object extended = extended_of(vectors, "vector_database_type");
    extended["embedding_provider"] = embeddings_ ? embeddings_->provider_type() : std::string_view("none");
    extended["collections"] = std::move(collections);
    out["extended"] = std::move(extended);
    co_return out;
}

awaitable<json::object> StorageMetricsCollector::collect_cache_metrics(OperationContext context)
{
    ConversationCacheManager& cache = cache_();
    const CacheStats stats = co_await cache.get_cache_stats(std::move(context));
    json::object out;
    out["cache_hit_rate"] = stats.hit_rate;
    out["cached_channels"] = count(stats.cached_channels);
    out["total_cached_messages"] = count(stats.total_cached_messages);
    out["memory_usage_mb"] = stats.memory_usage_mb;
    json::object extended = extended_of(cache, "cache_type");
    extended["hits"] = count(stats.hits);
    extended["misses"] = count(stats.misses);
    out["extended"] = std::move(extended);
    co_return out;
}

awaitable<json::object> StorageMetricsCollector::collect_graph_metrics(OperationContext context)
{
    if (!graph_)
        throw StorageError(StorageErrc::unsupported, "there is no graph");
    GraphDatabaseManager& graph = graph_();
    co_await graph.ping(std::move(context));
    co_return extended_of(graph, "graph_database_type");
}

awaitable<json::object> StorageMetricsCollector::get_unified_metrics(OperationContext context)
{
    context.check_deadline("storage", "get_unified_metrics");
    const OperationContext limited = context.limited_to(patience);
    json::object of_database;
    json::object of_vectors;
    json::object of_cache;
    json::object of_graph;
    awaitable<void> database =
        collect(of_database, collect_database_metrics(limited), database_, "database_type", database_keys, context);
    awaitable<void> vectors =
        collect(of_vectors, collect_vector_metrics(limited), vector_db_, "vector_database_type", vector_keys, context);
    awaitable<void> cache =
        collect(of_cache, collect_cache_metrics(limited), cache_, "cache_type", cache_keys, context);
    awaitable<void> graph =
        collect(of_graph, collect_graph_metrics(limited), graph_, "graph_database_type", {}, context);
    awaitable<void> first = both(std::move(database), std::move(vectors));
    awaitable<void> second = both(std::move(cache), std::move(graph));
    co_await both(std::move(first), std::move(second));

    // A graph without an answer comes in the form of the others.
    if (json::value* extended = of_graph.if_contains("extended"); extended && extended->is_object())
        of_graph = json::object(extended->get_object());
    json::object extended;
    extended["graph_database"] = std::move(of_graph);
    if (embeddings_) {
        json::object embedding;
        embedding["provider_type"] = embeddings_->provider_type();
        embedding["model_name"] = embeddings_->model_name();
        embedding["cache_hit_rate"] = embeddings_->cache_hit_rate();
        extended["embedding"] = std::move(embedding);
    }
    json::object out;
    out["database"] = std::move(of_database);
    out["vector_database"] = std::move(of_vectors);
    out["cache"] = std::move(of_cache);
    out["timestamp"] = format_timestamp(now());
    out["extended"] = std::move(extended);
    co_return out;
}

awaitable<std::string> StorageMetricsCollector::get_prometheus_text(OperationContext context)
{
    const json::object unified = co_await get_unified_metrics(std::move(context));
    co_return prometheus_text(unified);
}

} // namespace whisperstore

#pragma once
/// \file
/// Performance metrics of a storage layer under the reference's keys, and everything more under `extended`.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <functional>
#include <string>
#include <utility>

namespace whisperstore {

class AbstractDatabaseAdapter;
class VectorDatabaseManager;
class ConversationCacheManager;
class GraphDatabaseManager;
class EmbeddingProvider;

/// Collects performance metrics across all storage backends. Rates and hit rates are 0-1, times
/// milliseconds, memory MiB, all since the store was opened. Holds no state; thread safe.
///
/// `extended` of each layer has its type, what its decorators counted (ResilienceStats::to_json(): calls, errors by
/// code, retries, latencies, circuit breaker, places and waits of the concurrency limit), and what its backend tells of
/// itself: connections, files, nodes, index, evictions. docs/metrics.md lists all of it.
class StorageMetricsCollector
{
public:
    /// \param storage_layer a StorageLayer (anything with database(), vector_db() and cache(); graph() and embeddings()
    /// where it has them), which outlives this.
    template <typename Layer>
        requires requires(const Layer& layer) { layer.database(), layer.vector_db(), layer.cache(); }
    explicit StorageMetricsCollector(const Layer& storage_layer)
        : database_([&storage_layer]() -> AbstractDatabaseAdapter& { return storage_layer.database(); }),
          vector_db_([&storage_layer]() -> VectorDatabaseManager& { return storage_layer.vector_db(); }),
          cache_([&storage_layer]() -> ConversationCacheManager& { return storage_layer.cache(); })
    {
        if constexpr (requires { storage_layer.graph(); })
            graph_ = [&storage_layer]() -> GraphDatabaseManager& { return storage_layer.graph(); };
        if constexpr (requires { storage_layer.has_embeddings(), storage_layer.embeddings(); })
            if (storage_layer.has_embeddings())
                embeddings_ = &storage_layer.embeddings();
    }
    /// \param graph null: there is none.
    StorageMetricsCollector(AbstractDatabaseAdapter& database, VectorDatabaseManager& vector_db,
                            ConversationCacheManager& cache, GraphDatabaseManager* graph = nullptr);

    /// connection_pool_size, active_connections, query_response_time_avg, total_queries_executed, error_rate.
    /// \throws StorageError of the database that is not there.
    awaitable<json::object> collect_database_metrics(OperationContext context = OperationContext());
    /// total_documents, collections_count, search_response_time_avg, embedding_cache_hit_rate.
    /// \throws StorageError of the vector database that does not answer.
    awaitable<json::object> collect_vector_metrics(OperationContext context = OperationContext());
    /// cache_hit_rate, cached_channels, total_cached_messages, memory_usage_mb.
    /// \throws StorageError of the cache that does not answer.
    awaitable<json::object> collect_cache_metrics(OperationContext context = OperationContext());
    /// Nothing of the reference's, so all of it is what stands under `extended` elsewhere.
    /// \throws StorageError of the graph that is not there.
    awaitable<json::object> collect_graph_metrics(OperationContext context = OperationContext());

    /// `database`, `vector_database`, `cache`, `timestamp` (ISO-8601), and `extended`: `graph_database`, `embedding`.
    /// All stores are asked at once, for at most five seconds. Of one that is switched off or does not answer the
    /// reference's values are null, and its `extended` has `answers` = false and `error`.
    /// \throws StorageError closed for a closed layer; timeout and cancelled for the caller's own limits.
    awaitable<json::object> get_unified_metrics(OperationContext context = OperationContext());

    /// get_unified_metrics() in the text format 0.0.4 of Prometheus (prometheus_text()).
    awaitable<std::string> get_prometheus_text(OperationContext context = OperationContext());

private:
    std::function<AbstractDatabaseAdapter&()> database_;
    std::function<VectorDatabaseManager&()> vector_db_;
    std::function<ConversationCacheManager&()> cache_;
    std::function<GraphDatabaseManager&()> graph_;
    const EmbeddingProvider* embeddings_ = nullptr; // of the layer, where it has one
};

} // namespace whisperstore

#pragma once
/// \file
/// Performance metrics of a storage layer under the reference's keys.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <memory>

namespace whisperstore {

class AbstractDatabaseAdapter;
class VectorDatabaseManager;
class ConversationCacheManager;
class EmbeddingProvider;

/// Collects performance metrics across all storage backends. Rates and hit rates are 0-1, times
/// milliseconds, memory MiB, all since the store was opened. Holds no state; thread safe.
class StorageMetricsCollector
{
public:
    /// \param storage_layer a StorageLayer (anything with database(), vector_db() and cache()), which outlives this.
    template <typename Layer>
        requires requires(const Layer& layer) { layer.database(), layer.vector_db(), layer.cache(); }
    explicit StorageMetricsCollector(const Layer& storage_layer)
        : StorageMetricsCollector(storage_layer.database(), storage_layer.vector_db(), storage_layer.cache())
    {
        if constexpr (requires { storage_layer.has_embeddings(), storage_layer.embeddings(); })
            if (storage_layer.has_embeddings())
                embeddings_ = &storage_layer.embeddings();
    }
    StorageMetricsCollector(AbstractDatabaseAdapter& database, VectorDatabaseManager& vector_db,
                            ConversationCacheManager& cache) noexcept
        : database_(database), vector_db_(vector_db), cache_(cache)
    {
    }

    /// connection_pool_size, active_connections, query_response_time_avg, total_queries_executed, error_rate.
    awaitable<json::object> collect_database_metrics(OperationContext context = OperationContext());
    /// total_documents, collections_count, search_response_time_avg, embedding_cache_hit_rate.
    awaitable<json::object> collect_vector_metrics(OperationContext context = OperationContext());
    /// cache_hit_rate, cached_channels, total_cached_messages, memory_usage_mb.
    awaitable<json::object> collect_cache_metrics(OperationContext context = OperationContext());
    /// `database`, `vector_database`, `cache`, and `timestamp` (ISO-8601). What is more stands under
    /// each layer's `extended`. \throws StorageError of the first store that does not answer.
    awaitable<json::object> get_unified_metrics(OperationContext context = OperationContext());

private:
    AbstractDatabaseAdapter& database_;
    VectorDatabaseManager& vector_db_;
    ConversationCacheManager& cache_;
    const EmbeddingProvider* embeddings_ = nullptr; // of the layer, where it has one
};

} // namespace whisperstore

#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/core/time.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>
#include <whisperstore/metrics/storage_metrics_collector.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

namespace whisperstore {

namespace {

json::value count(std::uint64_t number) { return json_integer(static_cast<std::int64_t>(number)); }

} // namespace

awaitable<json::object> StorageMetricsCollector::collect_database_metrics(OperationContext context)
{
    context.check_deadline(database_.database_type(), "collect_database_metrics");
    json::object out;
    out["connection_pool_size"] = count(co_await database_.get_pool_size());
    out["active_connections"] = count(co_await database_.get_active_connections());
    out["query_response_time_avg"] = co_await database_.get_avg_response_time();
    out["total_queries_executed"] = count(co_await database_.get_query_count());
    out["error_rate"] = co_await database_.get_error_rate();
    json::object extended = database_.get_details();
    extended["database_type"] = database_.database_type();
    out["extended"] = std::move(extended);
    co_return out;
}

awaitable<json::object> StorageMetricsCollector::collect_vector_metrics(OperationContext context)
{
    context.check_deadline(vector_db_.vector_database_type(), "collect_vector_metrics");
    json::object out;
    out["total_documents"] = count(co_await vector_db_.get_total_documents());
    out["collections_count"] = count(co_await vector_db_.get_collections_count());
    out["search_response_time_avg"] = co_await vector_db_.get_avg_search_time();
    const double of_backend = co_await vector_db_.get_cache_hit_rate();
    out["embedding_cache_hit_rate"] = embeddings_ ? embeddings_->cache_hit_rate() : of_backend;
    json::object extended;
    extended["vector_database_type"] = vector_db_.vector_database_type();
    extended["embedding_provider"] = embeddings_ ? embeddings_->provider_type() : std::string_view("none");
    json::array collections;
    const std::vector<std::string> names = co_await vector_db_.list_collections(context);
    for (const std::string& name : names) {
        const CollectionStats stats = co_await vector_db_.get_collection_stats(name, context);
        collections.emplace_back(stats.to_json());
    }
    extended["collections"] = std::move(collections);
    out["extended"] = std::move(extended);
    co_return out;
}

awaitable<json::object> StorageMetricsCollector::collect_cache_metrics(OperationContext context)
{
    const CacheStats stats = co_await cache_.get_cache_stats(std::move(context));
    json::object out;
    out["cache_hit_rate"] = stats.hit_rate;
    out["cached_channels"] = count(stats.cached_channels);
    out["total_cached_messages"] = count(stats.total_cached_messages);
    out["memory_usage_mb"] = stats.memory_usage_mb;
    json::object extended;
    extended["cache_type"] = cache_.cache_type();
    extended["hits"] = count(stats.hits);
    extended["misses"] = count(stats.misses);
    out["extended"] = std::move(extended);
    co_return out;
}

awaitable<json::object> StorageMetricsCollector::get_unified_metrics(OperationContext context)
{
    json::object out;
    out["database"] = co_await collect_database_metrics(context);
    out["vector_database"] = co_await collect_vector_metrics(context);
    out["cache"] = co_await collect_cache_metrics(context);
    out["timestamp"] = format_timestamp(now());
    co_return out;
}

} // namespace whisperstore

#include <whisperstore/metrics/metric_table.hpp>

#include <array>

namespace whisperstore {

namespace {

constexpr double milliseconds = 0.001;
constexpr double mebibytes = 1048576;

consteval Metric counter(std::string_view name, std::string_view path, std::string_view help,
                         std::string_view labels = "", double scale = 1)
{
    return {name, MetricKind::counter, path, labels, scale, "", help};
}
consteval Metric gauge(std::string_view name, std::string_view path, std::string_view help,
                       std::string_view labels = "", double scale = 1)
{
    return {name, MetricKind::gauge, path, labels, scale, "", help};
}
consteval Metric histogram(std::string_view name, std::string_view path, std::string_view help,
                           std::string_view labels = "")
{
    return {name, MetricKind::histogram, path, labels, milliseconds, "", help};
}
consteval Metric state(std::string_view name, std::string_view path, std::string_view states, std::string_view help,
                       std::string_view labels = "")
{
    return {name, MetricKind::state, path, labels, 1, states, help};
}

constexpr std::array table{
    // Every store.
    gauge("whisperstore_store_answers", "*.answers", "Whether the store answered when the metrics were collected."),
    counter("whisperstore_calls_total", "*.operations{}.calls", "Calls that ended, well or not.", "operation"),
    counter("whisperstore_errors_total", "*.operations{}.errors{}", "Calls that failed, by code of the error.",
            "operation,code"),
    counter("whisperstore_retries_total", "*.operations{}.retries", "Attempts beyond the first.", "operation"),
    counter("whisperstore_retries_withheld_total", "*.retries_withheld",
            "Retries not made because the store's reserve was empty."),
    histogram("whisperstore_call_duration_seconds", "*.operations{}",
              "Time of calls, waits for their turn and between attempts included.", "operation"),
    state("whisperstore_circuit_state", "*.circuit_breaker.state", "closed,open,half_open",
          "State of the circuit breaker."),
    counter("whisperstore_circuit_opened_total", "*.circuit_breaker.opened", "Times that the circuit breaker opened."),
    counter("whisperstore_circuit_refused_total", "*.circuit_breaker.refused",
            "Calls that the open circuit breaker refused."),
    gauge("whisperstore_calls_in_flight", "*.concurrency_limit.in_flight", "Calls in the backend."),
    gauge("whisperstore_calls_queued", "*.concurrency_limit.queued", "Calls that wait for their turn."),
    gauge("whisperstore_calls_limit", "*.concurrency_limit.places", "Calls allowed in the backend at once; 0: any."),
    gauge("whisperstore_calls_saturation_ratio", "*.concurrency_limit.saturation",
          "Calls in the backend as a share of those allowed."),
    counter("whisperstore_queue_refused_total", "*.concurrency_limit.refused",
            "Calls refused because too many waited already."),
    histogram("whisperstore_queue_wait_seconds", "*.concurrency_limit.waits",
              "Time that calls waited for their turn, of those that had to."),
    counter("whisperstore_sent_bytes_total", "*.nodes[name].sent_bytes", "Bytes sent to a server.", "node"),
    counter("whisperstore_received_bytes_total", "*.nodes[name].received_bytes", "Bytes received from a server.",
            "node"),
    gauge("whisperstore_node_connections", "*.nodes[name].connections", "Connections to a server.", "node"),
    gauge("whisperstore_node_connections_in_use", "*.nodes[name].in_use", "Connections to a server in use.", "node"),
    gauge("whisperstore_node_callers_waiting", "*.nodes[name].waiting", "Calls that wait for a connection.", "node"),
    state("whisperstore_node_circuit_state", "*.nodes[name].circuit", "closed,open,half_open",
          "State of a server's own circuit breaker, where there are several.", "node"),

    // Database.
    gauge("whisperstore_database_pool_size", "database.connection_pool_size", "Connections open at most."),
    gauge("whisperstore_database_active_connections", "database.active_connections", "Connections in use."),
    counter("whisperstore_database_queries_total", "database.total_queries_executed", "Queries executed."),
    gauge("whisperstore_database_error_ratio", "database.error_rate", "Share of queries that failed."),
    gauge("whisperstore_database_response_time_seconds", "database.query_response_time_avg",
          "Average time of a query since the start.", "", milliseconds),
    gauge("whisperstore_database_connections_open", "database.extended.connections.open", "Connections open now."),
    gauge("whisperstore_database_connections_leased", "database.extended.connections.leased",
          "Connections held by transactions and streams."),
    gauge("whisperstore_database_callers_waiting", "database.extended.connections.waiting",
          "Calls that wait for a connection."),
    counter("whisperstore_database_connections_opened_total", "database.extended.connections.opened",
            "Connections opened so far."),
    counter("whisperstore_database_connections_lost_total", "database.extended.connections.lost",
            "Connections that broke."),
    gauge("whisperstore_database_node_reachable", "database.extended.topology.nodes[name].reachable",
          "Whether a server of the cluster answers.", "node"),
    state("whisperstore_database_node_role", "database.extended.topology.nodes[name].role", "primary,replica,unknown",
          "What a server of the cluster is.", "node"),
    gauge("whisperstore_database_replica_lag_seconds", "database.extended.topology.nodes[name].lag_ms",
          "How far a replica is behind.", "node", milliseconds),
    counter("whisperstore_database_failovers_total", "database.extended.topology.failovers",
            "Times that another server became the primary."),
    gauge("whisperstore_sqlite_file_bytes", "database.extended.file.bytes", "Size of the database file."),
    gauge("whisperstore_sqlite_wal_bytes", "database.extended.file.wal_bytes", "Size of the write-ahead log."),
    counter("whisperstore_sqlite_checkpoints_total", "database.extended.file.checkpoints",
            "Checkpoints: times the log was copied into the database file."),
    gauge("whisperstore_sqlite_pending_writes", "database.extended.file.pending_writes",
          "Writes that wait for their group commit, or are in it."),

    // Vectors.
    gauge("whisperstore_vector_documents", "vector_database.extended.collections[name].document_count",
          "Documents of a collection.", "collection"),
    gauge("whisperstore_vector_disk_bytes", "vector_database.extended.collections[name].disk_bytes",
          "Bytes of a collection on disk, where the backend tells.", "collection"),
    gauge("whisperstore_vector_memory_bytes", "vector_database.extended.collections[name].memory_bytes",
          "Bytes of a collection's vectors and indexes in memory, where the backend tells.", "collection"),
    state("whisperstore_vector_index_state", "vector_database.extended.collections[name].index_state",
          "none,ready,building,failed", "State of a collection's index, where the backend tells.", "collection"),
    gauge("whisperstore_vector_collections", "vector_database.collections_count", "Collections."),
    gauge("whisperstore_vector_search_time_seconds", "vector_database.search_response_time_avg",
          "Average time of a search since the start.", "", milliseconds),
    gauge("whisperstore_embedding_cache_hit_ratio", "vector_database.embedding_cache_hit_rate",
          "Share of texts whose vector was known."),

    // Cache.
    gauge("whisperstore_cache_hit_ratio", "cache.cache_hit_rate", "Share of reads that found a warm channel."),
    counter("whisperstore_cache_hits_total", "cache.extended.hits", "Reads of a warm channel."),
    counter("whisperstore_cache_misses_total", "cache.extended.misses", "All other reads."),
    gauge("whisperstore_cache_channels", "cache.cached_channels", "Channels cached."),
    gauge("whisperstore_cache_messages", "cache.total_cached_messages", "Messages cached."),
    gauge("whisperstore_cache_memory_bytes", "cache.memory_usage_mb", "Memory of the cache, estimated.", "", mebibytes),
    counter("whisperstore_cache_evicted_channels_total", "cache.extended.evicted_channels",
            "Channels that went to make room for others."),
    counter("whisperstore_cache_expired_channels_total", "cache.extended.expired_channels",
            "Channels that went because nothing was written for long."),
};

} // namespace

std::string_view to_string(MetricKind kind) noexcept
{
    switch (kind) {
    case MetricKind::counter:
        return "counter";
    case MetricKind::gauge:
        return "gauge";
    case MetricKind::histogram:
        return "histogram";
    case MetricKind::state:
        break;
    }
    return "state";
}

std::span<const Metric> metric_table() noexcept { return table; }

} // namespace whisperstore

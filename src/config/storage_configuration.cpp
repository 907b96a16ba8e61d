#include <whisperstore/config/storage_configuration.hpp>
#include <whisperstore/core/connection_url.hpp>

namespace whisperstore {

namespace {

std::string hidden(const std::string& secret) { return secret.empty() ? "" : "***"; }
std::string without_password(const std::string& url) { return url.empty() ? "" : redact_url(url); }

json::array list(const std::vector<std::string>& items)
{
    json::array out;
    for (const std::string& item : items)
        out.emplace_back(item);
    return out;
}

json::object tls_json(const TlsConfig& tls)
{
    json::object out;
    out["enabled"] = tls.enabled;
    out["verify"] = tls.verify;
    out["ca_file"] = tls.ca_file.string();
    out["cert_file"] = tls.cert_file.string();
    out["key_file"] = tls.key_file.string();
    return out;
}

json::object database_json(const DatabaseConfig& config)
{
    json::object out;
    out["type"] = config.type;
    out["connection_string"] = without_password(config.connection_string);
    out["pool_size"] = config.pool_size;
    out["backup_enabled"] = config.backup_enabled;
    out["backup_interval_hours"] = config.backup_interval_hours;
    out["read_only"] = config.read_only;
    out["synchronous"] = config.synchronous;
    out["busy_timeout_ms"] = config.busy_timeout.count();
    out["transaction_idle_limit_ms"] = config.transaction_idle_limit.count();
    out["cluster_nodes"] = list(config.cluster_nodes);
    out["read_policy"] = config.read_policy;
    out["max_replica_lag_ms"] = config.max_replica_lag.count();
    out["failover_limit_ms"] = config.failover_limit.count();
    return out;
}

json::object backup_json(const BackupConfig& config)
{
    json::object out;
    out["folder"] = config.folder.string();
    out["compress"] = config.compress;
    out["passphrase"] = config.passphrase.empty() ? "" : "***";
    out["passphrase_file"] = config.passphrase_file.string();
    out["keep_last"] = config.keep.last;
    out["keep_daily"] = config.keep.daily;
    out["keep_weekly"] = config.keep.weekly;
    out["keep_monthly"] = config.keep.monthly;
    return out;
}

json::object vector_json(const VectorDatabaseConfig& config)
{
    json::object out;
    out["type"] = config.type;
    out["persist_directory"] = config.persist_directory.string();
    out["read_only"] = config.read_only;
    out["synchronous"] = config.synchronous;
    out["hnsw_threshold"] = config.hnsw_threshold;
    out["hnsw_ef"] = config.hnsw_ef;
    out["hnsw_quantization"] = config.hnsw_quantization;
    out["host"] = config.host;
    out["port"] = config.port;
    out["url"] = without_password(config.url);
    out["api_key"] = hidden(config.api_key);
    out["cluster_nodes"] = list(config.cluster_nodes);
    out["exact_search"] = config.exact_search;
    out["search_ef"] = config.search_ef;
    out["consistency"] = config.consistency;
    out["ordering"] = config.ordering;
    out["shard_number"] = config.shard_number;
    out["replication_factor"] = config.replication_factor;
    out["write_consistency_factor"] = config.write_consistency_factor;
    out["server_snapshots"] = config.server_snapshots;
    out["chroma_tenant"] = config.chroma_tenant;
    out["chroma_database"] = config.chroma_database;
    out["chroma_command"] = config.chroma_command;
    out["chroma_ef_search"] = config.chroma_ef_search;
    out["chroma_ef_construction"] = config.chroma_ef_construction;
    out["chroma_max_neighbors"] = config.chroma_max_neighbors;
    out["backup_enabled"] = config.backup_enabled;
    out["tls"] = tls_json(config.tls);
    return out;
}

json::object embedding_json(const EmbeddingConfig& config)
{
    json::object out;
    out["type"] = config.type;
    out["model"] = config.model;
    out["dimension"] = config.dimension;
    out["batch_size"] = config.batch_size;
    out["model_dir"] = config.model_dir.string();
    out["precision"] = config.precision;
    out["threads"] = config.threads;
    out["url"] = without_password(config.url);
    out["api_key"] = hidden(config.api_key);
    out["tls"] = tls_json(config.tls);
    out["cache_entries"] = config.cache_entries;
    out["cache_file"] = config.cache_file.string();
    out["cache_file_entries"] = config.cache_file_entries;
    return out;
}

json::object cache_json(const CacheConfig& config)
{
    json::object out;
    out["type"] = config.type;
    out["timeout_minutes"] = config.timeout_minutes;
    out["max_messages"] = config.max_messages;
    out["bootstrap_limit"] = config.bootstrap_limit;
    out["max_channels"] = config.max_channels;
    out["redis_host"] = config.redis_host;
    out["redis_port"] = config.redis_port;
    out["redis_db"] = config.redis_db;
    out["redis_username"] = config.redis_username;
    out["redis_password"] = hidden(config.redis_password);
    out["redis_url"] = without_password(config.redis_url);
    out["cluster_nodes"] = list(config.cluster_nodes);
    out["redis_key_prefix"] = config.redis_key_prefix;
    out["redis_two_level"] = config.redis_two_level;
    out["redis_degrade_to_memory"] = config.redis_degrade_to_memory;
    out["redis_read_replicas"] = config.redis_read_replicas;
    out["redis_wait_replicas"] = config.redis_wait_replicas;
    out["redis_warm_channels"] = config.redis_warm_channels;
    out["tls"] = tls_json(config.tls);
    return out;
}

json::object graph_json(const GraphDatabaseConfig& config)
{
    json::object out;
    out["type"] = config.type;
    out["uri"] = without_password(config.uri);
    out["host"] = config.host;
    out["port"] = config.port;
    out["username"] = config.username;
    out["password"] = hidden(config.password);
    out["database"] = config.database;
    out["namespace"] = config.graph_namespace;
    out["cluster_nodes"] = list(config.cluster_nodes);
    out["tls"] = tls_json(config.tls);
    return out;
}

} // namespace

std::string_view to_string(Availability availability) noexcept
{
    switch (availability) {
    case Availability::required:
        return "required";
    case Availability::degrade:
        return "degrade";
    case Availability::disabled:
        break;
    }
    return "disabled";
}

json::object StorageAvailability::to_json() const
{
    json::object out;
    out["database"] = whisperstore::to_string(database);
    out["vector_database"] = whisperstore::to_string(vector_database);
    out["cache"] = whisperstore::to_string(cache);
    out["graph_database"] = whisperstore::to_string(graph_database);
    return out;
}

json::object ServeConfig::to_json() const
{
    json::object out;
    out["listen"] = listen;
    out["token"] = hidden(token);
    out["max_connections"] = max_connections;
    out["max_subscribers"] = max_subscribers;
    out["requests_per_second"] = requests_per_second;
    out["event_interval_ms"] = event_interval.count();
    return out;
}

json::object TraceExportConfig::to_json() const
{
    json::object out;
    out["endpoint"] = without_password(endpoint);
    out["service_name"] = service_name;
    out["sampling_ratio"] = sampling_ratio;
    return out;
}

json::object StorageConfiguration::to_json() const
{
    json::object out;
    out["environment"] = to_string(environment);
    out["scale_tier"] = scale_tier;
    out["data_dir"] = data_dir.string();
    out["embedding_model_dir"] = embedding_model_dir.string();
    out["database"] = database_json(database);
    out["vector_database"] = vector_json(vector_database);
    out["embedding"] = embedding_json(embedding);
    out["cache"] = cache_json(cache);
    out["graph_database"] = graph_json(graph_database);
    out["backup"] = backup_json(backup);
    json::object history;
    history["interval_seconds"] = metrics.interval.count();
    history["retention_hours"] = metrics.retention.count();
    out["metrics"] = std::move(history);
    out["availability"] = availability.to_json();
    out["resilience"] = resilience.to_json();
    out["serve"] = serve.to_json();
    out["tracing"] = tracing.to_json();
    return out;
}

} // namespace whisperstore

#pragma once

#include "support/test_directory.hpp"

#include <whisperstore/config/adaptive_config_manager.hpp>

#include <map>
#include <string>
#include <string_view>

namespace whisperstore::test {

/// Options that see nothing of the machine: no file, no process environment, a root of their own.
inline ConfigOptions options_in(const std::filesystem::path& root, EnvironmentMap environment = {})
{
    ConfigOptions options;
    options.environment = std::move(environment);
    options.config_file = std::filesystem::path();
    options.root = root;
    return options;
}

/// Writes files below a root, folders included.
inline void plant(const std::filesystem::path& root, const std::map<std::string, std::string>& files)
{
    for (const auto& [name, content] : files) {
        std::filesystem::create_directories((root / name).parent_path());
        write_file(root / name, content);
    }
}

/// Everything a configuration holds, secrets in the clear: what a backend would see.
inline std::string everything(const StorageConfiguration& c)
{
    std::string out = json::serialize(c.availability.to_json()) + std::to_string(c.metrics.interval.count()) + " " +
                      std::to_string(c.metrics.retention.count()) + "\n";
    const auto add = [&](const auto& value) {
        if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>)
            out += std::to_string(value);
        else if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, std::filesystem::path>)
            out += value.string();
        else
            out += value;
        out += '\n';
    };
    const auto add_all = [&](const std::vector<std::string>& items) {
        for (const std::string& item : items)
            add(item);
        out += ";\n";
    };
    const auto add_tls = [&](const TlsConfig& tls) {
        add(tls.enabled);
        add(tls.verify);
        add(tls.ca_file);
        add(tls.cert_file);
        add(tls.key_file);
    };
    add(c.data_dir);
    add(c.embedding_model_dir);
    add(json::serialize(c.serve.to_json()));
    add(c.serve.token);
    add(json::serialize(c.tracing.to_json()));
    add(c.embedding.type);
    add(c.embedding.model);
    add(c.embedding.dimension);
    add(c.embedding.batch_size);
    add(c.embedding.model_dir);
    add(c.embedding.precision);
    add(c.embedding.threads);
    add(c.embedding.url);
    add(c.embedding.api_key);
    add_tls(c.embedding.tls);
    add(c.embedding.cache_entries);
    add(c.embedding.cache_file);
    add(c.embedding.cache_file_entries);
    add(c.database.type);
    add(c.database.connection_string);
    add(c.database.pool_size);
    add(c.database.backup_enabled);
    add(c.database.backup_interval_hours);
    add(c.backup.folder);
    add(c.backup.compress);
    add(c.backup.passphrase);
    add(c.backup.passphrase_file);
    add(c.backup.keep.last);
    add(c.backup.keep.daily);
    add(c.backup.keep.weekly);
    add(c.backup.keep.monthly);
    add(c.database.read_only);
    add(c.database.synchronous);
    add(c.database.busy_timeout.count());
    add(c.database.transaction_idle_limit.count());
    add(c.database.read_policy);
    add(c.database.max_replica_lag.count());
    add(c.database.failover_limit.count());
    add_all(c.database.cluster_nodes);
    add(c.vector_database.type);
    add(c.vector_database.persist_directory);
    add(c.vector_database.read_only);
    add(c.vector_database.synchronous);
    add(c.vector_database.hnsw_threshold);
    add(c.vector_database.hnsw_ef);
    add(c.vector_database.hnsw_quantization);
    add(c.vector_database.host);
    add(c.vector_database.port);
    add(c.vector_database.url);
    add(c.vector_database.api_key);
    add_all(c.vector_database.cluster_nodes);
    add(c.vector_database.exact_search);
    add(c.vector_database.search_ef);
    add(c.vector_database.consistency);
    add(c.vector_database.ordering);
    add(c.vector_database.shard_number);
    add(c.vector_database.replication_factor);
    add(c.vector_database.write_consistency_factor);
    add(c.vector_database.server_snapshots);
    add(c.vector_database.chroma_tenant);
    add(c.vector_database.chroma_database);
    add(c.vector_database.chroma_command);
    add(c.vector_database.chroma_ef_search);
    add(c.vector_database.chroma_ef_construction);
    add(c.vector_database.chroma_max_neighbors);
    add(c.vector_database.backup_enabled);
    add_tls(c.vector_database.tls);
    add(c.cache.type);
    add(c.cache.timeout_minutes);
    add(c.cache.max_messages);
    add(c.cache.bootstrap_limit);
    add(c.cache.max_channels);
    add(c.cache.redis_host);
    add(c.cache.redis_port);
    add(c.cache.redis_db);
    add(c.cache.redis_username);
    add(c.cache.redis_password);
    add(c.cache.redis_url);
    add_all(c.cache.cluster_nodes);
    add_tls(c.cache.tls);
    add(c.cache.redis_key_prefix);
    add(c.cache.redis_two_level);
    add(c.cache.redis_degrade_to_memory);
    add(c.cache.redis_read_replicas);
    add(c.cache.redis_wait_replicas);
    add(c.cache.redis_wait_timeout_seconds);
    add(c.cache.redis_warm_channels);
    add(c.cache.redis_warm_concurrency);
    add(c.cache.redis_connect_timeout_seconds);
    add(c.cache.redis_patience_seconds);
    add(c.cache.redis_health_interval_seconds);
    add(c.graph_database.type);
    add(c.graph_database.uri);
    add(c.graph_database.host);
    add(c.graph_database.port);
    add(c.graph_database.username);
    add(c.graph_database.password);
    add(c.graph_database.database);
    add(c.graph_database.graph_namespace);
    add_all(c.graph_database.cluster_nodes);
    add_tls(c.graph_database.tls);
    add(json::serialize(c.resilience.to_json()));
    return out;
}

inline const SettingReport& report_of(const AdaptiveConfigManager& manager, std::string_view variable)
{
    for (const SettingReport& report : manager.describe())
        if (report.variable == variable)
            return report;
    throw std::out_of_range(std::string(variable));
}

/// Everything a manager shows: none of it may hold a secret.
inline std::string shown(const AdaptiveConfigManager& manager) { return json::serialize(manager.to_json()); }

} // namespace whisperstore::test

#pragma once
/// \file
/// The complete configuration of a storage layer.

#include <whisperstore/backup/backup_config.hpp>
#include <whisperstore/cache/cache_config.hpp>
#include <whisperstore/config/availability.hpp>
#include <whisperstore/config/environment_detector.hpp>
#include <whisperstore/config/serve_config.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/database/database_config.hpp>
#include <whisperstore/embedding/embedding_config.hpp>
#include <whisperstore/graph/graph_database_config.hpp>
#include <whisperstore/metrics/metrics_config.hpp>
#include <whisperstore/metrics/trace_export_config.hpp>
#include <whisperstore/resilience/resilience_config.hpp>
#include <whisperstore/vector/vector_database_config.hpp>

#include <filesystem>

namespace whisperstore {

/// What AdaptiveConfigManager comes to; may also be built, or changed, by hand.
struct StorageConfiguration
{
    DatabaseConfig database = {};
    VectorDatabaseConfig vector_database = {};
    CacheConfig cache = {};
    GraphDatabaseConfig graph_database = {};
    int scale_tier = 1; ///< 1, 2 or 4, as detected, whatever the backends are
    Environment environment = Environment::desktop;
    std::filesystem::path data_dir = {};            ///< folder of everything stored locally
    std::filesystem::path embedding_model_dir = {}; ///< as EmbeddingConfig::model_dir
    EmbeddingConfig embedding = {};
    BackupConfig backup = {};
    MetricsConfig metrics = {};
    StorageAvailability availability = {}; ///< which of them the layer can do without
    StorageResilience resilience = {};     ///< what stands between the application and its stores
    ServeConfig serve = {};                ///< of a MonitoringServer next to the layer
    TraceExportConfig tracing = {};        ///< where spans of the stores' calls go

    /// For people and logs: secrets are `***`, URLs without their password.
    json::object to_json() const;
};

} // namespace whisperstore

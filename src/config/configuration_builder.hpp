#pragma once
// Makes the configuration of each component from what was detected and what was set.

#include "config/setting_values.hpp"

#include <filesystem>
#include <string>

namespace whisperstore::config {

class ConfigurationBuilder
{
public:
    /// \param tier the tier whose backends are used; \param origin where it comes from, for reports.
    ConfigurationBuilder(SettingValues& values, Environment environment, int tier, std::string origin,
                         bool laptop_defaults);

    /// All four components and what they share. Records every setting.
    StorageConfiguration build();

private:
    void build_general();
    void build_backup();
    void build_database();
    void build_sqlite(const UrlSource* url);
    void build_postgresql(const UrlSource* url);
    void build_vector();
    void take_qdrant_settings(VectorDatabaseConfig& config);
    void take_chroma_settings(VectorDatabaseConfig& config);
    void build_cache();
    void build_redis(const UrlSource* url);
    void build_redis_behaviour();
    void build_embedding();
    void build_graph();
    void build_availability();
    void build_neo4j(const UrlSource* url);
    void build_monitoring();

    Fallback by_tier(const char* tier1, const char* tier2, const char* tier4) const;
    Fallback default_host(const char* service) const;
    /// The local data directory without a `~`. \throws StorageError invalid_argument where it has no home.
    std::filesystem::path local_directory() const;

    SettingValues& values_;
    Environment environment_;
    int tier_;
    std::string origin_;
    bool laptop_defaults_;
    std::string data_dir_; ///< as it was set, a `~` included
    StorageConfiguration out_;
};

} // namespace whisperstore::config

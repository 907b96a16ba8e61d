#pragma once
/// \file
/// Settings of the conversation cache.

#include <whisperstore/core/tls_config.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace whisperstore {

/// How a conversation cache behaves and connects.
struct CacheConfig
{
    std::string type = "memory";      ///< memory, redis, redis_cluster
    double timeout_minutes = 15;      ///< a channel expires this long after its last write; > 0
    std::size_t max_messages = 50;    ///< per channel; >= 1
    std::size_t bootstrap_limit = 20; ///< messages read from the history on a cold channel
    std::size_t max_channels = 10000; ///< in memory, least recently used go first; >= 1
    std::string redis_host;
    std::uint16_t redis_port = 6379;
    int redis_db = 0;
    std::string redis_username;
    std::string redis_password; ///< a secret
    std::string redis_url;      ///< takes precedence; may hold a secret
    std::vector<std::string> cluster_nodes;
    TlsConfig tls = {};

    /// \name Redis
    ///@{
    /// Before all keys, which read `{<prefix>:<bucket>}…`; caches with the same prefix are the same cache.
    std::string redis_key_prefix = "whisperstore";
    /// A bounded level in this process (`max_channels`) in front of Redis, kept right by CLIENT TRACKING.
    bool redis_two_level = false;
    /// While Redis is away a cache in this process serves, and what it was told is told to Redis afterwards. Else calls
    /// fail at once with `unavailable`.
    bool redis_degrade_to_memory = false;
    /// Cluster: reads may come from replicas, which may be a moment behind.
    bool redis_read_replicas = false;
    /// A write is acknowledged when so many replicas have it (WAIT); 0: when the master has.
    std::size_t redis_wait_replicas = 0;
    double redis_wait_timeout_seconds = 1;
    std::size_t redis_warm_channels = 64;   ///< filled from the history on start and after a failover; 0: none
    std::size_t redis_warm_concurrency = 4; ///< at once; >= 1
    double redis_connect_timeout_seconds = 5;
    /// How long a call without a nearer deadline waits where waiting helps: for a failover, for a server reading its
    /// data.
    double redis_patience_seconds = 10;
    /// A connection on which nothing moved for twice so long is dead.
    double redis_health_interval_seconds = 2;
    ///@}
};

/// The reference's settings per deployment: desktop, docker, kubernetes.
extern const std::map<std::string, CacheConfig> CACHE_CONFIGS;

} // namespace whisperstore

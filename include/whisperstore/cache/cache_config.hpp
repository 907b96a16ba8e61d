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
};

/// The reference's settings per deployment: desktop, docker, kubernetes.
extern const std::map<std::string, CacheConfig> CACHE_CONFIGS;

} // namespace whisperstore

#pragma once
// What a Redis cache is made of, checked.

#include <whisperstore/cache/cache_config.hpp>
#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/tls_config.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::redis {

struct Options
{
    std::string_view backend; ///< "redis" or "redis_cluster", a literal: named in errors
    bool cluster = false;

    std::vector<HostPort> nodes; ///< of a cluster: some of them
    std::string unix_socket = {};
    std::string username = {};
    std::string password = {};
    int database = 0;
    TlsConfig tls = {};

    std::chrono::milliseconds connect_timeout{5'000};
    /// How long a call without a nearer deadline waits for a server that is coming back: a failover, data being read.
    std::chrono::milliseconds patience{10'000};
    std::chrono::milliseconds health_interval{2'000};
    std::chrono::milliseconds topology_interval{10'000};
    bool read_replicas = false;
    std::size_t wait_replicas = 0;
    std::chrono::milliseconds wait_timeout{1'000};
    bool tracking = false; ///< invalidations of what is read with Call::track

    std::string key_prefix;
    std::size_t max_messages = 0;
    std::size_t bootstrap_limit = 0;
    std::chrono::milliseconds timeout{0};
    std::size_t local_channels = 0; ///< of the level in this process; 0: there is none
    bool degrade_to_memory = false;
    std::size_t warm_channels = 0;
    std::size_t warm_concurrency = 1;

    /// \throws StorageError invalid_argument naming the setting; never repeats a URL.
    static Options of(const CacheConfig& config, bool cluster);

    /// host:port of each node, or the socket's path.
    std::vector<std::string> endpoints() const;
};

} // namespace whisperstore::redis

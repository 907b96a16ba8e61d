#include "cache/cache_config_check.hpp"

#include <whisperstore/cache/cache_config.hpp>
#include <whisperstore/core/error.hpp>

#include <cmath>
#include <sstream>

namespace whisperstore {

namespace {

constexpr double longest_timeout_minutes = 10.0 * 366 * 24 * 60;

CacheConfig sized(std::string type, double timeout_minutes, std::size_t max_messages, std::size_t bootstrap_limit)
{
    CacheConfig config;
    config.type = std::move(type);
    config.timeout_minutes = timeout_minutes;
    config.max_messages = max_messages;
    config.bootstrap_limit = bootstrap_limit;
    return config;
}

std::map<std::string, CacheConfig> reference_configs()
{
    CacheConfig docker = sized("redis", 30, 100, 50);
    docker.redis_host = "redis";
    docker.redis_port = 6379;
    CacheConfig kubernetes = sized("redis_cluster", 60, 200, 100);
    kubernetes.cluster_nodes = {"redis-1:6379", "redis-2:6379", "redis-3:6379"};

    std::map<std::string, CacheConfig> configs;
    configs.emplace("desktop", sized("memory", 15, 50, 20));
    configs.emplace("docker", std::move(docker));
    configs.emplace("kubernetes", std::move(kubernetes));
    return configs;
}

[[noreturn]] void refuse(std::string_view setting, const std::string& value, std::string_view allowed)
{
    throw StorageError(StorageErrc::invalid_argument, "the cache setting '" + std::string(setting) + "' is " + value +
                                                          "; allowed is " + std::string(allowed));
}

} // namespace

const std::map<std::string, CacheConfig> CACHE_CONFIGS = reference_configs();

void check_cache_config(const CacheConfig& config)
{
    const double minutes = config.timeout_minutes;
    if (!(minutes > 0) || minutes > longest_timeout_minutes) { // a NaN fails the first test
        std::ostringstream value;
        value << minutes;
        refuse("timeout_minutes", value.str(), "more than 0, and at most ten years");
    }
    if (config.max_messages == 0)
        refuse("max_messages", "0", "1 or more");
    if (config.max_channels == 0)
        refuse("max_channels", "0", "1 or more");
}

} // namespace whisperstore

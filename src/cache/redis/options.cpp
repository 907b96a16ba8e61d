#include "cache/redis/options.hpp"

#include "cache/cache_config_check.hpp"
#include "core/text.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <charconv>

namespace whisperstore::redis {

namespace {

constexpr std::uint16_t default_port = 6379;

[[noreturn]] void refuse(const std::string& message) { throw StorageError(StorageErrc::invalid_argument, message); }

int database_of(std::string_view text)
{
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0)
        refuse("REDIS_URL: the database is no number; allowed after the host is /0, /1, …");
    return number;
}

void read_url(const std::string& text, Options& options)
{
    // unix:///run/redis/redis.sock?db=1, as other clients write it. Its user-info stands before the path.
    ConnectionUrl url = ConnectionUrl::parse(text);
    const bool socket = url.scheme == "unix";
    if (!socket && url.scheme != "redis" && url.scheme != "rediss")
        refuse("REDIS_URL: the scheme is '" + url.scheme + "'; allowed are redis, rediss and unix");
    options.tls.enabled = url.scheme == "rediss" || (options.tls.enabled && !socket);
    if (url.username)
        options.username = *url.username;
    if (url.password)
        options.password = *url.password;
    for (const auto& [key, value] : url.query) {
        if (key != "db")
            refuse("REDIS_URL: the parameter '" + key + "' is unknown; allowed is db");
        options.database = database_of(value);
    }
    if (socket) {
        if (url.path.size() < 2)
            refuse("REDIS_URL: a unix URL needs the path of a socket: unix:///run/redis/redis-server.sock");
        options.unix_socket = url.path;
        options.nodes.clear();
        return;
    }
    options.nodes = url.hosts;
    if (url.path.size() > 1)
        options.database = database_of(std::string_view(url.path).substr(1));
}

void read_hosts(const CacheConfig& config, Options& options)
{
    for (const std::string& node : config.cluster_nodes)
        if (options.cluster)
            options.nodes.push_back(HostPort::parse(node));
    if (options.nodes.empty() && !config.redis_host.empty())
        options.nodes.push_back(HostPort{config.redis_host, config.redis_port});
}

std::chrono::milliseconds positive(double seconds, const char* setting)
{
    if (!(seconds > 0) || seconds > 3600)
        refuse(std::string("the cache setting '") + setting + "' must be more than 0 and at most 3600 seconds");
    return std::chrono::milliseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds * 1000)));
}

} // namespace

Options Options::of(const CacheConfig& config, bool cluster)
{
    check_cache_config(config);
    Options options;
    options.backend = cluster ? "redis_cluster" : "redis";
    options.cluster = cluster;
    options.username = config.redis_username;
    options.password = config.redis_password;
    options.database = config.redis_db;
    options.tls = config.tls;
    if (config.redis_url.empty())
        read_hosts(config, options);
    else
        read_url(config.redis_url, options);

    if (options.nodes.size() == 1 && options.nodes.front().host.starts_with('/')) {
        options.unix_socket = options.nodes.front().host;
        options.nodes.clear();
    }
    if (options.nodes.empty() && options.unix_socket.empty())
        refuse("no Redis server is named; set REDIS_URL, REDIS_HOST or REDIS_CLUSTER_NODES");
    for (HostPort& node : options.nodes)
        node.port = node.port.value_or(default_port);
    if (!options.unix_socket.empty() && (cluster || options.tls.enabled))
        refuse("a Unix socket leads to one server and without TLS; name hosts instead");
    if (!cluster && options.nodes.size() > 1)
        refuse("several servers are named; use the cache type redis_cluster for the nodes of a cluster");
    if (cluster && options.database != 0)
        refuse("the database is " + std::to_string(options.database) + "; a Redis Cluster has only 0");
    if (options.database < 0)
        refuse("the database is negative; allowed is 0 or more");
    if (options.tls.cert_file.empty() != options.tls.key_file.empty())
        refuse("REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE belong together: set both or none");

    options.key_prefix = config.redis_key_prefix;
    text::check(options.key_prefix, "the cache setting 'redis_key_prefix'");
    if (options.key_prefix.empty() || options.key_prefix.find_first_of("{}") != std::string::npos)
        refuse("the cache setting 'redis_key_prefix' must be a non-empty text without { and }");
    options.connect_timeout = positive(config.redis_connect_timeout_seconds, "redis_connect_timeout_seconds");
    options.patience = positive(config.redis_patience_seconds, "redis_patience_seconds");
    options.health_interval = positive(config.redis_health_interval_seconds, "redis_health_interval_seconds");
    options.wait_timeout = positive(config.redis_wait_timeout_seconds, "redis_wait_timeout_seconds");
    options.wait_replicas = config.redis_wait_replicas;
    options.read_replicas = cluster && config.redis_read_replicas;
    options.max_messages = config.max_messages;
    options.bootstrap_limit = std::min(config.bootstrap_limit, config.max_messages);
    options.timeout = std::chrono::milliseconds(
        std::max<std::int64_t>(1, static_cast<std::int64_t>(config.timeout_minutes * 60'000)));
    options.local_channels = config.redis_two_level ? config.max_channels : 0;
    options.tracking = config.redis_two_level;
    options.degrade_to_memory = config.redis_degrade_to_memory;
    options.warm_channels = config.redis_warm_channels;
    options.warm_concurrency = std::max<std::size_t>(1, config.redis_warm_concurrency);
    return options;
}

std::vector<std::string> Options::endpoints() const
{
    if (!unix_socket.empty())
        return {unix_socket};
    std::vector<std::string> names;
    for (const HostPort& node : nodes)
        names.push_back(node.to_string());
    return names;
}

} // namespace whisperstore::redis

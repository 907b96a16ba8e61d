#include "graph/neo4j/driver_config.hpp"

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/error.hpp>

namespace whisperstore::graph::neo4j {

namespace {

constexpr std::uint16_t default_port = 7687;

[[noreturn]] void refuse(const std::string& message) { throw StorageError(StorageErrc::invalid_argument, message); }

/// From host, port, nodes and TLS, where there is no URI.
ConnectionUrl built_url(const GraphDatabaseConfig& config, bool routed)
{
    ConnectionUrl url;
    url.scheme = routed ? "neo4j" : "bolt";
    if (config.tls.enabled)
        url.scheme.append(config.tls.verify ? "+s" : "+ssc");
    for (const std::string& node : config.cluster_nodes)
        url.hosts.push_back(HostPort::parse(node));
    if (url.hosts.empty()) {
        if (config.host.empty())
            refuse("the graph needs a uri or a host (NEO4J_URI, NEO4J_HOST)");
        url.hosts.push_back(HostPort{config.host, config.port});
    }
    return url;
}

} // namespace

bolt::DriverConfig driver_config(const GraphDatabaseConfig& config, bool routed, Logger logger)
{
    ConnectionUrl url = config.uri.empty() ? built_url(config, routed) : ConnectionUrl::parse(config.uri);
    const std::string scheme = url.scheme.substr(0, url.scheme.find('+'));
    if (scheme != "bolt" && scheme != "neo4j")
        refuse("the graph's uri has the scheme '" + url.scheme +
               "'; allowed are bolt, neo4j, and both with +s and +ssc (NEO4J_URI)");
    if (routed && scheme != "neo4j")
        refuse("a Neo4j cluster is reached by neo4j://, neo4j+s:// or neo4j+ssc://, not by " + url.scheme +
               "://, which does not route (NEO4J_URI)");

    bolt::DriverConfig driver;
    bolt::BasicAuth auth{url.username.value_or(config.username), url.password.value_or(config.password)};
    url.username.reset();
    url.password.reset();
    driver.uri = url.to_string();
    if (!auth.username.empty() && !auth.password.empty())
        driver.auth = std::move(auth);
    driver.ca_file = config.tls.ca_file;
    driver.client_cert_file = config.tls.cert_file;
    driver.client_key_file = config.tls.key_file;
    driver.fetch_size = -1; // answers are bounded, and needed whole
    driver.logger = std::move(logger);
    return driver;
}

std::vector<std::string> endpoints_of(const bolt::DriverConfig& config)
{
    std::vector<std::string> list;
    for (HostPort host : ConnectionUrl::parse(config.uri).hosts) {
        host.port = host.port.value_or(default_port);
        list.push_back(host.to_string());
    }
    return list;
}

} // namespace whisperstore::graph::neo4j

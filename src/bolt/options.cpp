#include "bolt/options.hpp"

#include "core/text.hpp"
#include "protocol/bolt/routing_table.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/tls_config.hpp>
#include <whisperstore/core/version.hpp>

namespace whisperstore::bolt {

namespace {

[[noreturn]] void refuse(const std::string& what) { throw StorageError(StorageErrc::invalid_argument, what); }

void require_positive(std::chrono::milliseconds value, const char* name)
{
    if (value.count() <= 0)
        refuse(std::string(name).append(" must be positive"));
}

} // namespace

Options::Options(DriverConfig given) : config(std::move(given))
{
    ConnectionUrl url = ConnectionUrl::parse(config.uri);
    const std::size_t plus = url.scheme.find('+');
    const std::string base = url.scheme.substr(0, plus);
    const std::string security = plus == std::string::npos ? std::string() : url.scheme.substr(plus + 1);
    if ((base != "bolt" && base != "neo4j") || (!security.empty() && security != "s" && security != "ssc"))
        refuse("the scheme '" + url.scheme + "' is not one of bolt, bolt+s, bolt+ssc, neo4j, neo4j+s and neo4j+ssc");
    routes = base == "neo4j";
    secure = !security.empty();
    if (url.username || url.password)
        refuse("a Bolt address holds no user name or password: set auth instead");
    if (!url.path.empty() && url.path != "/")
        refuse("a Bolt address has no path: the database is a setting of each session");
    if (!url.query.empty() && !routes)
        refuse("a routing context (after '?') needs the scheme neo4j");
    query = std::move(url.query);
    for (const auto& [name, value] : query)
        if (name == "address")
            refuse("'address' in the routing context is set by the driver");
    for (HostPort& host : url.hosts) {
        if (host.host.starts_with('/'))
            refuse("Bolt does not use Unix sockets: give a host name or an address");
        seeds.push_back(with_port(std::move(host)));
    }
    if (seeds.empty())
        refuse("the Bolt address names no host");
    if (seeds.size() > 1 && !routes)
        refuse("several hosts need the scheme neo4j");

    if (config.max_connection_pool_size == 0)
        refuse("max_connection_pool_size must be at least 1");
    if (config.fetch_size == 0 || config.fetch_size < -1)
        refuse("fetch_size must be positive, or -1 for everything at once");
    if (config.max_message_size < 1024)
        refuse("max_message_size must be at least 1024 bytes");
    require_positive(config.connect_timeout, "connect_timeout");
    require_positive(config.acquisition_timeout, "acquisition_timeout");
    require_positive(config.max_connection_lifetime, "max_connection_lifetime");
    if (config.liveness_check_after.count() < 0 || config.max_transaction_retry_time.count() < 0)
        refuse("liveness_check_after and max_transaction_retry_time must not be negative");
    if (config.user_agent.empty())
        config.user_agent = "whisperstore/" + std::string(library_version());
    if (!text::is_valid_utf8(config.user_agent))
        refuse("user_agent is not valid UTF-8");
    if (!secure && (!config.ca_file.empty() || !config.client_cert_file.empty()))
        refuse("certificates are set, but the scheme '" + url.scheme + "' uses no TLS: write " + base + "+s");
    if (secure) {
        TlsConfig certificates;
        certificates.enabled = true;
        certificates.verify = security == "s";
        certificates.ca_file = config.ca_file;
        certificates.cert_file = config.client_cert_file;
        certificates.key_file = config.client_key_file;
        tls = std::make_shared<http::TlsContext>(certificates);
    }
}

} // namespace whisperstore::bolt

#include "database/postgresql/options.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <libpq-fe.h>
#include <memory>
#include <string_view>

namespace whisperstore::postgresql {

namespace {

constexpr std::uint16_t default_port = 5432;
constexpr std::size_t connections_allowed = 256;

StorageError invalid(const std::string& message)
{
    return StorageError(StorageErrc::invalid_argument, message, ErrorDetails{"postgresql"});
}

// What we decide ourselves: a connection goes to one host, in pipelines of UTF-8.
constexpr std::array ours{"hostaddr", "service", "client_encoding", "replication", "load_balance_hosts", "passfile"};

std::vector<std::string> known_keywords()
{
    std::vector<std::string> names;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> defaults(PQconndefaults(), PQconninfoFree);
    for (const PQconninfoOption* option = defaults.get(); option && option->keyword; ++option)
        if (std::find(ours.begin(), ours.end(), std::string_view(option->keyword)) == ours.end())
            names.emplace_back(option->keyword);
    return names;
}

std::chrono::milliseconds read_duration(const std::string& key, const std::string& value, std::int64_t unit_ms)
{
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    constexpr std::int64_t longest = 24 * 3600 * 1000;
    if (error != std::errc() || end != value.data() + value.size() || number < 0 || number > longest / unit_ms)
        throw invalid("the parameter " + key + " is '" + value + "'; allowed are whole " +
                      (unit_ms == 1 ? "milliseconds" : "seconds") + " up to a day");
    return std::chrono::milliseconds(number * unit_ms);
}

bool read_switch(const std::string& key, const std::string& value)
{
    if (value == "true" || value == "on" || value == "1")
        return true;
    if (value == "false" || value == "off" || value == "0")
        return false;
    throw invalid("the parameter " + key + " is '" + value + "'; allowed are true and false");
}

/// Sets a keyword unless the caller did.
void provide(Options& options, const char* keyword, const char* value)
{
    const auto same = [&](const auto& given) { return given.first == keyword; };
    if (std::none_of(options.keywords.begin(), options.keywords.end(), same))
        options.keywords.emplace_back(keyword, value);
}

void read_parameters(Options& options, const ConnectionUrl& url)
{
    const std::vector<std::string> known = known_keywords();
    std::string host;
    std::string port;
    for (const auto& [key, value] : url.query) {
        if (key == "prepared_statements") {
            options.named_statements = read_switch(key, value);
        } else if (key == "statement_timeout") {
            options.statement_timeout = read_duration(key, value, 1);
        } else if (key == "connect_timeout") {
            options.connect_timeout = read_duration(key, value, 1000);
            if (options.connect_timeout.count() == 0)
                throw invalid("the parameter connect_timeout is 0; at least one second is needed");
        } else if (key == "host") {
            host = value;
        } else if (key == "port") {
            port = value;
        } else if (std::find(known.begin(), known.end(), key) != known.end()) {
            options.keywords.emplace_back(key, value);
        } else {
            throw invalid("the connection string has the unknown parameter '" + key +
                          "'; allowed are libpq's (but hostaddr, service, client_encoding, replication and passfile), "
                          "and prepared_statements and statement_timeout");
        }
    }
    if (!host.empty()) {
        if (!options.hosts.empty())
            throw invalid("the connection string names a host twice, in its place and as a parameter");
        options.hosts = parse_hosts(host);
    }
    if (options.hosts.empty())
        options.hosts.push_back(HostPort{"localhost"});
    std::uint16_t fallback = default_port;
    if (!port.empty()) {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), fallback);
        if (error != std::errc() || end != port.data() + port.size() || fallback == 0)
            throw invalid("the parameter port is '" + port + "'; allowed are 1 to 65535");
    }
    for (HostPort& one : options.hosts)
        if (!one.port)
            one.port = fallback;
}

} // namespace

Options Options::of(const DatabaseConfig& config)
{
    const ConnectionUrl url = ConnectionUrl::parse(config.connection_string);
    if (url.scheme != "postgresql" && url.scheme != "postgres")
        throw invalid("the connection string begins with '" + url.scheme +
                      "://'; PostgreSQL needs postgresql://user:password@host:port/database");
    Options options;
    options.hosts = url.hosts;
    for (const std::string& node : config.cluster_nodes) {
        const HostPort host = HostPort::parse(node);
        const auto same = [&](const HostPort& one) {
            return one.host == host.host && one.port.value_or(default_port) == host.port.value_or(default_port);
        };
        if (std::none_of(options.hosts.begin(), options.hosts.end(), same))
            options.hosts.push_back(host);
    }
    if (url.username)
        options.keywords.emplace_back("user", *url.username);
    if (url.password)
        options.keywords.emplace_back("password", *url.password);
    if (url.path.size() > 1)
        options.keywords.emplace_back("dbname", url.path.substr(1));
    read_parameters(options, url);

    // A server that vanished without a word is noticed, whatever the system's defaults are.
    provide(options, "keepalives_idle", "15");
    provide(options, "keepalives_interval", "5");
    provide(options, "keepalives_count", "3");
    provide(options, "tcp_user_timeout", "30000");
    provide(options, "application_name", "whisperstore");
    options.keywords.emplace_back("client_encoding", "UTF8");
    for (const auto& [key, value] : options.keywords) {
        if (key == "user")
            options.user = value;
        if (key == "dbname")
            options.database = value;
        if (value.find('\0') != std::string::npos)
            throw invalid("the parameter " + key + " holds a NUL character");
    }

    if (config.pool_size == 0 || config.pool_size > connections_allowed)
        throw invalid("pool_size is " + std::to_string(config.pool_size) + "; allowed are 1 to 256");
    options.pool_size = config.pool_size;
    constexpr std::chrono::hours longest(24);
    if (config.transaction_idle_limit.count() <= 0 || config.transaction_idle_limit > longest)
        throw invalid("transaction_idle_limit is " + std::to_string(config.transaction_idle_limit.count()) +
                      " ms; allowed are 1 ms to 24 h");
    options.transaction_idle_limit = config.transaction_idle_limit;
    options.read_only = config.read_only;
    return options;
}

std::string Options::describe(const HostPort& host) const
{
    std::string text = host.to_string();
    if (!user.empty())
        text += ", user " + user;
    if (!database.empty())
        text += ", database " + database;
    return text;
}

} // namespace whisperstore::postgresql

#pragma once
// Decisions every remote backend shares: which type, which hosts, which TLS.

#include "config/setting_values.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::config {

/// A URL variable and the types its URLs are for: single server first, then cluster.
struct UrlCandidate
{
    std::string_view variable;
    std::vector<std::string> types;
};

/// What there is to choose from for one component.
struct TypeQuestion
{
    std::string_view component; ///< "database", for messages
    std::string_view type_variable;
    Fallback base;                  ///< the type of the tier
    std::vector<UrlCandidate> urls; ///< those that are given
    /// Where the base type has a cluster form: its name, and where several hosts may be given.
    std::string single_type = {};
    std::string cluster_type = {};
    std::string_view hosts_variable = {};
    std::string_view nodes_variable = {};
};

struct TypeChoice
{
    std::string type;
    std::optional<UrlSource> url; ///< the URL in use
    bool is_set = false;          ///< by a type or a URL, not by detection
    /// "the database type is sqlite (detected: tier 1 desktop)"
    std::string reason;
};

/// Chooses, and records the type. A given type stands; a URL that does not fit it is not used, and an
/// error where that would ignore an explicit argument or our own variable.
TypeChoice choose_type(SettingValues& values, const TypeQuestion& question);

/// Reads a URL variable as it was given.
UrlSource url_source(std::string_view variable, const GivenValue& given);

struct EndpointQuestion
{
    std::string prefix;              ///< "QDRANT"
    std::string_view nodes_variable; ///< empty when there is none
    bool cluster = false;
    const UrlSource* url = nullptr;
    Fallback hosts; ///< as text
    std::uint16_t port = 0;
};
/// The hosts, each with its port; never empty. Records PREFIX_HOST, PREFIX_PORT and the nodes.
std::vector<HostPort> choose_hosts(SettingValues& values, const EndpointQuestion& question);

std::vector<std::string> host_texts(const std::vector<HostPort>& hosts);

/// What a URL's scheme says about TLS.
struct UrlTls
{
    bool enabled = false;
    bool verify = true;
};
/// Reads PREFIX_TLS and its kin. \throws StorageError invalid_argument where a URL says the opposite
/// of a setting from the same source: leaving either out silently could send a password unencrypted.
TlsConfig choose_tls(SettingValues& values, const std::string& prefix, const UrlSource* url, UrlTls in_url);

} // namespace whisperstore::config

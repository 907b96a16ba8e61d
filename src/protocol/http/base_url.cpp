#include "protocol/http/base_url.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore::http {

namespace {

StorageError wrong(std::string_view what, std::string_view reason)
{
    return StorageError(StorageErrc::invalid_argument,
                        std::string(what).append(" ").append(reason).append(
                            "; expected http://host:port/path or https://host:port/path"));
}

/// Encodes a decoded path again, slash by slash.
std::string encoded_path(std::string_view path)
{
    std::string out;
    for (const char c : path)
        out += c == '/' ? "/" : percent_encode(std::string_view(&c, 1));
    return out;
}

} // namespace

BaseUrl parse_base_url(std::string_view text, std::string_view what)
{
    if (text.empty())
        throw wrong(what, "is not set");
    ConnectionUrl url;
    try {
        url = ConnectionUrl::parse(text);
    } catch (const StorageError& error) {
        throw error.prefixed(std::string(what) + ": ");
    }
    if (url.scheme != "http" && url.scheme != "https")
        throw wrong(what, "has the scheme '" + url.scheme + "'");
    if (url.hosts.empty())
        throw wrong(what, "names no host");
    if (!url.query.empty() || url.path.find_first_of("#?") != std::string::npos)
        throw wrong(what, "has a query or fragment");
    BaseUrl out;
    out.tls = url.scheme == "https";
    for (HostPort& host : url.hosts) {
        if (host.host.starts_with('/'))
            throw wrong(what, "names the directory of a Unix socket");
        if (!host.port)
            host.port = default_port(out.tls);
        out.nodes.push_back(std::move(host));
    }
    out.path = encoded_path(url.path);
    while (out.path.ends_with('/'))
        out.path.pop_back();
    if (url.username || url.password)
        out.credentials = url.username.value_or("") + ":" + url.password.value_or("");
    return out;
}

std::string host_field(const HostPort& node, bool tls)
{
    HostPort shown = node;
    // A zone is of this machine only.
    if (shown.host.find(':') != std::string::npos)
        shown.host.resize(std::min(shown.host.find('%'), shown.host.size()));
    if (shown.port == default_port(tls))
        shown.port.reset();
    return shown.to_string();
}

} // namespace whisperstore::http

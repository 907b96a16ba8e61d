#include "protocol/redis/node_name.hpp"

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/error.hpp>

#include <charconv>

namespace whisperstore::redis {

std::optional<std::string> node_name(std::string_view host, std::int64_t port)
{
    if (port <= 0 || port > 65535)
        return std::nullopt;
    const HostPort node{std::string(host), static_cast<std::uint16_t>(port)};
    const std::string name = node.to_string();
    try {
        return HostPort::parse(name) == node ? std::optional(name) : std::nullopt;
    } catch (const StorageError&) {
        return std::nullopt; // names come from servers: a bad one is not the caller's fault
    }
}

std::optional<std::string> read_node_name(std::string_view text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    std::int64_t port = 0;
    const char* const last = text.data() + text.size();
    const auto [end, failed] = std::from_chars(text.data() + colon + 1, last, port);
    if (failed != std::errc() || end != last)
        return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.empty())
        return port > 0 && port <= 65535 ? std::optional(std::string(1, ':').append(std::to_string(port)))
                                         : std::nullopt;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    return node_name(host, port);
}

} // namespace whisperstore::redis

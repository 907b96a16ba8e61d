#pragma once
// What the nodes of a cluster are called.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::redis {

/// "host:port", with brackets around an IPv6 address: HostPort::parse() reads it. Nothing where that is no name.
std::optional<std::string> node_name(std::string_view host, std::int64_t port);

/// From the text of MOVED and ASK, where IPv6 addresses have no brackets. ":6381" stays: the host is the one that was
/// asked.
std::optional<std::string> read_node_name(std::string_view text);

} // namespace whisperstore::redis

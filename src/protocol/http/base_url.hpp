#pragma once
// The URL a server's calls begin with.

#include <whisperstore/core/connection_url.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::http {

/// `http://` or `https://`, one or several hosts, and a path before that of every call.
struct BaseUrl
{
    bool tls = false;
    std::vector<HostPort> nodes = {};                      ///< every port is set
    std::string path = {};                                 ///< "" or "/v1", percent-encoded, without a slash at its end
    std::optional<std::string> credentials = std::nullopt; ///< of Basic authentication, `user:password`; a secret
};

/// \param what names the setting in messages, which never repeat the URL.
/// Throws StorageError invalid_argument for anything but a URL of that form; query and fragment are refused.
BaseUrl parse_base_url(std::string_view text, std::string_view what);

/// The port of URLs without one.
constexpr std::uint16_t default_port(bool tls) noexcept { return tls ? 443 : 80; }

/// What the Host header says of a node (RFC 9110, section 7.2): without a default port.
std::string host_field(const HostPort& node, bool tls);

} // namespace whisperstore::http

#pragma once
// TLS towards Redis servers.

#include <whisperstore/core/tls_config.hpp>

#include <boost/asio/ssl/context.hpp>

#include <string>

namespace whisperstore::redis {

/// Names `host` to the server, and checks its certificate against it where the configuration says so; without TLS a
/// context that nobody uses. \throws StorageError invalid_argument naming a file that cannot be used
boost::asio::ssl::context tls_context(const TlsConfig& config, const std::string& host);

} // namespace whisperstore::redis

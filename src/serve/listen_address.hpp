#pragma once
// Where the server listens.

#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <string_view>

namespace whisperstore::serve {

/// \throws StorageError invalid_argument unless it is `HOST:PORT` with an IP address or `localhost`.
boost::asio::ip::tcp::endpoint parse_listen_address(std::string_view text);

/// Whether only this machine reaches it.
bool is_loopback(const boost::asio::ip::address& address) noexcept;

/// Whether a Host header names this machine by its loopback address, with any port (a tunnel has another one). A page
/// of the web whose own name was made to lead here (DNS rebinding) sends that name.
bool names_loopback(std::string_view authority) noexcept;

/// `http://127.0.0.1:9464`; of "every address" the loopback one.
std::string url_of(const boost::asio::ip::tcp::endpoint& endpoint);

} // namespace whisperstore::serve

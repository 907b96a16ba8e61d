#include "serve/listen_address.hpp"

#include "protocol/http/header_fields.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>

namespace whisperstore::serve {

namespace {

namespace ip = boost::asio::ip;

/// What stands before the port, without the brackets of an IPv6 address.
std::string_view host_of(std::string_view authority) noexcept
{
    if (authority.starts_with('[')) {
        const std::size_t end = authority.find(']');
        return end == std::string_view::npos ? std::string_view() : authority.substr(1, end - 1);
    }
    return authority.substr(0, authority.find(':'));
}

} // namespace

ip::tcp::endpoint parse_listen_address(std::string_view text)
{
    const auto refuse = [&](std::string_view why) {
        return StorageError(StorageErrc::invalid_argument,
                            std::string("cannot listen on '")
                                .append(text)
                                .append("': ")
                                .append(why)
                                .append("; allowed: HOST:PORT with an IP address or localhost, e.g. 127.0.0.1:9464 "
                                        "or [::1]:9464; port 0 is any free one"));
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || (text.starts_with('[') && text.find(']') > colon))
        throw refuse("there is no port");
    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || read.ec != std::errc() || read.ptr != digits.data() + digits.size())
        throw refuse("the port is no number from 0 to 65535");
    std::string_view host = text.substr(0, colon);
    if (host.find(':') != std::string_view::npos) {
        if (!host.starts_with('[') || !host.ends_with(']'))
            throw refuse("an IPv6 address stands in brackets");
        host = host.substr(1, host.size() - 2);
    }
    if (http::equal_ignoring_case(host, "localhost"))
        return ip::tcp::endpoint(ip::address_v4::loopback(), port);
    boost::system::error_code error;
    const ip::address address = ip::make_address(std::string(host), error);
    if (error)
        throw refuse("the host is no IP address");
    return ip::tcp::endpoint(address, port);
}

bool is_loopback(const ip::address& address) noexcept
{
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return ip::make_address_v4(ip::v4_mapped, address.to_v6()).is_loopback();
    return address.is_loopback();
}

bool names_loopback(std::string_view authority) noexcept
{
    const std::string_view host = host_of(authority);
    if (http::equal_ignoring_case(host, "localhost"))
        return true;
    boost::system::error_code error;
    const ip::address address = ip::make_address(host, error);
    return !error && is_loopback(address);
}

std::string url_of(const ip::tcp::endpoint& endpoint)
{
    ip::address address = endpoint.address();
    if (address.is_unspecified())
        address = address.is_v4() ? ip::address(ip::address_v4::loopback()) : ip::address(ip::address_v6::loopback());
    std::string url = "http://";
    url.append(address.is_v6() ? "[" : "").append(address.to_string()).append(address.is_v6() ? "]" : "");
    return url.append(":").append(std::to_string(endpoint.port()));
}

} // namespace whisperstore::serve

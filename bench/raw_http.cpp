#include "raw_http.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace whisperstore::bench {

namespace {

constexpr std::size_t receive_bytes = std::size_t(64) << 10U;

int connect_to(const HostPort& node)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(node.host.c_str(), std::to_string(node.port.value()).c_str(), &hints, &found) != 0)
        throw std::runtime_error("there is no host " + node.host);
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
    for (const addrinfo* address = found; address; address = address->ai_next) {
        const int descriptor = ::socket(address->ai_family, SOCK_STREAM, 0);
        if (descriptor >= 0 && ::connect(descriptor, address->ai_addr, address->ai_addrlen) == 0)
            return descriptor;
        if (descriptor >= 0)
            ::close(descriptor);
    }
    throw std::runtime_error("nobody answers at " + node.to_string());
}

/// The value of a header; empty: there is none. The head's names may be in any case.
std::string_view header(std::string_view head, std::string_view name)
{
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; };
    const auto found = std::search(head.begin(), head.end(), name.begin(), name.end(), same);
    if (found == head.end())
        return {};
    std::string_view value = head.substr(static_cast<std::size_t>(found - head.begin()) + name.size());
    value = value.substr(0, value.find('\r'));
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    return value;
}

std::size_t number(std::string_view digits, int base)
{
    std::size_t value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value, base).ec != std::errc())
        throw std::runtime_error("the size of an HTTP body is no number");
    return value;
}

/// The bytes of chunks up to the end of the last, without trailers; 0: more has to come.
std::size_t chunks_size(std::string_view bytes)
{
    std::size_t at = 0;
    while (true) {
        const std::size_t line_end = bytes.find("\r\n", at);
        if (line_end == std::string_view::npos)
            return 0;
        const std::size_t size = number(bytes.substr(at, line_end - at), 16);
        at = line_end + 2 + size + 2;
        if (at > bytes.size())
            return 0;
        if (size == 0)
            return at;
    }
}

} // namespace

RawSocket::RawSocket(const HostPort& node) : descriptor_(connect_to(node))
{
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawSocket::RawSocket(RawSocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

RawSocket::~RawSocket()
{
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

void RawSocket::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0)
            throw std::system_error(errno, std::generic_category(), "send");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

bool RawSocket::receive(std::string& bytes)
{
    std::array<char, receive_bytes> room;
    const ssize_t received = ::recv(descriptor_, room.data(), room.size(), 0);
    if (received < 0)
        throw std::system_error(errno, std::generic_category(), "receive");
    bytes.append(room.data(), static_cast<std::size_t>(received));
    return received > 0;
}

std::size_t message_size(std::string_view bytes)
{
    const std::size_t head_end = bytes.find("\r\n\r\n");
    if (head_end == std::string_view::npos)
        return 0;
    const std::string_view head = bytes.substr(0, head_end + 2);
    const std::size_t body = head_end + 4;
    if (!header(head, "\r\ntransfer-encoding:").empty()) {
        const std::size_t chunks = chunks_size(bytes.substr(body));
        return chunks == 0 ? 0 : body + chunks;
    }
    const std::string_view length = header(head, "\r\ncontent-length:");
    const std::size_t size = body + (length.empty() ? 0 : number(length, 10));
    return size <= bytes.size() ? size : 0;
}

const std::string& RawHttp::exchange(std::string_view request)
{
    socket_.send(request);
    answer_.clear();
    while (message_size(answer_) == 0)
        if (!socket_.receive(answer_))
            throw std::runtime_error("the server closed a connection before its answer was whole");
    return answer_;
}

void RawHttp::exchange_ok(std::string_view request)
{
    const std::string& answer = exchange(request);
    if (!answer.starts_with("HTTP/1.1 200 "))
        throw std::runtime_error("the server refused a request that it took before: " + answer.substr(0, 500));
}

} // namespace whisperstore::bench

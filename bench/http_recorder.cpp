#include "http_recorder.hpp"

#include <arpa/inet.h>
#include <cstdio>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace whisperstore::bench {

HttpRecorder::HttpRecorder(HostPort node) : node_(std::move(node)), listener_(::socket(AF_INET, SOCK_STREAM, 0))
{
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof place;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&place), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&place), &size) != 0) {
        ::close(listener_);
        throw std::runtime_error("there is no port to record on");
    }
    address_ = HostPort{"127.0.0.1", ntohs(place.sin_port)};
    acceptor_ = std::thread([this] { accept_clients(); });
}

HttpRecorder::~HttpRecorder()
{
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (std::thread& connection : connections_)
        connection.join();
}

std::vector<std::string> HttpRecorder::take()
{
    const std::lock_guard lock(mutex_);
    return std::exchange(requests_, {});
}

void HttpRecorder::accept_clients()
{
    while (true) {
        const int client = ::accept(listener_, nullptr, nullptr);
        if (client < 0)
            return;
        const int on = 1;
        ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections_.emplace_back([this, client] {
            try {
                serve(RawSocket(client));
            } catch (const std::exception& error) {
                std::fprintf(stderr, "recording: %s\n", error.what());
            }
        });
    }
}

void HttpRecorder::serve(RawSocket client)
{
    RawHttp server(node_);
    std::string bytes;
    while (client.receive(bytes)) {
        const std::size_t size = message_size(bytes);
        if (size == 0)
            continue;
        std::string request = bytes.substr(0, size);
        bytes.erase(0, size);
        client.send(server.exchange(request));
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
    }
}

} // namespace whisperstore::bench

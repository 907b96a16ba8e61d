#include "serve_clients.hpp"

#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <random>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace whisperstore::bench {

namespace {

using Clock = std::chrono::steady_clock;

class Socket
{
public:
    explicit Socket(std::uint16_t port, int receive_buffer = 0) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0))
    {
        if (receive_buffer > 0)
            ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        const int on = 1;
        ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const timeval limit{1, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        is_open_ = ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    ~Socket() { ::close(descriptor_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    bool is_open() const noexcept { return is_open_; }
    bool send(std::string_view bytes)
    {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0)
                return is_open_ = false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    /// One answer with a Content-Length.
    bool receive()
    {
        while (true) {
            const std::size_t head = read_.find("\r\n\r\n");
            if (head != std::string::npos) {
                const std::size_t length = read_.find("Content-Length: ");
                const std::size_t size = length < head ? std::stoul(read_.substr(length + 16)) : 0;
                if (read_.size() >= head + 4 + size) {
                    read_.erase(0, head + 4 + size);
                    return true;
                }
            }
            std::array<char, 65536> piece;
            const ssize_t size = ::recv(descriptor_, piece.data(), piece.size(), 0);
            if (size <= 0)
                return is_open_ = false;
            read_.append(piece.data(), static_cast<std::size_t>(size));
        }
    }

private:
    int descriptor_;
    bool is_open_ = false;
    std::string read_;
};

void steady(std::uint16_t port, Clock::duration interval)
{
    const std::string paths[] = {"/metrics", "/health/ready", "/api/metrics", "/health/live"};
    auto connection = std::make_unique<Socket>(port);
    auto next = Clock::now();
    for (std::size_t i = 0;; ++i) {
        std::this_thread::sleep_until(next);
        next = std::max(next + interval, Clock::now() - std::chrono::milliseconds(100)); // does not catch up for ever
        if (!connection->is_open())
            connection = std::make_unique<Socket>(port);
        if (connection->send("GET " + paths[i % 4] + " HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            connection->receive();
    }
}

/// Does it again and again, with a pause.
void again(std::chrono::milliseconds pause, const std::function<void()>& act)
{
    while (true) {
        act();
        std::this_thread::sleep_for(pause);
    }
}

void drip(std::uint16_t port)
{
    std::vector<std::unique_ptr<Socket>> connections;
    again(std::chrono::milliseconds(100), [&] {
        while (connections.size() < 60) {
            connections.push_back(std::make_unique<Socket>(port));
            connections.back()->send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
        }
        std::erase_if(connections, [](const auto& connection) { return !connection->send("a"); });
    });
}

void read_nothing(std::uint16_t port)
{
    std::vector<std::unique_ptr<Socket>> connections;
    again(std::chrono::milliseconds(100), [&] {
        while (connections.size() < 30) {
            connections.push_back(std::make_unique<Socket>(port, 2048));
            connections.back()->send(connections.size() % 3 == 0 ? "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                                                 : "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }
        // Requests without end whose answers nobody takes.
        std::erase_if(connections, [](const auto& connection) {
            return !connection->send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        });
    });
}

void ask_wrongly(std::uint16_t port)
{
    std::mt19937 random(std::random_device{}());
    std::uniform_int_distribution<int> any(0, 255);
    const std::string oversized = "GET /metrics HTTP/1.1\r\nX: " + std::string(1'000'000, 'x');
    again(std::chrono::milliseconds(5), [&] {
        Socket connection(port);
        std::string bytes;
        switch (any(random) % 6) {
        case 0:
            bytes = oversized;
            break;
        case 1:
            bytes = "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" +
                    std::string(100'000, 'b');
            break;
        case 2:
            for (int i = 0; i < 500; ++i)
                bytes.push_back(static_cast<char>(any(random)));
            bytes.append("\r\n\r\n");
            break;
        case 3:
            bytes = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n";
            break;
        case 4:
            bytes = "GET /metr";
            break;
        default:
            bytes = "GET /nowhere HTTP/1.1\r\nHost: evil.example\r\n\r\n";
        }
        if (connection.send(bytes) && any(random) % 2 == 0)
            connection.receive();
    });
}

[[noreturn]] void for_ever(std::vector<std::thread>& threads)
{
    for (std::thread& thread : threads)
        thread.join();
    ::_exit(1);
}

} // namespace

void run_steady_clients(std::uint16_t port, int per_second)
{
    constexpr int connections = 4;
    std::vector<std::thread> threads;
    for (int i = 0; i < connections; ++i)
        threads.emplace_back(steady, port, std::chrono::nanoseconds(std::chrono::seconds(connections)) / per_second);
    for_ever(threads);
}

void run_bad_clients(std::uint16_t port)
{
    std::vector<std::thread> threads;
    threads.emplace_back(drip, port);
    threads.emplace_back(read_nothing, port);
    threads.emplace_back(ask_wrongly, port);
    for_ever(threads);
}

} // namespace whisperstore::bench

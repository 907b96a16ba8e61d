#pragma once
// A client that says exactly what a test wants said, and a source that tells what a test wants told.

#include "support/run.hpp"

#include <whisperstore/serve/monitoring_server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <sys/socket.h>

namespace whisperstore::test {

struct Reply
{
    int status = 0;
    std::string head;
    std::string body;
    bool has(const std::string& line) const { return head.find("\r\n" + line + "\r\n") != std::string::npos; }
    json::value json() const { return parse_json(body, "answer"); }
};

/// One connection. What does not come within a minute is missing.
class Client
{
public:
    explicit Client(std::uint16_t port, int receive_buffer = 0) : socket_(io_)
    {
        socket_.open(asio::ip::tcp::v4());
        if (receive_buffer > 0)
            socket_.set_option(asio::socket_base::receive_buffer_size(receive_buffer));
        socket_.connect(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port));
        const timeval limit{60, 0};
        ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }

    /// Whether all of it could be sent.
    bool send(std::string_view bytes)
    {
        boost::system::error_code error;
        asio::write(socket_, asio::buffer(bytes), error);
        return !error;
    }
    void get(const std::string& path, const std::string& headers = {})
    {
        send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
    }
    /// One answer.
    Reply reply(bool head_only = false)
    {
        Reply out;
        while (read_.find("\r\n\r\n") == std::string::npos)
            if (!more())
                return out;
        const std::size_t end = read_.find("\r\n\r\n") + 4;
        out.head = read_.substr(0, end);
        read_.erase(0, end);
        out.status = std::stoi(out.head.substr(9, 3));
        const std::size_t length = out.head.find("Content-Length: ");
        const std::size_t size = length == std::string::npos ? 0 : std::stoul(out.head.substr(length + 16));
        while (!head_only && read_.size() < size && more())
            ;
        out.body = read_.substr(0, head_only ? 0 : size);
        read_.erase(0, out.body.size());
        return out;
    }
    /// Up to and with this text; what came instead where the connection ends before.
    std::string read_to(const std::string& text)
    {
        std::size_t at = 0;
        while ((at = read_.find(text)) == std::string::npos)
            if (!more())
                return std::exchange(read_, {});
        std::string out = read_.substr(0, at + text.size());
        read_.erase(0, out.size());
        return out;
    }
    /// Whether the server ends the connection, whatever it says before.
    bool ends()
    {
        while (more())
            ;
        return ended_;
    }
    void finish_sending() { socket_.shutdown(asio::socket_base::shutdown_send); }
    void close() { socket_.close(); }

private:
    bool more()
    {
        std::array<char, 16384> piece;
        // Not by Asio, which would wait without a limit.
        const ssize_t size = ::recv(socket_.native_handle(), piece.data(), piece.size(), 0);
        ended_ = size == 0 || (size < 0 && errno != EAGAIN);
        if (size > 0)
            read_.append(piece.data(), static_cast<std::size_t>(size));
        return size > 0;
    }

    asio::io_context io_;
    asio::ip::tcp::socket socket_;
    std::string read_;
    bool ended_ = false;
};

inline Reply get(std::uint16_t port, const std::string& path, const std::string& headers = {})
{
    Client client(port);
    client.get(path, headers);
    return client.reply();
}

/// Tells what it is told to.
class FakeSource : public MonitoringSource
{
public:
    awaitable<std::string> metrics_text(OperationContext context) override
    {
        ++collections;
        co_await answer(std::move(context));
        co_return "# TYPE up gauge\nup 1\n";
    }
    awaitable<json::object> metrics(OperationContext context) override
    {
        ++collections;
        co_await answer(std::move(context));
        json::object out;
        out["padding"] = std::string(padding, 'x');
        co_return out;
    }
    awaitable<HealthReport> health(OperationContext context) override
    {
        co_await answer(std::move(context));
        HealthReport report;
        report.status = is_down ? HealthStatus::down : HealthStatus();
        co_return report;
    }
    awaitable<json::object> configuration(OperationContext context) override
    {
        ++configurations;
        co_await answer(std::move(context));
        json::object out;
        out["database"] = "sqlite";
        co_return out;
    }

    std::atomic<int> collections{0};
    std::atomic<int> configurations{0};
    std::atomic<int> asked{0};
    std::atomic<int> cancelled{0};
    std::atomic<bool> is_down{false};
    std::atomic<bool> fails{false};
    std::atomic<int> delay_ms{0};
    std::atomic<std::size_t> padding{0};

private:
    awaitable<void> answer(OperationContext)
    {
        ++asked;
        if (delay_ms > 0) {
            asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(delay_ms));
            try {
                co_await timer.async_wait(asio::use_awaitable);
            } catch (const boost::system::system_error&) {
                ++cancelled;
                throw;
            }
        }
        if (fails)
            throw StorageError(StorageErrc::unavailable, "nobody is at home");
    }
};

/// A server on a free port, whose limits a test may set before.
struct TestServer
{
    explicit TestServer(ServeConfig config = ServeConfig())
    {
        if (config.listen == ServeConfig().listen)
            config.listen = "127.0.0.1:0";
        server = std::make_unique<MonitoringServer>(pool().get_executor(), source, config);
        server->start();
        port = server->port();
    }
    ~TestServer()
    {
        if (server)
            run(server->stop());
    }
    Reply get(const std::string& path, const std::string& headers = {}) { return test::get(port, path, headers); }

    std::shared_ptr<FakeSource> source = std::make_shared<FakeSource>();
    std::unique_ptr<MonitoringServer> server;
    std::uint16_t port = 0;
};

} // namespace whisperstore::test

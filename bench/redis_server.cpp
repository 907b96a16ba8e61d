#include "redis_server.hpp"

#include "run_program.hpp"

#include <whisperstore/core/connection_url.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace whisperstore::bench {

namespace {

using boost::asio::ip::tcp;

std::uint16_t free_port()
{
    boost::asio::io_context io;
    const tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
    return acceptor.local_endpoint().port();
}

bool accepts(std::uint16_t port)
{
    boost::asio::io_context io;
    tcp::socket socket(io);
    boost::system::error_code error;
    socket.connect({boost::asio::ip::address_v4::loopback(), port}, error);
    return !error;
}

} // namespace

RedisServer::RedisServer(const std::filesystem::path& folder)
{
    if (const char* given = std::getenv("WHISPERSTORE_BENCH_REDIS")) {
        const HostPort address = HostPort::parse(given);
        host_ = address.host;
        port_ = address.port.value_or(6379);
        return;
    }
    folder_ = folder;
    std::filesystem::create_directories(folder_);
    port_ = free_port();
    run_program({"redis-server", "--port", std::to_string(port_), "--bind", host_, "--dir", folder_.string(), "--save",
                 "", "--appendonly", "no", "--daemonize", "yes", "--pidfile", (folder_ / "pid").string()});
    for (int tries = 0; !accepts(port_); ++tries) {
        if (tries == 500)
            throw std::runtime_error("redis-server does not answer");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

RedisServer::~RedisServer()
{
    if (folder_.empty())
        return;
    std::ifstream file(folder_ / "pid");
    if (pid_t process = 0; file >> process)
        ::kill(process, SIGTERM);
}

CacheConfig RedisServer::config() const
{
    CacheConfig config;
    config.type = "redis";
    config.redis_host = host_;
    config.redis_port = port_;
    config.redis_warm_channels = 0;
    config.timeout_minutes = 600;
    return config;
}

} // namespace whisperstore::bench

#include "servers/qdrant_servers.hpp"

#include "support/child_process.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace whisperstore::test {

namespace {

namespace asio = boost::asio;

void run_script(const std::vector<std::string>& arguments)
{
    std::vector<std::string> command{WHISPERSTORE_QDRANT_SERVERS};
    command.insert(command.end(), arguments.begin(), arguments.end());
    ChildProcess script(command);
    script.read_rest(std::chrono::minutes(2));
    if (script.wait() != 0)
        throw std::runtime_error("tests/servers/qdrant " + arguments.front() + " failed; its message is above");
}

std::vector<std::uint16_t> read_ports(const std::string& text)
{
    std::vector<std::uint16_t> ports;
    std::istringstream items(text);
    for (std::string item; std::getline(items, item, ',');)
        ports.push_back(static_cast<std::uint16_t>(std::stoul(item)));
    return ports;
}

QdrantAddress read_address(const std::filesystem::path& folder)
{
    std::ifstream file(folder / "environment");
    if (!file.is_open())
        throw std::runtime_error("there is no " + (folder / "environment").string());
    std::map<std::string, std::string> values;
    for (std::string line; std::getline(file, line);) {
        const std::size_t equals = line.find('=');
        values[line.substr(0, equals)] = line.substr(equals + 1);
    }
    QdrantAddress address;
    address.ports = read_ports(values.at("PORTS"));
    address.api_key = values.at("API_KEY");
    address.tls = values.at("SCHEME") == "https";
    return address;
}

std::string unique_token()
{
    static std::atomic<int> number{0};
    std::ostringstream token;
    token << ::getpid() << '-' << std::chrono::system_clock::now().time_since_epoch().count() << '-' << ++number;
    return token.str();
}

} // namespace

ConnectionUrl QdrantAddress::url() const
{
    ConnectionUrl url;
    url.scheme = tls ? "https" : "http";
    for (const std::uint16_t port : ports)
        url.hosts.push_back(HostPort{"127.0.0.1", port});
    url.path = base_path;
    return url;
}

QdrantAnswer QdrantAddress::ask(const std::string& method, const std::string& path, const std::string& body) const
{
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), ports.at(0)});
    std::ostringstream request;
    request << method << ' ' << base_path << path << " HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n";
    if (!api_key.empty())
        request << "api-key: " << api_key << "\r\n";
    request << "content-length: " << body.size() << "\r\n\r\n" << body;
    asio::write(socket, asio::buffer(request.str()));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    const std::size_t head = answer.find("\r\n\r\n");
    if (end != asio::error::eof || head == std::string::npos)
        throw std::runtime_error("the Qdrant stand-in gave no whole answer to " + method + " " + path);
    // "HTTP/1.1 200 OK"
    return QdrantAnswer{std::stoi(answer.substr(answer.find(' ') + 1, 3)), answer.substr(head + 4)};
}

QdrantUniverse::QdrantUniverse()
{
    const char* folder = std::getenv("WHISPERSTORE_TEST_QDRANT");
    if (!folder || !*folder)
        throw std::runtime_error("this test needs the Qdrant stand-in. ctest starts it; by hand: tests/servers/qdrant "
                                 "start FOLDER, and WHISPERSTORE_TEST_QDRANT=FOLDER in the environment");
    address_ = read_address(folder);
    address_.base_path = "/t/" + unique_token();
}

QdrantUniverse::~QdrantUniverse()
{
    try {
        address_.ask("DELETE", "");
    } catch (const std::exception& error) {
        std::cerr << "a test's part of the Qdrant stand-in was not removed: " << error.what() << '\n';
    }
}

QdrantServer::QdrantServer(Options options) : options_(std::move(options)) { start(); }

QdrantServer::~QdrantServer()
{
    try {
        run_script({"stop", directory_ / "server"});
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
    }
}

void QdrantServer::kill() { run_script({"kill", directory_ / "server"}); }

void QdrantServer::start()
{
    std::vector<std::string> arguments{"start",        directory_ / "server",
                                       "--nodes",      std::to_string(options_.nodes),
                                       "--keep-alive", std::to_string(options_.keep_alive_seconds)};
    if (!address_.ports.empty()) {
        std::ostringstream ports;
        for (const std::uint16_t port : address_.ports)
            ports << (ports.tellp() > 0 ? "," : "") << port;
        arguments.insert(arguments.end(), {"--ports", ports.str()});
    }
    if (!options_.api_key.empty())
        arguments.insert(arguments.end(), {"--api-key", options_.api_key});
    if (!options_.certificate.empty()) {
        const std::filesystem::path& key = options_.key.empty() ? options_.certificate : options_.key;
        arguments.insert(arguments.end(), {"--certificate", options_.certificate, "--key", key});
    }
    run_script(arguments);
    address_ = read_address(directory_ / "server");
}

std::string QdrantServer::log() const { return read_file(directory_ / "server" / "log"); }

} // namespace whisperstore::test

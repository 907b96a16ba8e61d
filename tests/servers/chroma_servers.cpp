#include "servers/chroma_servers.hpp"

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
#include <sstream>
#include <stdexcept>
#include <unistd.h>

namespace whisperstore::test {

namespace {

namespace asio = boost::asio;

std::uint16_t read_port()
{
    const char* folder = std::getenv("WHISPERSTORE_TEST_CHROMA");
    std::ifstream file;
    if (folder && *folder)
        file.open(std::filesystem::path(folder) / "environment");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("PORT="))
            return static_cast<std::uint16_t>(std::stoul(line.substr(5)));
    throw std::runtime_error("this test needs a Chroma server. ctest starts it; by hand: tests/servers/chroma start "
                             "FOLDER, and WHISPERSTORE_TEST_CHROMA=FOLDER in the environment");
}

std::string unique_name()
{
    static std::atomic<int> number{0};
    std::ostringstream name;
    name << "test-" << ::getpid() << '-' << std::chrono::system_clock::now().time_since_epoch().count() << '-'
         << ++number;
    return name.str();
}

ChromaAnswer ask_port(std::uint16_t port, const std::string& method, const std::string& target, const std::string& body)
{
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), port});
    std::ostringstream request;
    request << method << ' ' << target << " HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
            << "content-type: application/json\r\ncontent-length: " << body.size() << "\r\n\r\n"
            << body;
    asio::write(socket, asio::buffer(request.str()));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    const std::size_t head = answer.find("\r\n\r\n");
    if (end != asio::error::eof || head == std::string::npos)
        throw std::runtime_error("Chroma gave no whole answer to " + method + " " + target);
    // "HTTP/1.1 200 OK"
    return ChromaAnswer{std::stoi(answer.substr(answer.find(' ') + 1, 3)), answer.substr(head + 4)};
}

void require_success(const ChromaAnswer& answer, const std::string& what)
{
    if (answer.status != 200)
        throw std::runtime_error(what + " was answered with " + std::to_string(answer.status) + ": " + answer.body);
}

} // namespace

ChromaDatabase::ChromaDatabase() : port_(read_port()), tenant_(unique_name()), database_("database")
{
    require_success(ask_port(port_, "POST", "/api/v2/tenants", R"({"name":")" + tenant_ + R"("})"), "a new tenant");
    require_success(
        ask_port(port_, "POST", "/api/v2/tenants/" + tenant_ + "/databases", R"({"name":")" + database_ + R"("})"),
        "a new database");
}

ChromaDatabase::~ChromaDatabase()
{
    try {
        ask("DELETE", "");
    } catch (const std::exception& error) {
        std::cerr << "a test's database was not removed: " << error.what() << '\n';
    }
}

ChromaAnswer ChromaDatabase::ask(const std::string& method, const std::string& path, const std::string& body) const
{
    return ask_port(port_, method, base() + path, body);
}

std::string ChromaDatabase::base() const { return "/api/v2/tenants/" + tenant_ + "/databases/" + database_; }

std::filesystem::path chroma_program()
{
    const char* cache = std::getenv("XDG_CACHE_HOME");
    const char* home = std::getenv("HOME");
    std::filesystem::path folder =
        cache && *cache ? std::filesystem::path(cache) : std::filesystem::path(home ? home : "/") / ".cache";
    folder /= "whisperstore";
    folder /= "chroma-" WHISPERSTORE_CHROMA_VERSION;
    if (!std::filesystem::exists(folder / "complete"))
        throw std::runtime_error("there is no Chroma in " + folder.string() + ": run tools/test, which fetches it");
    return folder / "bin" / "chroma";
}

} // namespace whisperstore::test

#include "servers/redis_servers.hpp"

#include "support/child_process.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <netinet/tcp.h>
#include <sstream>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace whisperstore::test {

namespace {

void run_script(const std::vector<std::string>& arguments)
{
    std::vector<std::string> command{WHISPERSTORE_REDIS_SERVERS};
    command.insert(command.end(), arguments.begin(), arguments.end());
    ChildProcess script(command);
    script.read_rest(std::chrono::minutes(2));
    if (script.wait() != 0)
        throw std::runtime_error("tests/servers/redis " + arguments.front() + " failed; its message is above");
}

} // namespace

// ---- PlainRedis

PlainRedis::PlainRedis(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0))
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        ::close(socket_);
        throw std::runtime_error("no Redis server answers on port " + std::to_string(port));
    }
    const int yes = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

PlainRedis::~PlainRedis() { ::close(socket_); }

PlainAnswer PlainRedis::ask(const std::vector<std::string>& words)
{
    std::string request = "*";
    request.append(std::to_string(words.size())).append("\r\n");
    for (const std::string& word : words)
        request.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
    for (std::size_t sent = 0; sent < request.size();) {
        const ssize_t count = ::send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
        if (count <= 0)
            throw std::runtime_error("the Redis server closed the connection");
        sent += static_cast<std::size_t>(count);
    }
    PlainAnswer answer;
    read_reply(answer);
    return answer;
}

std::string PlainRedis::read_line()
{
    std::size_t end = 0;
    while ((end = read_.find("\r\n")) == std::string::npos) {
        std::string more(65536, '\0');
        const ssize_t count = ::recv(socket_, more.data(), more.size(), 0);
        if (count <= 0)
            throw std::runtime_error("the Redis server closed the connection");
        read_.append(more, 0, static_cast<std::size_t>(count));
    }
    std::string line = read_.substr(0, end);
    read_.erase(0, end + 2);
    return line;
}

std::string PlainRedis::read_bytes(std::size_t count)
{
    while (read_.size() < count + 2) {
        std::string more(65536, '\0');
        const ssize_t got = ::recv(socket_, more.data(), more.size(), 0);
        if (got <= 0)
            throw std::runtime_error("the Redis server closed the connection");
        read_.append(more, 0, static_cast<std::size_t>(got));
    }
    std::string bytes = read_.substr(0, count);
    read_.erase(0, count + 2);
    return bytes;
}

void PlainRedis::read_reply(PlainAnswer& into)
{
    const std::string line = read_line();
    const std::string rest = line.substr(1);
    switch (line.at(0)) {
    case '-':
        throw std::runtime_error(rest);
    case '$':
        into.push_back(rest == "-1" ? "(nil)" : read_bytes(std::stoul(rest)));
        return;
    case '*':
        for (long left = std::stol(rest); left > 0; --left)
            read_reply(into);
        return;
    default:
        into.push_back(rest);
    }
}

// ---- servers

const RedisServers& RedisServers::get()
{
    static const RedisServers servers = [] {
        const char* folder = std::getenv("WHISPERSTORE_TEST_REDIS");
        if (!folder)
            throw std::runtime_error("this test needs Redis servers: run it by ctest, or start some with "
                                     "tests/servers/redis start FOLDER and set WHISPERSTORE_TEST_REDIS=FOLDER");
        return RedisServers(folder);
    }();
    return servers;
}

RedisServers::RedisServers(std::filesystem::path folder) : folder_(std::move(folder))
{
    std::ifstream file(folder_ / "environment");
    if (!file.is_open())
        throw std::runtime_error("there is no " + (folder_ / "environment").string());
    for (std::string line; std::getline(file, line);) {
        const std::size_t equals = line.find('=');
        values_[line.substr(0, equals)] = line.substr(equals + 1);
    }
}

const std::string& RedisServers::value(const std::string& key) const { return values_.at(key); }

std::uint16_t RedisServers::port(const std::string& key) const
{
    return static_cast<std::uint16_t>(std::stoul(value(key)));
}

std::vector<std::uint16_t> RedisServers::cluster() const
{
    std::vector<std::uint16_t> ports;
    std::istringstream items(value("CLUSTER"));
    for (std::string item; std::getline(items, item, ',');)
        ports.push_back(static_cast<std::uint16_t>(std::stoul(item)));
    return ports;
}

CacheConfig RedisServers::single_config(CacheConfig config) const
{
    config.type = "redis";
    config.redis_host = "127.0.0.1";
    config.redis_port = single();
    config.redis_key_prefix = unique_prefix();
    return config;
}

CacheConfig RedisServers::cluster_config(CacheConfig config) const
{
    config.type = "redis_cluster";
    for (const std::uint16_t node : cluster())
        config.cluster_nodes.push_back(std::string("127.0.0.1:").append(std::to_string(node)));
    config.redis_key_prefix = unique_prefix();
    return config;
}

OwnRedisServers::OwnRedisServers(const std::vector<std::string>& what)
{
    std::vector<std::string> arguments{"start", (directory_ / "servers").string()};
    arguments.insert(arguments.end(), what.begin(), what.end());
    run_script(arguments);
    servers_ = std::make_unique<RedisServers>(directory_ / "servers");
}

OwnRedisServers::~OwnRedisServers()
{
    try {
        run_script({"stop", (directory_ / "servers").string()});
    } catch (const std::exception&) {
        // They are the script's to complain about; a destructor must not.
    }
}

void OwnRedisServers::kill(std::size_t node)
{
    run_script({"kill", (directory_ / "servers").string(), std::to_string(node)});
}

void OwnRedisServers::start(std::size_t node)
{
    run_script({"node", (directory_ / "servers").string(), std::to_string(node)});
}

void pass_redis_time(const std::vector<std::uint16_t>& ports, const std::string& prefix, std::int64_t milliseconds)
{
    // In one step for each server: nothing is half expired in between.
    static const std::string script = R"lua(
for _, key in ipairs(redis.call('KEYS', '{' .. ARGV[1] .. ':*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[2]) end
  if string.sub(key, -2) == '}e' then
    local entries = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #entries, 2 do redis.call('ZADD', key, entries[i + 1] - ARGV[2], entries[i]) end
  end
end
return 1)lua";
    for (const std::uint16_t port : ports) {
        PlainRedis redis(port);
        if (redis.value({"ROLE"}) == "master")
            redis.ask({"EVAL", script, "0", prefix, std::to_string(milliseconds)});
    }
}

std::string unique_prefix()
{
    static std::atomic<int> number{0};
    std::ostringstream prefix;
    prefix << "test-" << ::getpid() << '-' << std::chrono::system_clock::now().time_since_epoch().count() << '-'
           << ++number;
    return prefix.str();
}

} // namespace whisperstore::test

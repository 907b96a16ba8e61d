#pragma once
// The real Redis servers that tests/servers/redis starts: one set for a whole run of tests (the CTest fixture "redis"),
// and others of a test's own to break.

#include "support/test_directory.hpp"

#include <whisperstore/cache/cache_config.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace whisperstore::test {

/// An answer, flat: the elements of a list one after the other, numbers as text, null as "(nil)".
using PlainAnswer = std::vector<std::string>;

/// A connection to a Redis server by nothing but a socket: what a test looks at it with, and sets it up. Blocks.
class PlainRedis
{
public:
    explicit PlainRedis(std::uint16_t port);
    ~PlainRedis();
    PlainRedis(const PlainRedis&) = delete;
    PlainRedis& operator=(const PlainRedis&) = delete;

    /// \throws std::runtime_error with the server's error.
    PlainAnswer ask(const std::vector<std::string>& words);
    /// The first element of the answer.
    std::string value(const std::vector<std::string>& words) { return ask(words).at(0); }

private:
    void read_reply(PlainAnswer& into);
    std::string read_line();
    std::string read_bytes(std::size_t count);

    int socket_ = -1;
    std::string read_;
};

/// How to reach a set of servers.
class RedisServers
{
public:
    /// This run's, which live longer than the test: it uses a prefix of its own and changes no settings.
    /// \throws std::runtime_error saying how to start them when this test runs without.
    static const RedisServers& get();
    explicit RedisServers(std::filesystem::path folder);

    std::uint16_t single() const { return port("SINGLE"); }
    std::filesystem::path socket() const { return value("SOCKET"); }
    /// Takes TLS from those with a certificate of its authority, and a password; its name is localhost.
    std::uint16_t tls() const { return port("TLS"); }
    const std::string& password() const { return value("PASSWORD"); }
    std::filesystem::path authority() const { return value("AUTHORITY"); }
    std::filesystem::path certificate() const { return value("CERTIFICATE"); }
    std::filesystem::path key() const { return value("KEY"); }
    std::vector<std::uint16_t> cluster() const;

    /// A cache's configuration with a prefix that nobody else has.
    CacheConfig single_config(CacheConfig config = CacheConfig()) const;
    CacheConfig cluster_config(CacheConfig config = CacheConfig()) const;

private:
    const std::string& value(const std::string& key) const;
    std::uint16_t port(const std::string& key) const;

    std::filesystem::path folder_;
    std::map<std::string, std::string> values_;
};

/// Servers of a test's own.
class OwnRedisServers
{
public:
    /// \param what of tests/servers/redis: {"--single"}, {"--cluster", "6"}
    explicit OwnRedisServers(const std::vector<std::string>& what);
    ~OwnRedisServers();
    OwnRedisServers(const OwnRedisServers&) = delete;
    OwnRedisServers& operator=(const OwnRedisServers&) = delete;

    const RedisServers& servers() const { return *servers_; }
    /// SIGKILL for a node of the cluster.
    void kill(std::size_t node);
    void start(std::size_t node);

private:
    TestDirectory directory_;
    std::unique_ptr<RedisServers> servers_;
};

/// Of a cache with this prefix, on any of these servers: lets so many milliseconds pass for all that expires.
void pass_redis_time(const std::vector<std::uint16_t>& ports, const std::string& prefix, std::int64_t milliseconds);

/// Unused so far.
std::string unique_prefix();

} // namespace whisperstore::test

#pragma once
// A Redis server for measuring, or somebody's own.

#include <whisperstore/cache/cache_config.hpp>

#include <cstdint>
#include <filesystem>

namespace whisperstore::bench {

/// The server that WHISPERSTORE_BENCH_REDIS names (host:port, with nothing in it), or else one of its own: redis-server
/// on 127.0.0.1, which saves nothing. It ends with the object.
class RedisServer
{
public:
    explicit RedisServer(const std::filesystem::path& folder);
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    const std::string& host() const noexcept { return host_; }
    std::uint16_t port() const noexcept { return port_; }
    CacheConfig config() const;

private:
    std::string host_ = "127.0.0.1";
    std::uint16_t port_ = 0;
    std::filesystem::path folder_; // empty: somebody's own
};

} // namespace whisperstore::bench

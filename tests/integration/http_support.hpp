#pragma once
// Clients of the tests' servers.

#include "protocol/http/client.hpp"
#include "servers/chaos_proxy.hpp"
#include "servers/http_stub.hpp"
#include "support/run.hpp"

#include <string>
#include <vector>

namespace whisperstore::test {

inline http::ClientConfig client_config(std::vector<std::uint16_t> ports)
{
    http::ClientConfig config;
    config.backend = "stub";
    for (const std::uint16_t port : ports)
        config.nodes.push_back(HostPort{"127.0.0.1", port});
    return config;
}

inline http::Request request(std::string method, std::string target, std::string body = {},
                             http::Effect effect = http::Effect::read)
{
    http::Request out;
    out.method = std::move(method);
    out.target = std::move(target);
    out.body = std::move(body);
    out.effect = effect;
    return out;
}

/// A script that tells what it was asked.
inline StubAnswer echo(const StubRequest& seen)
{
    return StubAnswer{.body = seen.method + " " + seen.target + " " + seen.body};
}

inline std::size_t in_use(const http::Client& client)
{
    std::size_t all = 0;
    for (const http::NodeHealth& node : client.health())
        all += node.pool.in_use + node.pool.waiting;
    return all;
}

} // namespace whisperstore::test

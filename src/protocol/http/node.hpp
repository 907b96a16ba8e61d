#pragma once
// One server of several, as the client knows it.

#include "core/circuit_breaker.hpp"
#include "protocol/http/connection_pool.hpp"
#include "protocol/http/request_head.hpp"

#include <whisperstore/core/connection_url.hpp>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace whisperstore::http {

/// The attempts on one node that may be given up for another one. Thread safe.
class OpenAttempts
{
public:
    using Abandon = std::function<void(std::string reason)>;

    /// Keeps the attempt in the list while it lives.
    class Entry
    {
    public:
        Entry(OpenAttempts& attempts, Abandon abandon);
        ~Entry();
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

    private:
        OpenAttempts& attempts_;
        std::list<Abandon>::iterator place_;
    };

    void abandon_all(const std::string& reason);

private:
    std::mutex mutex_;
    std::list<Abandon> list_;
};

struct Node
{
    Node(HostPort where, const CircuitBreaker::Settings& breaker_settings, const PoolSettings& pool_settings)
        : address(std::move(where)),
          name(address.to_string()),
          breaker(breaker_settings),
          pool(std::make_shared<ConnectionPool>(pool_settings))
    {
    }
    const HostPort address;
    const std::string name;
    RequestFrame frame;
    CircuitBreaker breaker;
    const std::shared_ptr<ConnectionPool> pool;
    std::atomic<std::uint64_t> under_way{0}; ///< calls, those in line for a connection included
    std::atomic<std::uint64_t> served{0};    ///< calls that were answered
    std::atomic<std::uint64_t> sent_bytes{0};
    std::atomic<std::uint64_t> received_bytes{0};
    OpenAttempts attempts;
};

} // namespace whisperstore::http

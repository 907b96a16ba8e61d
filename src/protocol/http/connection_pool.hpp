#pragma once
// The connections to one node: so many at once, kept for the next caller.

#include "protocol/http/stream.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace whisperstore::http {

class ConnectionPool;

/// The right to one connection, given back when it goes. Keeps the pool alive.
class Lease
{
public:
    Lease() noexcept = default;
    explicit Lease(std::shared_ptr<ConnectionPool> pool) noexcept : pool_(std::move(pool)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&& other) noexcept;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { give_back(); }

    /// A connection that rests, if there is a usable one.
    std::optional<RestingConnection> take();
    /// Gives the lease back, and the connection with it.
    void keep(RestingConnection connection);
    void give_back() noexcept;
    explicit operator bool() const noexcept { return pool_ != nullptr; }

private:
    std::shared_ptr<ConnectionPool> pool_;
};

struct PoolSettings
{
    std::size_t connections = 16; ///< at once
    std::size_t waiting = 256;    ///< callers in line for one
    std::chrono::steady_clock::duration idle_limit = std::chrono::seconds(30);
};

/// What a pool holds right now.
struct PoolStats
{
    std::size_t in_use = 0;
    std::size_t resting = 0;
    std::size_t waiting = 0;
    std::uint64_t refused = 0; ///< callers that found the line full
};

/// Thread safe. First come, first served. Resting connections are used last in, first out, and those over their limit
/// closed whenever the pool is touched: it has no thread and no timer of its own.
class ConnectionPool : public std::enable_shared_from_this<ConnectionPool>
{
public:
    explicit ConnectionPool(PoolSettings settings) noexcept : settings_(settings) {}
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;

    /// Throws Failure no_room, and StorageError timeout or cancelled, from waiting in line.
    awaitable<Lease> acquire(OperationContext context);
    /// Closes what rests: the node was lost.
    void close_resting();
    /// And keeps nothing from now on.
    void close();
    PoolStats stats() const;

private:
    friend class Lease;
    class Waiter;
    class Membership;
    using Line = std::list<std::shared_ptr<Waiter>>;

    bool try_enter();
    void enlist(const std::shared_ptr<Waiter>& waiter);
    void forget(Waiter& waiter) noexcept;
    void release() noexcept;
    std::optional<RestingConnection> take();
    void keep(RestingConnection connection);
    /// Those over their limit, for the caller to close without the mutex.
    std::deque<RestingConnection> overdue(Time now);

    const PoolSettings settings_;
    mutable std::mutex mutex_; // of all below
    std::size_t in_use_ = 0;
    std::uint64_t refused_ = 0;
    bool closed_ = false;
    std::deque<RestingConnection> resting_; // the oldest first
    Line line_;
};

} // namespace whisperstore::http

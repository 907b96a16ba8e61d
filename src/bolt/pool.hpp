#pragma once
// The connections to one server: so many at most, kept for the next caller.

#include "bolt/connection.hpp"
#include "bolt/options.hpp"

#include <whisperstore/bolt/driver.hpp>
#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace whisperstore::bolt {

class Pool;

/// A connection for one caller alone, or first the right to one. Goes back with the object, cleaned up. Empty after a
/// move.
class Lease
{
public:
    Lease() noexcept = default;
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_))
    {
    }
    Lease& operator=(Lease&& other) noexcept;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { give_back(); }

    explicit operator bool() const noexcept { return connection_ != nullptr; }
    Connection& operator*() const noexcept { return *connection_; }
    Connection* operator->() const noexcept { return connection_.get(); }
    void give_back() noexcept;

private:
    friend class Pool;
    explicit Lease(std::shared_ptr<Pool> pool) noexcept : pool_(std::move(pool)) {}
    std::shared_ptr<Pool> pool_;
    std::unique_ptr<Connection> connection_;
};

/// Thread safe. First come, first served; the connection used last is used next, so that what is not needed grows old.
class Pool : public std::enable_shared_from_this<Pool>
{
public:
    Pool(std::shared_ptr<const Options> options, HostPort address) noexcept;
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// A resting connection that still stands, or a fresh one.
    /// \throws StorageError as Connection::open; resource_exhausted where none becomes free in time, or the line is
    /// full; closed.
    awaitable<Lease> acquire(OperationContext context);

    /// What rests is closed, what is in use when it comes back; who waits in line is told `closed`.
    void close();
    /// The same without an end: connections from now on are new.
    void renew();

    const HostPort& address() const noexcept { return address_; }
    std::size_t in_use() const noexcept { return in_use_.load(std::memory_order_relaxed); }
    ConnectionCounts counts() const;

private:
    friend class Lease;
    class Waiter;
    class Membership;
    using Line = std::list<std::shared_ptr<Waiter>>;

    awaitable<Lease> enter(OperationContext context);
    awaitable<bool> is_fit(Connection& connection, OperationContext context);
    bool try_enter();
    void enlist(const std::shared_ptr<Waiter>& waiter);
    void forget(Waiter& waiter) noexcept;
    void leave(std::unique_ptr<Connection> connection) noexcept;
    std::unique_ptr<Connection> take();

    const std::shared_ptr<const Options> options_;
    const HostPort address_;
    std::atomic<std::size_t> in_use_{0}; // changed under the lock
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> resting_; // the one that came last is the last
    Line line_;
    std::chrono::steady_clock::time_point renewed_{}; // connections opened before are not kept
    std::uint64_t opened_ = 0;
    bool closed_ = false;
};

} // namespace whisperstore::bolt

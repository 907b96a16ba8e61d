#include "protocol/http/connection_pool.hpp"

#include "core/job.hpp"
#include "protocol/http/failure.hpp"

#include <functional>
#include <string>

namespace whisperstore::http {

Lease& Lease::operator=(Lease&& other) noexcept
{
    if (this != &other) {
        give_back();
        pool_ = std::move(other.pool_);
    }
    return *this;
}

std::optional<RestingConnection> Lease::take() { return pool_->take(); }

void Lease::keep(RestingConnection connection)
{
    pool_->keep(std::move(connection));
    give_back();
}

void Lease::give_back() noexcept
{
    if (const auto pool = std::exchange(pool_, nullptr))
        pool->release();
}

/// Who waits in line. Holds the lease from the moment it is handed over until the coroutine takes it, so that it is not
/// lost when the coroutine never comes to that.
class ConnectionPool::Waiter final : public Job
{
public:
    /// False when it was cancelled or timed out meanwhile; then the lease is still the giver's.
    bool give(ConnectionPool& pool) noexcept
    {
        if (!begin())
            return false;
        lease = Lease(pool.shared_from_this());
        complete();
        return true;
    }

    Lease lease;
    Line::iterator position{};
    bool in_line = false;
};

/// Leaves the line however the coroutine ends.
class ConnectionPool::Membership
{
public:
    Membership(ConnectionPool& pool, Waiter& waiter) noexcept : pool_(pool), waiter_(waiter) {}
    ~Membership() { pool_.forget(waiter_); }
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

private:
    ConnectionPool& pool_;
    Waiter& waiter_;
};

awaitable<Lease> ConnectionPool::acquire(OperationContext context)
{
    const std::shared_ptr<ConnectionPool> self = shared_from_this();
    if (try_enter())
        co_return Lease(self);
    const auto waiter = std::make_shared<Waiter>();
    const Membership membership(*this, *waiter);
    bool full = false;
    std::function<void(std::shared_ptr<Job>)> submit = [this, waiter](const std::shared_ptr<Job>&) { enlist(waiter); };
    try {
        co_await Job::wait(waiter, std::move(submit), std::move(context));
    } catch (const StorageError& error) {
        if (waiter->abort_reason() != AbortReason::none)
            throw abort_error(waiter->abort_reason(),
                              "waiting for one of the " + std::to_string(settings_.connections) + " connections");
        full = error.errc() == StorageErrc::resource_exhausted;
        if (!full)
            throw;
    }
    if (full)
        throw Failure{FailureKind::no_room, std::to_string(settings_.connections) + " requests are under way and " +
                                                std::to_string(settings_.waiting) +
                                                " more wait, which is all the pool allows: try again later"};
    co_return std::move(waiter->lease);
}

bool ConnectionPool::try_enter()
{
    const std::lock_guard lock(mutex_);
    if (!line_.empty() || in_use_ >= settings_.connections)
        return false;
    ++in_use_;
    return true;
}

void ConnectionPool::enlist(const std::shared_ptr<Waiter>& waiter)
{
    {
        const std::lock_guard lock(mutex_);
        if (!line_.empty() || in_use_ >= settings_.connections) {
            if (line_.size() >= settings_.waiting) {
                ++refused_;
                throw StorageError(StorageErrc::resource_exhausted, "the line is full");
            }
            waiter->position = line_.insert(line_.end(), waiter);
            waiter->in_line = true;
            return;
        }
        ++in_use_; // one became free meanwhile
    }
    if (!waiter->give(*this))
        release();
}

void ConnectionPool::forget(Waiter& waiter) noexcept
{
    const std::lock_guard lock(mutex_);
    if (waiter.in_line)
        line_.erase(waiter.position);
    waiter.in_line = false;
}

void ConnectionPool::release() noexcept
{
    while (true) {
        std::shared_ptr<Waiter> next;
        {
            const std::lock_guard lock(mutex_);
            if (line_.empty()) {
                --in_use_;
                return;
            }
            next = std::move(line_.front());
            line_.pop_front();
            next->in_line = false;
        }
        if (next->give(*this))
            return;
    }
}

std::deque<RestingConnection> ConnectionPool::overdue(Time now)
{
    std::deque<RestingConnection> out;
    while (!resting_.empty() && now - resting_.front().since >= settings_.idle_limit) {
        out.push_back(std::move(resting_.front()));
        resting_.pop_front();
    }
    return out;
}

std::optional<RestingConnection> ConnectionPool::take()
{
    while (true) {
        std::deque<RestingConnection> closed;
        std::optional<RestingConnection> found;
        {
            const std::lock_guard lock(mutex_);
            closed = overdue(std::chrono::steady_clock::now());
            if (resting_.empty())
                return std::nullopt;
            found = std::move(resting_.back());
            resting_.pop_back();
        }
        if (found->is_usable())
            return found;
    }
}

void ConnectionPool::keep(RestingConnection connection)
{
    const Time now = std::chrono::steady_clock::now();
    connection.since = now;
    std::deque<RestingConnection> closed;
    const std::lock_guard lock(mutex_);
    closed = overdue(now);
    // A lease takes what rests before it opens another one, so there are never more connections than leases.
    if (!closed_ && resting_.size() < settings_.connections)
        resting_.push_back(std::move(connection));
}

void ConnectionPool::close_resting()
{
    std::deque<RestingConnection> closed;
    const std::lock_guard lock(mutex_);
    closed.swap(resting_);
}

void ConnectionPool::close()
{
    std::deque<RestingConnection> closed;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    closed.swap(resting_);
}

PoolStats ConnectionPool::stats() const
{
    const std::lock_guard lock(mutex_);
    return PoolStats{in_use_, resting_.size(), line_.size(), refused_};
}

} // namespace whisperstore::http

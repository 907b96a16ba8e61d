#include "bolt/pool.hpp"

#include "core/job.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>

namespace whisperstore::bolt {

namespace {

using Clock = std::chrono::steady_clock;

/// The same call may find room later.
StorageError no_room(std::string message)
{
    ErrorDetails details;
    details.retryable = true;
    return StorageError(StorageErrc::resource_exhausted, std::move(message), std::move(details));
}

StorageError closed_error() { return StorageError(StorageErrc::closed, "the Bolt driver was closed"); }

} // namespace

Lease& Lease::operator=(Lease&& other) noexcept
{
    if (this != &other) {
        give_back();
        pool_ = std::exchange(other.pool_, nullptr);
        connection_ = std::move(other.connection_);
    }
    return *this;
}

void Lease::give_back() noexcept
{
    if (const auto pool = std::exchange(pool_, nullptr))
        pool->leave(std::move(connection_));
    connection_.reset();
}

/// Who waits in line. Holds the lease from the moment it is handed over until the coroutine takes it, so that it is not
/// lost when the coroutine never comes to that.
class Pool::Waiter final : public Job
{
public:
    /// False when it was cancelled or timed out meanwhile; then the right is still the giver's.
    bool give(Pool& pool) noexcept
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
class Pool::Membership
{
public:
    Membership(Pool& pool, Waiter& waiter) noexcept : pool_(pool), waiter_(waiter) {}
    ~Membership() { pool_.forget(waiter_); }
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

private:
    Pool& pool_;
    Waiter& waiter_;
};

Pool::Pool(std::shared_ptr<const Options> options, HostPort address) noexcept
    : options_(std::move(options)), address_(std::move(address))
{
}

Pool::~Pool() = default;

awaitable<Lease> Pool::acquire(OperationContext context)
{
    const auto self = shared_from_this();
    Lease lease = co_await enter(context);
    while (auto resting = take()) {
        lease.connection_ = std::move(resting);
        const bool fit = co_await is_fit(*lease.connection_, context);
        if (fit)
            co_return lease;
        lease.connection_.reset();
    }
    lease.connection_ = co_await Connection::open(options_, address_, std::move(context));
    {
        const std::lock_guard lock(mutex_);
        ++opened_;
    }
    co_return lease;
}

/// Whether a connection that rested can be used.
awaitable<bool> Pool::is_fit(Connection& connection, OperationContext context)
{
    const auto now = Clock::now();
    if (now - connection.opened > options_->config.max_connection_lifetime || !connection.is_alive())
        co_return false;
    if (now - connection.rested < options_->config.liveness_check_after)
        co_return true;
    const OperationContext limited = context.limited_to(options_->config.connect_timeout);
    std::optional<StorageError> aborted;
    try {
        connection.reset();
        const Answer answer = co_await connection.answer(limited);
        co_return answer.kind == ResponseKind::success;
    } catch (const Lost&) {
        co_return false;
    } catch (const Malformed&) {
        co_return false;
    } catch (const StorageError& error) {
        aborted = error;
    }
    connection.give_up();
    if (aborted->errc() != StorageErrc::timeout || context.expired())
        throw StorageError(*aborted);
    co_return false;
}

awaitable<Lease> Pool::enter(OperationContext context)
{
    const auto self = shared_from_this();
    if (try_enter())
        co_return Lease(self);
    const auto waiter = std::make_shared<Waiter>();
    const Membership membership(*this, *waiter);
    std::function<void(std::shared_ptr<Job>)> submit = [this, waiter](const std::shared_ptr<Job>&) { enlist(waiter); };
    OperationContext limited = context.limited_to(options_->config.acquisition_timeout);
    bool late = false;
    try {
        co_await Job::wait(waiter, std::move(submit), std::move(limited));
    } catch (const StorageError&) {
        if (waiter->abort_reason() == AbortReason::none)
            throw;
        late = waiter->abort_reason() == AbortReason::timeout && !context.expired();
        if (!late)
            throw abort_error(waiter->abort_reason(), "waiting for one of the " +
                                                          std::to_string(options_->config.max_connection_pool_size) +
                                                          " connections to " + address_.to_string());
    }
    if (late)
        throw no_room("all " + std::to_string(options_->config.max_connection_pool_size) + " connections to " +
                      address_.to_string() +
                      " were in use for acquisition_timeout: finish results and transactions sooner, or raise "
                      "max_connection_pool_size");
    co_return std::move(waiter->lease);
}

bool Pool::try_enter()
{
    const std::lock_guard lock(mutex_);
    if (closed_)
        throw closed_error();
    if (!line_.empty() || in_use() >= options_->config.max_connection_pool_size)
        return false;
    in_use_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void Pool::enlist(const std::shared_ptr<Waiter>& waiter)
{
    {
        const std::lock_guard lock(mutex_);
        if (closed_)
            throw closed_error();
        if (!line_.empty() || in_use() >= options_->config.max_connection_pool_size) {
            if (line_.size() >= options_->config.max_waiting)
                throw no_room("all " + std::to_string(options_->config.max_connection_pool_size) + " connections to " +
                              address_.to_string() + " are in use and " + std::to_string(options_->config.max_waiting) +
                              " callers wait, which is all the pool allows: try again later");
            waiter->position = line_.insert(line_.end(), waiter);
            waiter->in_line = true;
            return;
        }
        in_use_.fetch_add(1, std::memory_order_relaxed); // one became free meanwhile
    }
    if (!waiter->give(*this))
        leave(nullptr);
}

void Pool::forget(Waiter& waiter) noexcept
{
    const std::lock_guard lock(mutex_);
    if (waiter.in_line)
        line_.erase(waiter.position);
    waiter.in_line = false;
}

void Pool::leave(std::unique_ptr<Connection> connection) noexcept
{
    if (connection && !connection->clean_up())
        connection.reset();
    bool rests = false;
    while (true) {
        std::shared_ptr<Waiter> next;
        {
            const std::lock_guard lock(mutex_);
            if (connection && !rests && !closed_ && connection->opened >= renewed_) {
                connection->rested = Clock::now();
                resting_.push_back(std::move(connection));
                rests = true;
            }
            if (line_.empty()) {
                in_use_.fetch_sub(1, std::memory_order_relaxed);
                break;
            }
            next = std::move(line_.front());
            line_.pop_front();
            next->in_line = false;
        }
        if (next->give(*this))
            break;
    }
}

std::unique_ptr<Connection> Pool::take()
{
    const std::lock_guard lock(mutex_);
    if (resting_.empty())
        return nullptr;
    // One that was cancelled may take its time to stop: others first, and a new one where there may be more.
    auto chosen = std::find_if(resting_.rbegin(), resting_.rend(),
                               [](const auto& connection) { return !connection->is_stopping(); });
    if (chosen == resting_.rend()) {
        const bool may_open = in_use() + resting_.size() <= options_->config.max_connection_pool_size;
        for (const auto& connection : resting_)
            static_cast<void>(connection->is_alive()); // takes in the answer, where it has come
        chosen = std::find_if(resting_.rbegin(), resting_.rend(),
                              [](const auto& connection) { return !connection->is_stopping(); });
        if (chosen == resting_.rend()) {
            if (may_open)
                return nullptr;
            chosen = resting_.rbegin();
        }
    }
    std::unique_ptr<Connection> out = std::move(*chosen);
    resting_.erase(std::next(chosen).base());
    return out;
}

void Pool::close()
{
    std::vector<std::unique_ptr<Connection>> ended;
    Line waiting;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        ended.swap(resting_);
        for (const auto& waiter : line_)
            waiter->in_line = false;
        waiting.swap(line_);
    }
    for (const auto& waiter : waiting)
        if (waiter->begin())
            waiter->complete(std::make_exception_ptr(closed_error()));
}

void Pool::renew()
{
    std::vector<std::unique_ptr<Connection>> ended;
    const std::lock_guard lock(mutex_);
    renewed_ = Clock::now();
    ended.swap(resting_);
}

ConnectionCounts Pool::counts() const
{
    const std::lock_guard lock(mutex_);
    return ConnectionCounts{address_, in_use(), resting_.size(), line_.size(), opened_};
}

} // namespace whisperstore::bolt

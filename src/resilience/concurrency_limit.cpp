#include "resilience/concurrency_limit.hpp"

#include "core/job.hpp"

#include <functional>
#include <string>

namespace whisperstore {

/// Who waits in line. Holds the place from the moment it is handed over until the coroutine takes
/// it, so that it is not lost when the coroutine never comes to that.
class ConcurrencyLimit::Waiter final : public Job
{
public:
    explicit Waiter(ConcurrencyLimit& limit) noexcept : limit_(limit) {}

    /// False when it was cancelled or timed out meanwhile; then the place is still the giver's.
    bool give() noexcept
    {
        if (!begin())
            return false;
        permit = Permit(limit_);
        complete();
        return true;
    }

    Permit permit;
    Line::iterator position{};
    bool in_line = false;

private:
    ConcurrencyLimit& limit_;
};

/// Leaves the line however the coroutine ends.
class ConcurrencyLimit::Membership
{
public:
    Membership(ConcurrencyLimit& limit, Waiter& waiter) noexcept : limit_(limit), waiter_(waiter) {}
    ~Membership() { limit_.forget(waiter_); }
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

private:
    ConcurrencyLimit& limit_;
    Waiter& waiter_;
};

awaitable<Permit> ConcurrencyLimit::acquire(OperationContext context)
{
    const auto waiter = std::make_shared<Waiter>(*this);
    const Membership membership(*this, *waiter);
    std::function<void(std::shared_ptr<Job>)> submit = [this, waiter](const std::shared_ptr<Job>&) { enlist(waiter); };
    try {
        co_await Job::wait(waiter, std::move(submit), std::move(context));
    } catch (const StorageError&) {
        if (waiter->abort_reason() == AbortReason::none)
            throw;
        throw abort_error(waiter->abort_reason(),
                          "waiting for one of the " + std::to_string(places_) + " places of the concurrency limit");
    }
    co_return std::move(waiter->permit);
}

void ConcurrencyLimit::enlist(const std::shared_ptr<Waiter>& waiter)
{
    bool free = false;
    {
        const std::lock_guard lock(mutex_);
        line_.push_back(waiter);
        std::uint64_t state = state_.load(std::memory_order_relaxed);
        while (true) {
            free = waiting(state) == 0 && used(state) < places_;
            if (!free && waiting(state) >= queue_) {
                line_.pop_back();
                refused_.fetch_add(1, std::memory_order_relaxed);
                throw StorageError(StorageErrc::resource_exhausted,
                                   std::to_string(places_) + " calls are under way and " + std::to_string(queue_) +
                                       " more wait, which is all the concurrency limit allows: try again later",
                                   ErrorDetails{{}, {}, {}, Outcome::not_applied, true});
            }
            if (state_.compare_exchange_weak(state, state + (free ? 1 : one_waiting), std::memory_order_acq_rel,
                                             std::memory_order_relaxed))
                break;
        }
        if (free) {
            line_.pop_back();
        } else {
            waiter->position = std::prev(line_.end());
            waiter->in_line = true;
        }
    }
    if (free && !waiter->give())
        release();
}

void ConcurrencyLimit::hand_over() noexcept
{
    while (true) {
        std::shared_ptr<Waiter> next;
        {
            const std::lock_guard lock(mutex_);
            if (line_.empty()) {
                state_.fetch_sub(1, std::memory_order_release);
                return;
            }
            next = std::move(line_.front());
            line_.pop_front();
            next->in_line = false;
            state_.fetch_sub(one_waiting, std::memory_order_acq_rel);
        }
        if (next->give())
            return;
    }
}

void ConcurrencyLimit::forget(Waiter& waiter) noexcept
{
    const std::lock_guard lock(mutex_);
    if (!waiter.in_line)
        return;
    line_.erase(waiter.position);
    waiter.in_line = false;
    state_.fetch_sub(one_waiting, std::memory_order_acq_rel);
}

} // namespace whisperstore

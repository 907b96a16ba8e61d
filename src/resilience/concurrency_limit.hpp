#pragma once
// So many calls in a backend at once; the others wait in a bounded line.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace whisperstore {

class ConcurrencyLimit;

/// One place in the backend, given back when it goes. Does not keep the limit alive.
class Permit
{
public:
    Permit() noexcept = default;
    explicit Permit(ConcurrencyLimit& limit) noexcept : limit_(&limit) {}
    Permit(Permit&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept
    {
        if (this != &other) {
            give_back();
            limit_ = std::exchange(other.limit_, nullptr);
        }
        return *this;
    }
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;
    ~Permit() { give_back(); }

    inline void give_back() noexcept;
    explicit operator bool() const noexcept { return limit_ != nullptr; }

private:
    ConcurrencyLimit* limit_ = nullptr;
};

/// Thread safe. First come, first served: while anybody waits, a place that becomes free goes to the
/// one who waits longest. Without waiting, taking and giving back is one atomic exchange each.
class ConcurrencyLimit
{
public:
    ConcurrencyLimit(std::uint32_t places, std::uint32_t queue) noexcept : places_(places), queue_(queue) {}
    ConcurrencyLimit(const ConcurrencyLimit&) = delete;
    ConcurrencyLimit& operator=(const ConcurrencyLimit&) = delete;

    /// A place if one is free and nobody waits, else an empty permit.
    Permit try_acquire() noexcept
    {
        std::uint64_t state = state_.load(std::memory_order_relaxed);
        while (waiting(state) == 0 && used(state) < places_)
            if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire, std::memory_order_relaxed))
                return Permit(*this);
        return Permit();
    }

    /// Waits for a place. The limit outlives the call.
    /// Throws StorageError: resource_exhausted when the line is full, timeout, cancelled.
    awaitable<Permit> acquire(OperationContext context);

    std::uint32_t places() const noexcept { return places_; }
    std::uint32_t in_use() const noexcept { return used(state_.load(std::memory_order_relaxed)); }
    std::uint32_t in_line() const noexcept { return waiting(state_.load(std::memory_order_relaxed)); }
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

private:
    friend class Permit;
    class Waiter;
    class Membership;
    using Line = std::list<std::shared_ptr<Waiter>>;

    // The places in use in the lower half, those who wait in the upper one. Those who wait are counted
    // under the mutex only, together with the line; who sees nobody waiting needs no mutex.
    static constexpr std::uint64_t one_waiting = std::uint64_t(1) << 32U;
    static std::uint32_t used(std::uint64_t state) noexcept { return static_cast<std::uint32_t>(state); }
    static std::uint32_t waiting(std::uint64_t state) noexcept { return static_cast<std::uint32_t>(state >> 32U); }

    void release() noexcept
    {
        std::uint64_t state = state_.load(std::memory_order_relaxed);
        while (waiting(state) == 0)
            if (state_.compare_exchange_weak(state, state - 1, std::memory_order_release, std::memory_order_relaxed))
                return;
        hand_over();
    }
    void hand_over() noexcept;
    void enlist(const std::shared_ptr<Waiter>& waiter);
    void forget(Waiter& waiter) noexcept;

    const std::uint32_t places_;
    const std::uint32_t queue_;
    std::atomic<std::uint64_t> state_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::mutex mutex_;
    Line line_;
};

inline void Permit::give_back() noexcept
{
    if (limit_)
        std::exchange(limit_, nullptr)->release();
}

} // namespace whisperstore

#pragma once
// Whether a component of a layer may be used, and since when it is as it is.

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/time.hpp>
#include <whisperstore/storage/health_report.hpp>

#include <atomic>
#include <exception>
#include <mutex>
#include <optional>

namespace whisperstore {

/// Thread safe. Asking whether an open gate is open takes no lock.
class ComponentGate
{
public:
    explicit ComponentGate(Availability availability, std::exception_ptr failure = nullptr);

    Availability availability() const noexcept { return availability_; }
    bool is_open() const noexcept { return open_.load(std::memory_order_acquire); }
    /// Throws what keeps the component from being used.
    void require() const
    {
        if (!is_open())
            refuse();
    }

    /// Whoever opens the component does it alone: false when somebody is at it.
    bool begin_opening() noexcept;
    /// Null: it is open now.
    void end_opening(std::exception_ptr failure) noexcept;
    /// It stays as it was.
    void give_up_opening() noexcept;
    /// What keeps it from being used; null when it is open.
    std::exception_ptr failure() const noexcept;

    /// Remembers a status that was seen and returns since when it has been that.
    Timestamp saw(HealthStatus status);

private:
    void refuse() const;

    const Availability availability_;
    std::atomic<bool> open_;
    mutable std::mutex mutex_; // of what follows
    std::exception_ptr failure_;
    bool opening_ = false;
    std::optional<HealthStatus> status_;
    Timestamp since_;
};

} // namespace whisperstore

#include "storage/component_gate.hpp"

#include <utility>

namespace whisperstore {

ComponentGate::ComponentGate(Availability availability, std::exception_ptr failure)
    : availability_(availability), open_(failure == nullptr), failure_(std::move(failure)), since_(now())
{
}

bool ComponentGate::begin_opening() noexcept
{
    const std::lock_guard lock(mutex_);
    return !std::exchange(opening_, true);
}

void ComponentGate::end_opening(std::exception_ptr failure) noexcept
{
    const std::lock_guard lock(mutex_);
    opening_ = false;
    failure_ = std::move(failure);
    open_.store(failure_ == nullptr, std::memory_order_release);
}

Timestamp ComponentGate::saw(HealthStatus status)
{
    const std::lock_guard lock(mutex_);
    if (status_ != status) {
        // What was down at the start has been since then.
        if (status_)
            since_ = now();
        status_ = status;
    }
    return since_;
}

void ComponentGate::give_up_opening() noexcept
{
    const std::lock_guard lock(mutex_);
    opening_ = false;
}

std::exception_ptr ComponentGate::failure() const noexcept
{
    const std::lock_guard lock(mutex_);
    return failure_;
}

void ComponentGate::refuse() const
{
    // It may have been opened meanwhile.
    if (const std::exception_ptr reason = failure())
        std::rethrow_exception(reason);
}

} // namespace whisperstore

#pragma once
// How many requests a second.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace whisperstore::serve {

/// A bucket that holds a second's worth. Thread safe.
class RequestRate
{
public:
    using Clock = std::chrono::steady_clock;

    /// \param per_second 0: no limit
    explicit RequestRate(std::uint32_t per_second) noexcept : rate_(per_second), left_(per_second) {}

    /// Takes one; false: there is none left.
    bool try_take(Clock::time_point now) noexcept
    {
        if (rate_ == 0)
            return true;
        const std::lock_guard lock(mutex_);
        const double elapsed = std::max(0.0, std::chrono::duration<double>(now - filled_).count());
        left_ = std::min<double>(rate_, left_ + elapsed * rate_);
        filled_ = std::max(filled_, now);
        if (left_ < 1)
            return false;
        left_ -= 1;
        return true;
    }

private:
    const std::uint32_t rate_;
    std::mutex mutex_;
    double left_;
    Clock::time_point filled_{};
};

} // namespace whisperstore::serve

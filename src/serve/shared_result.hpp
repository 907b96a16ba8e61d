#pragma once
// One collection for all who ask at once, and for those who ask soon after.

#include "core/failure.hpp"
#include "core/job.hpp"
#include "serve/activity.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace whisperstore::serve {

/// What `make` gives, or the StorageError it fails with, which is as good an answer for a while: a store that does not
/// answer is not asked again by everybody who waits. Thread safe.
template <typename T>
class SharedResult : public std::enable_shared_from_this<SharedResult<T>>
{
public:
    using Clock = std::chrono::steady_clock;
    using Make = std::function<awaitable<T>(OperationContext)>;

    SharedResult(const boost::asio::any_io_executor& executor, std::shared_ptr<Activity> activity,
                 std::chrono::milliseconds reuse, std::chrono::milliseconds limit, Make make)
        : strand_(boost::asio::make_strand(executor)),
          activity_(std::move(activity)),
          reuse_(reuse),
          limit_(limit),
          make_(std::move(make)),
          timer_(strand_)
    {
    }

    awaitable<std::shared_ptr<const T>> get()
    {
        // Nearly always: without a wait, and without what one costs.
        if (const std::optional<Outcome> known = recent())
            co_return value_of(*known);
        const auto outcome = std::make_shared<Outcome>();
        std::function<void(std::shared_ptr<Job>)> submit =
            [self = this->shared_from_this()](const std::shared_ptr<Job>& job) {
                self->join(std::static_pointer_cast<Waiting>(job));
            };
        auto waiting = std::make_shared<Waiting>(outcome);
        co_await Job::wait(std::move(waiting), std::move(submit), OperationContext());
        co_return value_of(*outcome);
    }

    /// Cancels what is under way; later calls fail with `closed`.
    void end()
    {
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        boost::asio::post(strand_, [self = this->shared_from_this()] {
            self->cancellation_.emit(boost::asio::cancellation_type::terminal);
        });
    }

private:
    struct Outcome
    {
        std::shared_ptr<const T> value;
        std::exception_ptr failure;
    };
    /// The outcome is apart from it: the coroutine that waits must not hold what holds it.
    struct Waiting : Job
    {
        explicit Waiting(std::shared_ptr<Outcome> place) : outcome(std::move(place)) {}
        const std::shared_ptr<Outcome> outcome;
    };

    static std::shared_ptr<const T> value_of(const Outcome& outcome)
    {
        if (outcome.failure)
            std::rethrow_exception(outcome.failure);
        return outcome.value;
    }

    std::optional<Outcome> recent()
    {
        const std::lock_guard lock(mutex_);
        if (ended_ || under_way_ || Clock::now() >= good_until_)
            return std::nullopt;
        return last_;
    }

    void join(const std::shared_ptr<Waiting>& waiting)
    {
        {
            const std::lock_guard lock(mutex_);
            if (!ended_ && (under_way_ || Clock::now() >= good_until_)) {
                waiting_.push_back(waiting);
                if (!std::exchange(under_way_, true))
                    begin();
                return;
            }
            if (ended_)
                waiting->outcome->failure =
                    std::make_exception_ptr(StorageError(StorageErrc::closed, "the monitoring server was stopped"));
            else
                *waiting->outcome = last_;
        }
        complete(waiting);
    }

    /// On the strand, where the cancellation signal is used.
    void begin()
    {
        auto part = std::make_shared<Activity::Part>(activity_->begin());
        boost::asio::post(strand_, [self = this->shared_from_this(), part] {
            self->watch();
            boost::asio::co_spawn(
                self->strand_, collect(self, std::move(*part)),
                boost::asio::bind_cancellation_slot(self->cancellation_.slot(), [](std::exception_ptr) {
                    // collect() has told everybody.
                }));
            if (self->has_ended())
                self->cancellation_.emit(boost::asio::cancellation_type::terminal);
        });
    }

    static awaitable<void> collect(std::shared_ptr<SharedResult> self, Activity::Part part)
    {
        const Activity::Part under_way = std::move(part);
        const auto begun = Clock::now();
        Outcome outcome;
        try {
            awaitable<T> making = self->make_(OperationContext::within(self->limit_));
            outcome.value = std::make_shared<const T>(co_await std::move(making));
        } catch (...) {
            outcome.failure = self->failure_of_current(begun);
        }
        self->timer_.cancel();
        ++self->flight_;
        std::vector<std::shared_ptr<Waiting>> waiting;
        {
            const std::lock_guard lock(self->mutex_);
            self->last_ = outcome;
            self->good_until_ = Clock::now() + self->reuse_;
            self->under_way_ = false;
            waiting.swap(self->waiting_);
        }
        for (const auto& one : waiting) {
            *one->outcome = outcome;
            complete(one);
        }
    }

    /// A source that does not mind its deadline is cancelled a little later.
    void watch()
    {
        timer_.expires_after(limit_ + limit_ / 10);
        timer_.async_wait([weak = this->weak_from_this(), flight = ++flight_](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self && flight == self->flight_)
                self->cancellation_.emit(boost::asio::cancellation_type::terminal);
        });
    }

    bool has_ended()
    {
        const std::lock_guard lock(mutex_);
        return ended_;
    }

    std::exception_ptr failure_of_current(Clock::time_point begun) const
    {
        try {
            rethrow_as_storage_error("storage", "serve");
        } catch (const StorageError& error) {
            if (error.errc() == StorageErrc::cancelled && Clock::now() - begun >= limit_)
                return std::make_exception_ptr(StorageError(
                    StorageErrc::timeout, "it did not come within " + std::to_string(limit_.count()) + " ms"));
            return std::current_exception();
        } catch (const std::exception& error) {
            return std::make_exception_ptr(StorageError(StorageErrc::unavailable, error.what()));
        }
    }

    static void complete(const std::shared_ptr<Waiting>& waiting)
    {
        if (waiting->begin())
            waiting->complete();
    }

    const boost::asio::strand<boost::asio::any_io_executor> strand_;
    const std::shared_ptr<Activity> activity_;
    const std::chrono::milliseconds reuse_;
    const std::chrono::milliseconds limit_;
    const Make make_;
    boost::asio::cancellation_signal cancellation_; // on the strand only
    boost::asio::steady_timer timer_;               // the same
    std::uint64_t flight_ = 0;                      // the same: which one the timer is for

    std::mutex mutex_; // of the following
    bool under_way_ = false;
    bool ended_ = false;
    Clock::time_point good_until_{};
    Outcome last_;
    std::vector<std::shared_ptr<Waiting>> waiting_;
};

} // namespace whisperstore::serve

#include "cache/bootstrap.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace whisperstore {

Bootstrap::Bootstrap(std::string channel_id, const asio::any_io_executor& executor)
    : channel_id_(std::move(channel_id)), strand_(asio::make_strand(executor))
{
}

void Bootstrap::start(awaitable<void> reading)
{
    const auto strand = this->strand();
    if (!strand)
        return;
    // Signals are not thread safe, and one that comes before the coroutine is lost: so both happen in
    // the strand, and a cancellation that was first is remembered.
    asio::post(*strand, [self = shared_from_this(), strand = *strand, reading = std::move(reading)]() mutable {
        if (self->cancelled_)
            return;
        auto done = asio::bind_cancellation_slot(self->signal_.slot(), [self](std::exception_ptr) {});
        asio::co_spawn(strand, std::move(reading), std::move(done));
    });
}

void Bootstrap::cancel()
{
    const auto strand = this->strand();
    if (!strand)
        return;
    asio::post(*strand, [self = shared_from_this()] {
        self->cancelled_ = true;
        self->signal_.emit(asio::cancellation_type::terminal);
    });
}

void Bootstrap::answer(Answer answer)
{
    {
        const std::lock_guard lock(mutex_);
        if (answer_)
            return;
        answer_ = std::move(answer);
    }
    answered->happen();
}

void Bootstrap::end()
{
    std::optional<Strand> released;
    {
        const std::lock_guard lock(mutex_);
        released.swap(strand_);
    }
    ended->happen();
}

Bootstrap::Answer Bootstrap::answer() const
{
    const std::lock_guard lock(mutex_);
    return answer_.value_or(Answer());
}

std::optional<Bootstrap::Strand> Bootstrap::strand() const
{
    const std::lock_guard lock(mutex_);
    return strand_;
}

} // namespace whisperstore

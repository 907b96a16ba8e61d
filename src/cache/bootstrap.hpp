#pragma once
// One read of a channel's history, which runs by itself and answers every caller that waits for it.

#include "cache/channel.hpp"
#include "cache/event.hpp"

#include <whisperstore/core/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/strand.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace whisperstore {

/// Thread safe.
class Bootstrap : public std::enable_shared_from_this<Bootstrap>
{
public:
    /// Neither messages nor an error: the read was given up, the callers ask again.
    struct Answer
    {
        std::shared_ptr<const Channel> messages = nullptr;
        std::optional<StorageError> error = std::nullopt;
    };

    /// The read will run in a strand of its own on `executor`.
    Bootstrap(std::string channel_id, const asio::any_io_executor& executor);

    const std::string& channel_id() const noexcept { return channel_id_; }

    /// Runs `reading`; drops it unstarted when cancel() came first.
    void start(awaitable<void> reading);
    /// Asks the read to stop.
    void cancel();

    /// Answers the callers; only the first answer counts.
    void answer(Answer answer);
    /// The read is over: an answer is due before this.
    void end();
    Answer answer() const;

    const std::shared_ptr<Event> answered = std::make_shared<Event>();
    const std::shared_ptr<Event> ended = std::make_shared<Event>();

private:
    using Strand = asio::strand<asio::any_io_executor>;
    std::optional<Strand> strand() const;

    const std::string channel_id_;
    mutable std::mutex mutex_;
    std::optional<Strand> strand_; // gone with the end: it must not outlive the caller's io_context
    std::optional<Answer> answer_;
    // In the strand only.
    asio::cancellation_signal signal_;
    bool cancelled_ = false;
};

} // namespace whisperstore

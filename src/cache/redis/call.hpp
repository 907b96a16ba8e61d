#pragma once
// One command under way, from the coroutine that waits for it to the connection that carries it.

#include "core/job.hpp"
#include "protocol/redis/reply.hpp"

#include <whisperstore/core/error.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::redis {

struct Script;

/// What is to be sent, and how it may be handled.
struct Command
{
    enum class Effect : std::uint8_t
    {
        read,
        repeatable_write, ///< a second time changes nothing, and answers the same
        write,            ///< whose answer tells something a second one would not
    };

    std::vector<std::string>
        words; ///< for a script: what follows EVALSHA and its hash: the number of keys, keys, arguments
    const Script* script = nullptr;
    std::uint16_t slot = 0;
    Effect effect = Effect::read;
    bool track = false;    ///< CLIENT CACHING YES before it
    std::string node = {}; ///< goes to this node of a cluster, whatever the slot
};

/// All but the constructor, Job's interface and `reply` after the end belongs to the loop's thread.
class Call : public Job
{
public:
    using Clock = std::chrono::steady_clock;

    explicit Call(Command what) : command(std::move(what)) {}

    const Command command;
    /// Sees the answer first, in the order of the answers and invalidations of its connection. Must be short.
    std::function<void(const Reply&)> observer;
    Reply reply;
    std::optional<StorageError> failure; ///< for those whom nobody waits for by itself
    std::function<void()> ended;         ///< the same

    /// \name Of the client's thread; the first of them counts, later ones change nothing
    ///@{
    /// It has its answer; complete() or complete_here() has to follow.
    void settle(Reply answer)
    {
        if (over_)
            return;
        reply = std::move(answer);
        end();
    }
    void succeed(Reply answer)
    {
        if (over_)
            return;
        settle(std::move(answer));
        complete();
    }
    void fail(const StorageError& error)
    {
        if (over_)
            return;
        failure = error;
        end();
        complete(std::make_exception_ptr(error));
    }
    ///@}
    bool over() const noexcept { return over_; }

    /// \name Of the client
    ///@{
    /// Of calls that no coroutine waits for: takes the place of what else happens at the end. Null: no answer.
    std::function<void(const Reply*)> internal;
    std::function<void(std::shared_ptr<Call>)> aborted; ///< thread safe
    Clock::time_point give_up_at{};
    bool sent = false;
    bool maybe_applied = false; ///< it was sent, and its answer was lost
    std::list<std::shared_ptr<Call>>::iterator place{};
    bool tracked = false;   ///< as it was sent last
    bool full_text = false; ///< of the script
    std::string ask_node = {};
    int redirections = 0;
    std::string last_failure = {};
    ///@}

private:
    void on_abort() noexcept override
    {
        if (aborted)
            aborted(std::static_pointer_cast<Call>(shared_from_this()));
    }
    void end()
    {
        over_ = true;
        observer = nullptr;
        if (ended)
            ended();
    }

    bool over_ = false;
};

} // namespace whisperstore::redis

#pragma once
// A connection to one Redis server, opened again when it breaks.

#include "cache/redis/call.hpp"
#include "cache/redis/options.hpp"
#include "core/event_loop.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore::redis {

/// Bytes of all connections to a server so far. Read by any thread.
struct Traffic
{
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> received{0};
};

/// Lives on the loop's thread; everything is called there.
class NodeConnection : public std::enable_shared_from_this<NodeConnection>
{
public:
    enum class State : std::uint8_t
    {
        connecting, ///< for the first time, or at once after a break
        ready,
        away, ///< the last attempt failed; the next comes by itself
        closed,
    };

    /// Who hears of it. Never called from inside a function of the connection.
    struct Events
    {
        std::function<void()> changed;                                    ///< state()
        std::function<void(std::shared_ptr<Call>, Reply)> answered;       ///< also with an error
        std::function<void(std::shared_ptr<Call>, bool sent)> unanswered; ///< the connection broke
        /// In the order of the answers; null: all of them. Channels' keys that were read with Call::track.
        std::function<void(const std::string* key)> invalidated;
    };

    NodeConnection(EventLoop& loop, std::shared_ptr<const Options> options, HostPort node, bool replica, Events events);
    ~NodeConnection();

    void start();
    void close();
    /// Takes it over: `answered` or `unanswered` follows flush(). Only while ready.
    void send(std::shared_ptr<Call> call);
    /// Sends all that was taken over together.
    void flush();

    State state() const noexcept;
    const std::string& name() const noexcept;
    const HostPort& node() const noexcept;
    /// Why it is away; a StorageError's code decides whether waiting may help.
    const StorageError& failure() const noexcept;
    std::uint64_t times_ready() const noexcept;
    std::shared_ptr<const Traffic> traffic() const noexcept;

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

} // namespace whisperstore::redis

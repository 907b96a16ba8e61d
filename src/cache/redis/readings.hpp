#pragma once
// The readings of cold channels' histories that this process does: one at a time per channel.

#include "cache/bootstrap.hpp"
#include "cache/channel.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::redis {

/// Who waits for a channel's history, and what a clear leaves to those who asked before it. Whether the history may be
/// filled in is decided by Redis. Thread safe.
class Readings
{
public:
    enum class Step : std::uint8_t
    {
        begin, ///< read, and wait for the answer
        join,  ///< wait for the answer, and leave() in the end
        again, ///< it cannot serve this caller: wait for its end and look again
    };
    struct Joined
    {
        Step step;
        std::shared_ptr<Bootstrap> bootstrap;
    };

    /// `counted` is called before anybody can see that this caller is waiting.
    Joined join(const std::string& channel, const asio::any_io_executor& executor,
                const std::function<void()>& counted);
    /// A caller that began or joined goes. When it was the last one the reading is stopped.
    void leave(const std::shared_ptr<Bootstrap>& bootstrap);

    /// Null: none.
    std::shared_ptr<Bootstrap> under_way(const std::string& channel);
    void added(const std::string& channel, const CachedMessage& message);
    void removed(const std::string& channel, std::int64_t message_id);
    /// `bootstrap`: the reading that was under way when the clear began, for another one may have begun after it.
    /// `held`: what the channel held.
    void cleared(const std::shared_ptr<Bootstrap>& bootstrap, Channel held);

    /// What is to be done with the history that came: it is for those who asked before a clear, and answers them
    /// (true); or it may be filled in.
    bool answer_forgotten(const std::shared_ptr<Bootstrap>& bootstrap, const std::vector<CachedMessage>& history);
    /// Neither answer nor error: the callers look again.
    void end(const std::shared_ptr<Bootstrap>& bootstrap, Bootstrap::Answer answer);

    /// Answers everybody with `closed`, asks the readings to stop, and returns them.
    std::vector<std::shared_ptr<Bootstrap>> close();

private:
    struct Reading
    {
        std::shared_ptr<Bootstrap> bootstrap;
        std::size_t callers = 0;
        bool given_up = false;
        bool outdated = false; ///< Redis may have answered it before a write that is known to its caller by now
        std::optional<Channel> forgotten = std::nullopt;
    };
    Reading* find(const std::string& channel);

    std::mutex mutex_;
    boost::unordered_flat_map<std::string, Reading> readings_;
    std::atomic<std::size_t> under_way_{0}; // so that writes need no lock while there are none
};

} // namespace whisperstore::redis

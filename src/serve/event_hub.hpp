#pragma once
// Metrics and health as events, for all who read them.

#include "serve/told.hpp"

#include <boost/asio/steady_timer.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::serve {

/// One server-sent event with its id, as bytes.
struct Event
{
    std::uint64_t number = 0;
    std::shared_ptr<const std::string> text;
};

/// Collects while somebody reads, and keeps the last few events: what a reader has not got lies here, once for all of
/// them. Thread safe.
class EventHub : public std::enable_shared_from_this<EventHub>
{
public:
    EventHub(const boost::asio::any_io_executor& executor, std::shared_ptr<Activity> activity,
             std::shared_ptr<Told> told, const ServeConfig& config);

    /// A reader's place in the line of events.
    class Subscription
    {
    public:
        ~Subscription();
        Subscription(const Subscription&) = delete;
        Subscription& operator=(const Subscription&) = delete;
        /// The next event for it; nothing: it has them all.
        std::optional<Event> next();

    private:
        friend class EventHub;
        explicit Subscription(std::shared_ptr<EventHub> hub) : hub_(std::move(hub)) {}
        std::shared_ptr<EventHub> hub_;
        std::list<std::function<void()>>::iterator place_;
        std::uint64_t seen_ = 0;
        bool is_new_ = true; // wants the last event of each kind before those to come
    };

    /// \param last_event_id what the reader had last: events since then come first, as far as they are kept
    /// \param wake called from any thread when there is a new event
    /// \returns nothing when all places are taken, or after end()
    std::unique_ptr<Subscription> subscribe(std::string_view last_event_id, std::function<void()> wake);
    std::size_t subscribers() const;
    void end();

private:
    enum Kind : std::size_t
    {
        metrics,
        health
    };
    static awaitable<void> run(std::shared_ptr<EventHub> self, Activity::Part part);
    awaitable<void> look(bool is_due, std::string& statuses);
    void publish(Kind kind, std::string_view data);
    void begin();
    bool is_wanted();
    void stopped();
    std::optional<Event> next(Subscription& subscription);

    const boost::asio::strand<boost::asio::any_io_executor> strand_;
    const std::shared_ptr<Activity> activity_;
    const std::shared_ptr<Told> told_;
    const std::size_t most_;
    const std::chrono::milliseconds interval_;
    const std::chrono::milliseconds health_interval_;
    const std::string epoch_;         ///< tells this server's ids from those of one before it
    boost::asio::steady_timer timer_; // on the strand

    mutable std::mutex mutex_; // of the following
    std::list<std::function<void()>> readers_;
    std::deque<Event> kept_;
    std::array<Event, 2> latest_; // by kind; empty: none since somebody reads
    std::uint64_t last_number_ = 0;
    bool running_ = false;
    bool ended_ = false;
};

} // namespace whisperstore::serve

#pragma once
// One client.

#include "serve/answer.hpp"
#include "serve/event_hub.hpp"
#include "serve/request_rate.hpp"
#include "serve/request_reader.hpp"
#include "serve/router.hpp"
#include "serve/told.hpp"

#include <whisperstore/core/log.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore::serve {

struct Counters
{
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> connections_refused{0};
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> rate_limited{0};
    std::atomic<std::uint64_t> unauthorized{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> dropped{0};
};

/// What all connections of a server share.
struct Shared
{
    Shared(const boost::asio::any_io_executor& executor, const std::shared_ptr<MonitoringSource>& source,
           const ServeConfig& configuration, AccessRules access)
        : config(configuration),
          rules(std::move(access)),
          told(std::make_shared<Told>(executor, activity, config, source)),
          events(std::make_shared<EventHub>(executor, activity, told, config)),
          rate(config.requests_per_second)
    {
    }
    const ServeConfig config;
    const AccessRules rules;
    const std::shared_ptr<Activity> activity = std::make_shared<Activity>();
    const std::shared_ptr<Told> told;
    const std::shared_ptr<EventHub> events;
    RequestRate rate;
    Counters counters;
    const Answer index = index_answer();
    const Answer live = json_answer(200, json::object{{"status", "ok"}});
};

/// Answers the requests of one client, on one strand.
class Connection : public std::enable_shared_from_this<Connection>
{
public:
    /// \param socket on a strand
    Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<Shared> shared);

    boost::asio::any_io_executor executor() { return socket_.get_executor(); }

    /// Until the client or the server has enough.
    static awaitable<void> run(std::shared_ptr<Connection> self);
    /// Tells the client that there is no place for it.
    static awaitable<void> turn_away(std::shared_ptr<Connection> self);

    /// Any thread: no further request; a resting connection and a stream of events end.
    void finish();
    /// Any thread: at once.
    void close();

private:
    enum class Next
    {
        request,
        refusal,
        gone, ///< the client, or the server does not want to wait longer
    };
    awaitable<Next> next_request(RequestReader& reader);
    awaitable<bool> read(RequestReader& reader);
    /// False: the connection ends.
    awaitable<bool> respond(const RequestHead& request);
    awaitable<Answer> answer_of(Route route);
    awaitable<bool> send(const Answer& answer, bool close, bool with_body);
    awaitable<bool> write(std::string_view head, std::string_view body);
    awaitable<void> stream_events(const RequestHead& request);
    awaitable<void> send_events(EventHub::Subscription& subscription);
    awaitable<void> linger();
    void count(const Answer& answer);
    void wake();
    /// What begins now may take so long; then it is cancelled, and late_ set.
    void allow(std::chrono::milliseconds time);
    /// It has ended: no limit any more.
    void rest() noexcept;
    void watch();
    void end();

    const std::shared_ptr<Shared> shared_;
    boost::asio::ip::tcp::socket socket_;
    boost::asio::steady_timer watch_; // looks at deadline_ now and then: setting that one is all most requests cost
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
    boost::asio::steady_timer wake_; // of a stream of events
    std::array<char, 4096> input_{};
    bool late_ = false;
    bool finishing_ = false;
    bool has_answered_ = false;
    bool resting_ = false; // between two requests
    bool gone_ = false;    // a reader of events
};

} // namespace whisperstore::serve

#include "serve/connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace whisperstore::serve {

namespace {

using Clock = std::chrono::steady_clock;
using boost::system::error_code;

constexpr std::chrono::milliseconds longest_linger{500};
constexpr std::size_t most_lingered = 64 * 1024;

constexpr std::string_view first_lines = "retry: 3000\n\n"; // milliseconds until a reader connects again
constexpr std::string_view keep_alive_lines = ": still here\n\n";

std::string_view text_of(const std::shared_ptr<const std::string>& text)
{
    return text ? std::string_view(*text) : std::string_view();
}

Answer text_answer(int status, std::string_view type, std::shared_ptr<const std::string> body)
{
    Answer answer;
    answer.status = status;
    answer.content_type = type;
    answer.body = std::move(body);
    return answer;
}

} // namespace

Connection::Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<Shared> shared)
    : shared_(std::move(shared)),
      socket_(std::move(socket)),
      watch_(socket_.get_executor(), std::chrono::steady_clock::time_point::max()),
      wake_(socket_.get_executor())
{
}

void Connection::finish()
{
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->finishing_ = true;
        if (self->resting_ && self->socket_.is_open())
            self->socket_.cancel();
        self->wake_.cancel();
    });
}

void Connection::close()
{
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->finishing_ = true;
        self->end();
    });
}

void Connection::end()
{
    error_code ignored; // it is gone in any case
    socket_.close(ignored);
    watch_.cancel();
    wake_.cancel();
}

void Connection::allow(std::chrono::milliseconds time)
{
    late_ = false;
    deadline_ = Clock::now() + time;
    if (deadline_ < watch_.expiry())
        watch();
}

void Connection::rest() noexcept { deadline_ = Clock::time_point::max(); }

void Connection::watch()
{
    watch_.expires_at(deadline_);
    watch_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (error || !self || !self->socket_.is_open())
            return;
        if (Clock::now() < self->deadline_) {
            self->watch();
            return;
        }
        self->late_ = true;
        self->rest();
        self->watch_.expires_at(self->deadline_);
        self->socket_.cancel();
    });
}

void Connection::wake()
{
    // Posted, and to the strand: whoever looked for events in vain waits by then.
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] { self->wake_.cancel(); });
}

awaitable<void> Connection::run(std::shared_ptr<Connection> self)
{
    RequestReader reader(self->shared_->config.head_limit);
    while (true) {
        const Next next = co_await self->next_request(reader);
        if (next == Next::gone)
            break;
        if (next == Next::refusal) {
            const Answer answer = refusal_answer(reader.refusal());
            co_await self->send(answer, true, true);
            co_await self->linger();
            break;
        }
        const bool goes_on = co_await self->respond(reader.request());
        if (!goes_on) {
            co_await self->linger();
            break;
        }
        self->has_answered_ = true;
        reader.next();
    }
    self->end();
}

awaitable<void> Connection::turn_away(std::shared_ptr<Connection> self)
{
    const Answer answer = refusal_answer(Refusal{503, "all " + std::to_string(self->shared_->config.max_connections) +
                                                          " connections are taken; try again later"});
    co_await self->send(answer, true, true);
    co_await self->linger();
    self->end();
}

awaitable<Connection::Next> Connection::next_request(RequestReader& reader)
{
    // A client that has said nothing yet has as long for its first word as for its first request.
    bool has_begun = !reader.is_empty();
    allow(has_begun || !has_answered_ ? shared_->config.head_timeout : shared_->config.idle_timeout);
    while (reader.state() == RequestReader::State::incomplete) {
        resting_ = reader.is_empty();
        if (finishing_ && resting_)
            co_return Next::gone;
        if (!resting_ && !std::exchange(has_begun, true))
            allow(shared_->config.head_timeout);
        const bool came = co_await read(reader);
        if (came)
            continue;
        if (reader.is_empty() || !late_)
            co_return Next::gone;
        const Answer answer =
            refusal_answer(Refusal{408, "the head of the request did not come within " +
                                            std::to_string(shared_->config.head_timeout.count()) + " ms"});
        co_await send(answer, true, true);
        co_await linger();
        co_return Next::gone;
    }
    resting_ = false;
    rest();
    if (reader.state() == RequestReader::State::refused)
        co_return Next::refusal;
    co_return Next::request;
}

/// False: nothing came in time, or the connection broke; the end of what the client sends counts as read.
awaitable<bool> Connection::read(RequestReader& reader)
{
    const auto buffer = boost::asio::buffer(input_);
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    const auto [error, size] = co_await socket_.async_read_some(buffer, token);
    if (!error) {
        reader.feed(std::string_view(input_.data(), size));
        co_return true;
    }
    if (error != boost::asio::error::eof || reader.is_empty())
        co_return false;
    co_return reader.finish() == RequestReader::State::refused;
}

awaitable<bool> Connection::respond(const RequestHead& request)
{
    ++shared_->counters.requests;
    const bool has_body = request.method != "HEAD";
    const bool close = !request.keep_alive || finishing_;
    const Decision decision = decide(request, shared_->rules);
    const bool is_probe = decision.route == Route::live; // a flood must not look like a dead process
    std::optional<Answer> refused;
    if (!is_probe && !shared_->rate.try_take(Clock::now()))
        refused = refusal_answer(Refusal{429, "more than " + std::to_string(shared_->config.requests_per_second) +
                                                  " requests in a second; try again later"});
    else if (!decision.route)
        refused = refusal_answer(decision.refusal);
    if (refused) {
        const bool sent = co_await send(*refused, close, has_body);
        co_return sent && !close;
    }
    if (*decision.route == Route::api_events && has_body) {
        co_await stream_events(request);
        co_return false;
    }
    const Answer answer = co_await answer_of(*decision.route);
    const bool closes = close || finishing_;
    const bool sent = co_await send(answer, closes, has_body);
    co_return sent && !closes;
}

awaitable<Answer> Connection::answer_of(Route route)
{
    const Told& told = *shared_->told;
    try {
        switch (route) {
        case Route::index:
            co_return shared_->index;
        case Route::live:
            co_return shared_->live;
        case Route::api_events: // of a HEAD
            co_return text_answer(200, event_type, nullptr);
        case Route::ready: {
            const std::shared_ptr<const HealthTold> health = co_await told.health->get();
            Answer answer = text_answer(health->ready ? 200 : 503, json_type, health->body);
            answer.retry_after = health->ready ? 0 : 1;
            co_return answer;
        }
        case Route::metrics: {
            const std::shared_ptr<const TextTold> text = co_await told.metrics_text->get();
            co_return text_answer(200, text_type, *text);
        }
        case Route::api_metrics: {
            const std::shared_ptr<const TextTold> text = co_await told.metrics->get();
            co_return text_answer(200, json_type, *text);
        }
        case Route::api_config: {
            const std::shared_ptr<const TextTold> text = co_await told.configuration->get();
            co_return text_answer(200, json_type, *text);
        }
        }
    } catch (const StorageError& error) {
        co_return failure_answer(error);
    }
    co_return refusal_answer(Refusal{404, "there is nothing at this path"});
}

void Connection::count(const Answer& answer)
{
    Counters& counters = shared_->counters;
    if (answer.status >= 400 && answer.status < 500)
        ++counters.refused;
    if (answer.status >= 500)
        ++counters.failed;
    if (answer.status == 429)
        ++counters.rate_limited;
    if (answer.status == 401)
        ++counters.unauthorized;
}

awaitable<bool> Connection::send(const Answer& answer, bool close, bool with_body)
{
    count(answer);
    const bool has_length = answer.content_type != event_type;
    const std::string head = answer_head(answer, close, has_length, std::chrono::system_clock::now());
    const std::string_view body = with_body ? text_of(answer.body) : std::string_view();
    co_return co_await write(head, body);
}

awaitable<bool> Connection::write(std::string_view head, std::string_view body)
{
    allow(shared_->config.write_timeout);
    const std::array<boost::asio::const_buffer, 2> buffers = {boost::asio::buffer(head), boost::asio::buffer(body)};
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    const auto [error, size] = co_await boost::asio::async_write(socket_, buffers, token);
    rest();
    if (error && late_)
        ++shared_->counters.dropped;
    co_return !error;
}

awaitable<void> Connection::stream_events(const RequestHead& request)
{
    // The reader's place goes before its connection does.
    std::function<void()> on_event = [self = weak_from_this()] {
        if (const auto alive = self.lock())
            alive->wake();
    };
    const std::unique_ptr<EventHub::Subscription> subscription =
        shared_->events->subscribe(request.last_event_id, std::move(on_event));
    if (!subscription) {
        const Answer answer =
            refusal_answer(Refusal{503, "all " + std::to_string(shared_->config.max_subscribers) +
                                            " places for readers of events are taken; try again later"});
        co_await send(answer, true, true);
        co_return;
    }
    const Answer answer = text_answer(200, event_type, nullptr);
    const std::string head = answer_head(answer, true, false, std::chrono::system_clock::now());
    const bool sent = co_await write(head, first_lines);
    if (!sent)
        co_return;
    // A reader has nothing to say: whatever comes is its end.
    auto on_readable = [self = shared_from_this()](const error_code&) {
        self->gone_ = true;
        self->wake_.cancel();
    };
    socket_.async_wait(boost::asio::socket_base::wait_read,
                       boost::asio::bind_executor(socket_.get_executor(), std::move(on_readable)));
    co_await send_events(*subscription);
    if (socket_.is_open())
        socket_.cancel();
}

awaitable<void> Connection::send_events(EventHub::Subscription& subscription)
{
    auto last_word = Clock::now();
    while (!gone_ && !finishing_) {
        const std::optional<Event> event = subscription.next();
        const auto silent_until = last_word + shared_->config.keep_alive;
        if (!event && Clock::now() < silent_until) {
            wake_.expires_at(silent_until);
            error_code woken; // the loop looks why
            auto token = boost::asio::redirect_error(boost::asio::use_awaitable, woken);
            co_await wake_.async_wait(token);
            continue;
        }
        const std::string_view text = event ? std::string_view(*event->text) : keep_alive_lines;
        const bool sent = co_await write(text, std::string_view());
        if (!sent)
            co_return;
        last_word = Clock::now();
    }
}

/// Closing while the client still sends would reset the connection, and it might never see its answer.
awaitable<void> Connection::linger()
{
    error_code ignored; // the connection ends in any case
    socket_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
    if (ignored)
        co_return;
    allow(longest_linger);
    const auto buffer = boost::asio::buffer(input_);
    for (std::size_t read = 0; read < most_lingered;) {
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        const auto [error, size] = co_await socket_.async_read_some(buffer, token);
        if (error)
            co_return;
        read += size;
    }
}

} // namespace whisperstore::serve

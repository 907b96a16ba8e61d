#include "bolt/connection.hpp"

#include "protocol/bolt/server_error.hpp"
#include "protocol/bolt/version.hpp"
#include "protocol/http/endpoint_lookup.hpp"
#include "protocol/http/failure.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <vector>

namespace whisperstore::bolt {

namespace {

using asio::ip::tcp;
using Clock = OperationContext::Clock;

/// The system's look-up wants a strand and a coroutine that cancellation does not end by itself.
awaitable<std::vector<tcp::endpoint>> look_up(HostPort address, Clock::time_point deadline)
{
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    std::optional<http::Failure> failure;
    std::vector<tcp::endpoint> found;
    try {
        found = co_await http::addresses_of(address, deadline);
    } catch (http::Failure& caught) {
        failure = std::move(caught);
    }
    if (!failure)
        co_return found;
    if (failure->kind == http::FailureKind::cancelled)
        throw StorageError(StorageErrc::cancelled, failure->text);
    if (failure->kind == http::FailureKind::timed_out)
        throw StorageError(StorageErrc::timeout, failure->text);
    throw Lost{failure->text};
}

awaitable<std::vector<tcp::endpoint>> endpoints_of(HostPort address, Clock::time_point deadline)
{
    boost::system::error_code no_address;
    const auto literal = asio::ip::make_address(address.host, no_address);
    if (!no_address) {
        std::vector<tcp::endpoint> one(1, tcp::endpoint(literal, *address.port));
        co_return one;
    }
    const auto executor = co_await asio::this_coro::executor;
    auto strand = asio::make_strand(executor);
    auto work = look_up(std::move(address), deadline);
    std::vector<tcp::endpoint> found = co_await asio::co_spawn(strand, std::move(work), asio::use_awaitable);
    co_return found;
}

/// Each address in turn; what is left of the time is shared among those that are left.
awaitable<std::shared_ptr<Wire>> connect(const Options& options, HostPort address, OperationContext context)
{
    const std::vector<tcp::endpoint> endpoints = co_await endpoints_of(address, *context.deadline);
    Lost last{"the name " + address.host + " has no address"};
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        const auto left = *context.deadline - Clock::now();
        OperationContext share = context.limited_to(left / static_cast<int>(endpoints.size() - i));
        std::shared_ptr<Wire> wire;
        std::optional<StorageError> aborted;
        try {
            wire = co_await Wire::connect(endpoints[i], options.config.max_message_size, share);
            if (options.tls) {
                auto session = std::make_unique<http::TlsSession>(*options.tls, address.host);
                co_await wire->start_tls(std::move(session), context);
            }
            co_return wire;
        } catch (const Lost& lost) {
            last = lost;
        } catch (const http::Failure& failure) {
            last = Lost{failure.text, failure.kind == http::FailureKind::untrusted};
        } catch (const StorageError& error) {
            aborted = error;
        }
        if (aborted && (aborted->errc() != StorageErrc::timeout || context.expired()))
            throw StorageError(*aborted);
        if (aborted)
            last = Lost{"cannot connect in time"};
    }
    throw Lost(last);
}

std::string at(const HostPort& address) { return " (" + address.to_string() + ")"; }

} // namespace

StorageError lost_error(const Lost& lost, const HostPort& address, Outcome outcome)
{
    ErrorDetails details;
    details.outcome = outcome;
    if (outcome == Outcome::unknown)
        return StorageError(StorageErrc::outcome_unknown,
                            lost.reason + at(address) +
                                "; the request was sent, whether it was done is not known: look before doing it again",
                            std::move(details));
    details.retryable = !lost.untrusted;
    return StorageError(StorageErrc::unavailable, lost.reason + at(address), std::move(details));
}

StorageError malformed_error(const Malformed& malformed, const HostPort& address, Outcome outcome)
{
    ErrorDetails details;
    details.outcome = outcome;
    return StorageError(outcome == Outcome::unknown ? StorageErrc::outcome_unknown : StorageErrc::unavailable,
                        malformed.text + at(address), std::move(details));
}

Connection::Connection(std::shared_ptr<const Options> options, HostPort address, std::shared_ptr<Wire> wire) noexcept
    : options_(std::move(options)), address_(std::move(address)), wire_(std::move(wire))
{
}

Connection::~Connection()
{
    if (broken_ || !conversation_.may_send(RequestKind::goodbye))
        return;
    try {
        writer().goodbye();
        wire_->send_now();
    } catch (...) {
        broken_ = true; // it goes without a word
    }
}

awaitable<std::unique_ptr<Connection>> Connection::open(std::shared_ptr<const Options> options, HostPort address,
                                                        OperationContext context)
{
    const OperationContext limited = context.limited_to(options->config.connect_timeout);
    std::optional<StorageError> failure;
    try {
        std::shared_ptr<Wire> wire = co_await connect(*options, address, limited);
        auto connection = std::make_unique<Connection>(options, address, std::move(wire));
        co_await connection->shake_hands(limited);
        co_await connection->log_on(limited);
        co_return connection;
    } catch (const Lost& lost) {
        failure = lost_error(lost, address, Outcome::not_applied);
    } catch (const Malformed& malformed) {
        failure = malformed_error(malformed, address, Outcome::not_applied);
    } catch (const StorageError& error) {
        failure = error;
    }
    // The time of connecting is ours, not the caller's: another server may do better.
    if (failure->errc() == StorageErrc::timeout && !context.expired())
        failure = lost_error(Lost{"the server did not answer within connect_timeout (" +
                                  std::to_string(options->config.connect_timeout.count()) + " ms)"},
                             address, Outcome::not_applied);
    throw StorageError(*failure);
}

awaitable<void> Connection::shake_hands(OperationContext context)
{
    wire_->output() += opening();
    Handshake handshake;
    Goal more{Goal::Kind::bytes, 4};
    while (true) {
        co_await wire_->until(more, context);
        if (handshake.read(wire_->reader().raw()) == Handshake::Step::done)
            break;
        more.count = wire_->reader().raw().size() + 1;
    }
    wire_->reader().skip(handshake.used());
    wire_->output() += handshake.reply();
    conversation_version_ = handshake.version();
    conversation_ = Conversation(conversation_version_);
    dialect_.element_ids = dialect_.utc_times = conversation_version_ >= bolt::Version{5, 0};
}

awaitable<void> Connection::log_on(OperationContext context)
{
    RoutingContext routing;
    if (options_->routes) {
        routing = options_->query;
        routing.emplace_back("address", address_.to_string());
    }
    writer().hello(options_->config.user_agent, options_->config.auth, options_->routes ? &routing : nullptr);
    conversation_.sent(RequestKind::hello);
    const bool separately = conversation_version_ >= bolt::Version{5, 1};
    if (separately) {
        writer().logon(options_->config.auth);
        conversation_.sent(RequestKind::logon);
    }
    while (conversation_.pending() > 0) {
        const Answer answer = co_await this->answer(context);
        if (answer.kind == ResponseKind::failure)
            throw server_error(read_failure(answer.metadata), answer.request);
        if (answer.request == RequestKind::hello)
            greeting_ = read_greeting(answer.metadata);
    }
    dialect_.utc_times = dialect_.utc_times || greeting_.utc_times;
    ServerInfo info{address_, greeting_.agent, conversation_version_.to_string()};
    info_ = std::make_shared<const ServerInfo>(std::move(info));
    if (greeting_.receive_timeout)
        wire_->set_receive_timeout(*greeting_.receive_timeout);
}

void Connection::run(std::string_view cypher, const Map& parameters, const Opening* opening)
{
    writer().run(cypher, parameters, opening);
    conversation_.sent(RequestKind::run);
}

void Connection::pull(std::int64_t count)
{
    writer().pull(count);
    conversation_.sent(RequestKind::pull);
}

void Connection::discard()
{
    writer().discard(-1);
    conversation_.sent(RequestKind::discard);
}

void Connection::begin(const Opening& opening)
{
    writer().begin(opening);
    conversation_.sent(RequestKind::begin);
}

void Connection::commit()
{
    writer().commit();
    conversation_.sent(RequestKind::commit);
}

void Connection::rollback()
{
    writer().rollback();
    conversation_.sent(RequestKind::rollback);
}

void Connection::reset()
{
    writer().reset();
    conversation_.sent(RequestKind::reset);
}

void Connection::route(const RoutingContext& routing, const Bookmarks& bookmarks, std::string_view database,
                       std::string_view impersonated_user)
{
    writer().route(routing, bookmarks, database, impersonated_user);
    conversation_.sent(RequestKind::route);
}

void Connection::telemetry(Api api)
{
    if (!options_->config.telemetry || !greeting_.telemetry || !conversation_.may_send(RequestKind::telemetry))
        return;
    writer().telemetry(api);
    conversation_.sent(RequestKind::telemetry);
}

std::optional<Answer> Connection::take_answer()
{
    const Response response = read_response(wire_->reader().take());
    Answer out;
    out.kind = response.kind;
    out.body = response.body;
    if (response.kind == ResponseKind::success || response.kind == ResponseKind::failure)
        out.metadata = read_metadata(response.body, dialect_);
    const Conversation::Answer whose = conversation_.received(response.kind, out.has_more());
    out.request = whose.request;
    if (left_behind_ > 0) {
        left_behind_ -= whose.done ? 1 : 0;
        return std::nullopt;
    }
    if (whose.request == RequestKind::telemetry && response.kind == ResponseKind::success)
        return std::nullopt;
    return out;
}

std::optional<Answer> Connection::answer_at_hand()
{
    try {
        while (wire_->reader().ready() > 0)
            if (std::optional<Answer> answer = take_answer())
                return answer;
        return std::nullopt;
    } catch (const Malformed&) {
        broken_ = true;
        throw;
    }
}

awaitable<Answer> Connection::answer(OperationContext context)
{
    while (true) {
        if (std::optional<Answer> answer = answer_at_hand())
            co_return std::move(*answer);
        const Goal message{Goal::Kind::messages, 1};
        try {
            co_await wire_->until(message, context);
        } catch (const Lost&) {
            broken_ = true;
            throw;
        } catch (const Malformed&) {
            broken_ = true;
            throw;
        }
    }
}

awaitable<void> Connection::wait_for_batch(OperationContext context)
{
    const Goal batch{Goal::Kind::summaries, 1};
    try {
        co_await wire_->until(batch, std::move(context));
    } catch (const Lost&) {
        broken_ = true;
        throw;
    } catch (const Malformed&) {
        broken_ = true;
        throw;
    }
}

bool Connection::clean_up() noexcept
{
    if (broken_ || conversation_.state() == ServerState::defunct)
        return false;
    if (conversation_.is_clean())
        return true;
    try {
        if (!conversation_.may_send(RequestKind::reset))
            return false;
        // A server that failed, or has nothing to do, takes no time over it.
        stopping_ = conversation_.pending() > 0 && conversation_.state() != ServerState::failed;
        reset();
        left_behind_ = conversation_.pending();
        // What does not go out at once goes out with the next request; but then a query may be running on.
        return wire_->send_now() && is_alive();
    } catch (...) {
        broken_ = true;
        return false;
    }
}

bool Connection::is_alive() noexcept
{
    if (broken_)
        return false;
    try {
        bool gone = false;
        try {
            wire_->receive_now();
        } catch (const Lost&) {
            gone = true; // what came before may still say why, but nobody asks any more
        }
        // Nobody waits here for an answer: whatever is said belongs to what was left behind.
        while (wire_->reader().ready() > 0)
            if (take_answer())
                gone = true;
        broken_ = gone || conversation_.state() == ServerState::defunct;
    } catch (...) {
        broken_ = true;
    }
    return !broken_;
}

void Connection::give_up() noexcept { broken_ = true; }

} // namespace whisperstore::bolt

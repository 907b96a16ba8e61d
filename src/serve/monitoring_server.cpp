#include "serve/connection.hpp"
#include "serve/listen_address.hpp"

#include <whisperstore/serve/monitoring_server.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <list>
#include <utility>

namespace whisperstore {

namespace {

namespace ip = boost::asio::ip;
using boost::system::error_code;

constexpr std::string_view component = "serve";
constexpr std::size_t most_turned_away = 32; // at once; beyond that a client is closed without a word
constexpr std::chrono::milliseconds pause_after_failure{100};

StorageError listen_error(const error_code& error, const std::string& where)
{
    ErrorDetails details;
    details.backend = component;
    details.operation = "start";
    details.native_code = "errno " + std::to_string(error.value());
    if (error == boost::asio::error::access_denied)
        return StorageError(StorageErrc::permission,
                            "listening on " + where + " is not allowed; ports from 1024 on need no rights",
                            std::move(details));
    if (error == boost::asio::error::address_in_use) {
        details.retryable = true;
        return StorageError(StorageErrc::unavailable,
                            "another process listens on " + where +
                                "; choose another port (WHISPERENGINE_SERVE_LISTEN), 0 is any free one",
                            std::move(details));
    }
    return StorageError(StorageErrc::invalid_argument, "cannot listen on " + where + ": " + error.message(),
                        std::move(details));
}

} // namespace

json::object MonitoringStats::to_json() const
{
    json::object out;
    out["connections"] = connections;
    out["subscribers"] = subscribers;
    out["accepted"] = accepted;
    out["connections_refused"] = connections_refused;
    out["requests"] = requests;
    out["refused"] = refused;
    out["rate_limited"] = rate_limited;
    out["unauthorized"] = unauthorized;
    out["failed"] = failed;
    out["dropped"] = dropped;
    return out;
}

struct MonitoringServer::State : std::enable_shared_from_this<State>
{
    State(asio::any_io_executor on, const std::shared_ptr<MonitoringSource>& source, const ServeConfig& config,
          serve::AccessRules rules, const ip::tcp::endpoint& where, Logger to)
        : executor(std::move(on)),
          strand(asio::make_strand(executor)),
          shared(std::make_shared<serve::Shared>(executor, source, config, std::move(rules))),
          address(where),
          logger(std::move(to)),
          acceptor(strand),
          pause(strand)
    {
    }

    using Connections = std::list<std::shared_ptr<serve::Connection>>;

    const asio::any_io_executor executor;
    const asio::strand<asio::any_io_executor> strand;
    const std::shared_ptr<serve::Shared> shared;
    const ip::tcp::endpoint address;
    const Logger logger;
    ip::tcp::acceptor acceptor; // on the strand, once started
    asio::steady_timer pause;

    mutable std::mutex mutex; // of the following
    std::optional<ip::tcp::endpoint> bound;
    bool stopping = false;
    Connections connections;
    std::size_t served = 0; // connections but those that are turned away

    void log(LogLevel level, const std::string& message) const
    {
        if (logger)
            logger(level, component, message);
    }

    bool is_stopping() const
    {
        const std::lock_guard lock(mutex);
        return stopping;
    }

    void listen()
    {
        const std::string where = serve::url_of(address);
        error_code error;
        acceptor.open(address.protocol(), error);
        if (!error)
            acceptor.set_option(asio::socket_base::reuse_address(true), error);
        if (!error)
            acceptor.bind(address, error);
        if (!error)
            acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error) {
            error_code ignored;
            acceptor.close(ignored);
            throw listen_error(error, where);
        }
        bound = acceptor.local_endpoint();
    }

    /// Takes the connection in, or says that there is no place.
    void take(ip::tcp::socket socket)
    {
        error_code ignored; // faster small answers, no need
        socket.set_option(ip::tcp::no_delay(true), ignored);
        const auto connection = std::make_shared<serve::Connection>(std::move(socket), shared);
        Connections::iterator place;
        bool has_place = false;
        {
            const std::lock_guard lock(mutex);
            has_place = served < shared->config.max_connections;
            if (stopping || (!has_place && connections.size() - served >= most_turned_away)) {
                if (!stopping)
                    ++shared->counters.connections_refused;
                return;
            }
            place = connections.insert(connections.end(), connection);
            served += has_place ? 1 : 0;
        }
        ++(has_place ? shared->counters.accepted : shared->counters.connections_refused);
        auto part = std::make_shared<serve::Activity::Part>(shared->activity->begin());
        awaitable<void> work =
            has_place ? serve::Connection::run(connection) : serve::Connection::turn_away(connection);
        auto at_end = [self = shared_from_this(), place, has_place, part](const std::exception_ptr& failure) {
            self->forget(place, has_place, failure);
        };
        asio::co_spawn(connection->executor(), std::move(work), std::move(at_end));
    }

    void forget(Connections::iterator place, bool had_place, const std::exception_ptr& failure)
    {
        {
            const std::lock_guard lock(mutex);
            connections.erase(place);
            served -= had_place ? 1 : 0;
        }
        try {
            if (failure)
                std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            log(LogLevel::error, std::string("a connection ended with an error: ").append(error.what()));
        }
    }

    static awaitable<void> accept(std::shared_ptr<State> self, serve::Activity::Part part)
    {
        const serve::Activity::Part under_way = std::move(part);
        while (!self->is_stopping()) {
            ip::tcp::socket socket{asio::any_io_executor(asio::make_strand(self->executor))};
            auto token = asio::as_tuple(asio::use_awaitable);
            const auto [error] = co_await self->acceptor.async_accept(socket, token);
            if (!error) {
                self->take(std::move(socket));
                continue;
            }
            if (self->is_stopping())
                co_return;
            if (error == asio::error::connection_aborted)
                continue; // a client that did not wait
            self->log(LogLevel::warning, "cannot accept a connection: " + error.message());
            self->pause.expires_after(pause_after_failure); // no descriptors left, most likely
            auto pause_token = asio::as_tuple(asio::use_awaitable);
            co_await self->pause.async_wait(pause_token);
        }
    }

    /// No new connections, no further requests.
    void finish()
    {
        Connections now;
        {
            const std::lock_guard lock(mutex);
            stopping = true;
            now = connections;
        }
        asio::post(strand, [self = shared_from_this()] {
            error_code ignored;
            self->acceptor.close(ignored);
            self->pause.cancel();
        });
        shared->events->end();
        for (const auto& connection : now)
            connection->finish();
    }

    /// Whatever is left, at once.
    void close()
    {
        Connections now;
        {
            const std::lock_guard lock(mutex);
            now = connections;
        }
        shared->told->end();
        for (const auto& connection : now)
            connection->close();
    }

    static awaitable<void> stop(std::shared_ptr<State> self, std::chrono::milliseconds patience)
    {
        self->finish();
        bool ended = true;
        try {
            co_await self->shared->activity->ended(OperationContext::within(patience));
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::timeout)
                throw;
            ended = false;
        }
        self->close();
        if (!ended)
            co_await self->shared->activity->ended(OperationContext());
    }
};

MonitoringServer::MonitoringServer(asio::any_io_executor executor, std::shared_ptr<MonitoringSource> source,
                                   ServeConfig config, Logger logger)
{
    if (!source)
        throw StorageError(StorageErrc::invalid_argument, "a monitoring server needs a source");
    const ip::tcp::endpoint address = serve::parse_listen_address(config.listen);
    serve::AccessRules rules;
    rules.token = serve::TokenCheck(config.token);
    rules.loopback_only = serve::is_loopback(address.address());
    if (!rules.loopback_only && !rules.token.wanted())
        throw StorageError(
            StorageErrc::invalid_argument,
            "listening on " + config.listen +
                " needs a token, because other machines reach that address: set WHISPERENGINE_SERVE_TOKEN "
                "(e.g. of `openssl rand -hex 32`), or listen on 127.0.0.1");
    state_ = std::make_shared<State>(std::move(executor), source, config, std::move(rules), address, std::move(logger));
}

MonitoringServer::~MonitoringServer()
{
    state_->finish();
    state_->close();
}

void MonitoringServer::start()
{
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stopping)
            throw StorageError(StorageErrc::closed, "the monitoring server was stopped");
        if (state_->bound)
            throw StorageError(StorageErrc::invalid_argument, "the monitoring server listens already");
        state_->listen();
    }
    asio::co_spawn(state_->strand, State::accept(state_, state_->shared->activity->begin()), asio::detached);
}

awaitable<void> MonitoringServer::stop(std::chrono::milliseconds patience) { return State::stop(state_, patience); }

std::uint16_t MonitoringServer::port() const
{
    const std::lock_guard lock(state_->mutex);
    if (!state_->bound)
        throw StorageError(StorageErrc::closed, "the monitoring server does not listen yet");
    return state_->bound->port();
}

std::string MonitoringServer::url() const
{
    const std::lock_guard lock(state_->mutex);
    if (!state_->bound)
        throw StorageError(StorageErrc::closed, "the monitoring server does not listen yet");
    return serve::url_of(*state_->bound);
}

MonitoringStats MonitoringServer::stats() const
{
    const serve::Counters& counters = state_->shared->counters;
    MonitoringStats stats;
    {
        const std::lock_guard lock(state_->mutex);
        stats.connections = state_->served;
    }
    stats.subscribers = state_->shared->events->subscribers();
    stats.accepted = counters.accepted;
    stats.connections_refused = counters.connections_refused;
    stats.requests = counters.requests;
    stats.refused = counters.refused;
    stats.rate_limited = counters.rate_limited;
    stats.unauthorized = counters.unauthorized;
    stats.failed = counters.failed;
    stats.dropped = counters.dropped;
    return stats;
}

} // namespace whisperstore

#pragma once
/// \file
/// Metrics and health of a storage layer over HTTP.

#include <whisperstore/config/serve_config.hpp>
#include <whisperstore/core/async.hpp>
#include <whisperstore/core/log.hpp>
#include <whisperstore/serve/monitoring_source.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// A path that is served, for people.
struct MonitoringRoute
{
    std::string_view path;
    std::string_view description;
};
const std::vector<MonitoringRoute>& monitoring_routes();

/// What a server has done, and what it is at.
struct MonitoringStats
{
    std::uint64_t connections = 0;         ///< now
    std::uint64_t subscribers = 0;         ///< now, readers of /api/events
    std::uint64_t accepted = 0;            ///< connections so far
    std::uint64_t connections_refused = 0; ///< because all places were taken
    std::uint64_t requests = 0;            ///< that were understood
    std::uint64_t refused = 0;             ///< answered 4xx, those below included
    std::uint64_t rate_limited = 0;        ///< answered 429
    std::uint64_t unauthorized = 0;        ///< answered 401
    std::uint64_t failed = 0;              ///< answered 5xx
    std::uint64_t dropped = 0;             ///< clients that took an answer or an event too slowly
    json::object to_json() const;
};

/// A small HTTP/1.1 server that an application runs next to its StorageLayer (docs/serve.md): what it tells are the
/// numbers of this process. GET and HEAD only, no request bodies, no TLS: beyond loopback it wants a token and belongs
/// behind a proxy that speaks TLS.
///
/// Works on the executor it is given, each connection on a strand of it; the executor outlives what the server leaves
/// on it. Thread safe.
///
/// \code
/// ws::MonitoringServer server(executor, ws::monitoring_source(storage), configuration.serve);
/// server.start();
/// …
/// co_await server.stop();
/// co_await storage->close();
/// \endcode
class MonitoringServer
{
public:
    /// \param logger hears of what goes wrong; empty = nobody
    /// \throws StorageError invalid_argument where the configuration is not allowed, e.g. an address beyond loopback
    /// without a token.
    MonitoringServer(asio::any_io_executor executor, std::shared_ptr<MonitoringSource> source,
                     ServeConfig config = ServeConfig(), Logger logger = Logger());
    /// Closes everything without waiting: call stop() first where clients shall get their answers.
    ~MonitoringServer();
    MonitoringServer(const MonitoringServer&) = delete;
    MonitoringServer& operator=(const MonitoringServer&) = delete;

    /// Listens from now on. Once only.
    /// \throws StorageError unavailable when the port is taken, permission when it is not allowed, invalid_argument
    /// when the address is none of this machine's; closed after stop().
    void start();

    /// Stops listening, ends event streams and resting connections, lets requests under way finish for so long, then
    /// ends them, too. Afterwards nothing of the server asks the source any more. A second call waits as well.
    awaitable<void> stop(std::chrono::milliseconds patience = std::chrono::seconds(3));

    /// Where it listens. \throws StorageError closed before start().
    std::uint16_t port() const;
    /// `http://127.0.0.1:9464`. \throws StorageError closed before start().
    std::string url() const;
    MonitoringStats stats() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace whisperstore

#pragma once
// An HTTP/1.1 client for database servers: several nodes, connections that are kept, deadlines, cancellation.

#include "core/circuit_breaker.hpp"
#include "protocol/http/connection_pool.hpp"
#include "protocol/http/message.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/core/tls_config.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::http {

struct ClientConfig
{
    std::string backend = "http";     ///< named in errors
    std::vector<HostPort> nodes = {}; ///< each can serve every request; a missing port is 80, with TLS 443
    TlsConfig tls = {};
    std::string base_path = {}; ///< before every target: "" or "/v1", percent-encoded, without a slash at its end
    Headers headers = {};       ///< of every request: API keys; their values are never in a message
    bool accept_gzip = true;

    std::size_t max_connections = 16;                    ///< per node
    std::size_t max_waiting = 256;                       ///< callers in line for a connection, per node
    std::chrono::milliseconds connect_timeout{5'000};    ///< look-up, TCP and TLS
    std::chrono::milliseconds attempt_timeout{30'000};   ///< of a request on one node, waiting in line included
    std::chrono::milliseconds idle_timeout{30'000};      ///< a connection that rested longer is closed
    std::size_t response_limit = std::size_t(64) << 20U; ///< bytes of a decompressed body
    CircuitBreaker::Settings breaker{3, std::chrono::seconds(1), std::chrono::seconds(30), 1, {}}; ///< per node

    /// Of several nodes: a GET of this path (after the base path) that a healthy node answers with 2xx. Each is asked
    /// every `health_interval`, by a thread of the client; empty: they are known by their answers to calls only.
    std::string health_target = {};
    std::chrono::milliseconds health_interval{500};
    std::chrono::milliseconds health_timeout{1'000};

    /// What a base URL says: nodes, TLS, path, Basic authentication. \param what names the setting in messages
    /// \throws StorageError invalid_argument; never repeats the URL
    static ClientConfig of_url(std::string_view url, std::string_view what);
};

/// One node, as it is now.
struct NodeHealth
{
    HostPort node;
    CircuitBreaker::Snapshot circuit;
    PoolStats pool;
    std::uint64_t under_way = 0; ///< calls now
    std::uint64_t served = 0;    ///< calls it answered so far
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
};
/// `nodes` of the details of a store (docs/metrics.md).
json::array to_json(const std::vector<NodeHealth>& nodes);

/// Sends requests to the healthiest nodes, each to the one with the fewest calls under way, in turns among equals.
///
/// Thread safe; calls may come from any executor, also from several one after the other, and each call's work runs on a
/// strand of the caller's. Calls under way keep what they need when the client goes. One thread where `health_target`
/// is set and there are several nodes, else none.
///
/// With health checks a node is left out from its first failure on, of a call or a check, until a check succeeds. Calls
/// that wait for a node whose checks failed twice in a row, and that may be sent again, go to the next node.
///
/// A connection that breaks before anything was sent (refused, TLS not agreed on, a resting connection the server
/// closed) costs nothing: the call goes on with a fresh connection or the next node. What may be sent twice
/// (Effect read and repeatable_write) does so after a failure on the way, too, and after 502, 503 and 504, once per
/// node. Retries with pauses are the caller's or a decorator's.
///
/// Failures: StorageError
///  - unavailable, retryable: no node could be reached, or the connection broke and sending again is harmless;
///  - outcome_unknown: the connection broke after a `write` was sent;
///  - timeout: the deadline of the context, or of the attempt, passed; outcome unknown where a write was sent;
///  - cancelled: the same, by the caller's cancellation;
///  - resource_exhausted: the line for a connection is full (retryable), or the answer is beyond its limit;
///  - invalid_argument: a request that cannot be sent; closed: after close().
/// A connection whose exchange did not end cleanly is closed, never used again.
class Client
{
public:
    /// \throws StorageError invalid_argument where the configuration cannot work. Does not connect.
    explicit Client(ClientConfig config);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The answer, whatever its status; error_of() turns a refusal into an error.
    awaitable<Response> send(Request request, OperationContext context = OperationContext());
    /// As send(), but the body of a success goes to `sink` as it comes; Response::body is empty then. The body of
    /// another status is in the Response, its first 64 KiB. Once the sink was called nothing is sent again.
    awaitable<Response> stream(Request request, BodySink sink, OperationContext context = OperationContext());

    /// As send(), and throws error_of() for a status that is no success.
    awaitable<Response> send_checked(Request request, OperationContext context = OperationContext());
    /// The error of a refusal; whatever the server says of the client's secrets is left out of it.
    StorageError error_of(const Response& response, const Request& request) const;

    /// Closes what rests and ends the health checks; calls that begin later are refused. Those under way end by
    /// themselves. Idempotent.
    void close();

    /// The nodes as `host:port`, in the order of the configuration.
    std::vector<std::string> endpoints() const;
    std::vector<NodeHealth> health() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace whisperstore::http

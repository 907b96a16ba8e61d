#include "protocol/http/client.hpp"

#include "core/failure.hpp"
#include "protocol/http/base_url.hpp"
#include "protocol/http/call.hpp"
#include "protocol/http/header_fields.hpp"
#include "protocol/http/health_checker.hpp"
#include "protocol/http/status.hpp"

#include <whisperstore/core/json.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

namespace whisperstore::http {

namespace {

using Clock = OperationContext::Clock;

std::string operation_of(const ClientConfig& config, const Request& request)
{
    // The query may hold what is nobody's business.
    return request.method + " " + config.base_path + request.target.substr(0, request.target.find('?'));
}

/// Some servers repeat a wrong key in their answer.
void hide_secret(std::string& text, std::string_view value)
{
    constexpr std::size_t shortest = 6; // below that it would hide words
    const std::string_view secret = value.substr(value.find(' ') == std::string_view::npos ? 0 : value.find(' ') + 1);
    if (secret.size() < shortest)
        return;
    for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3))
        text.replace(at, secret.size(), "***");
}

void check_config(const ClientConfig& config)
{
    const auto wrong = [](const std::string& message) {
        return StorageError(StorageErrc::invalid_argument, "HTTP client: " + message);
    };
    if (config.nodes.empty())
        throw wrong("no node is named");
    for (const HostPort& node : config.nodes)
        if (node.host.empty() || node.host.starts_with('/'))
            throw wrong("a node is not host:port");
    if (config.max_connections == 0)
        throw wrong("max_connections is 0; at least one is needed");
    for (const auto limit : {config.connect_timeout, config.attempt_timeout})
        if (limit <= std::chrono::milliseconds(0))
            throw wrong("connect_timeout and attempt_timeout are more than 0 ms");
    if (!config.base_path.empty()) {
        check_target(config.base_path);
        if (config.base_path.ends_with('/'))
            throw wrong("the base path ends with '/'");
    }
    for (const Header& header : config.headers)
        check_header(header);
    if (!config.health_target.empty()) {
        check_target(config.health_target);
        if (config.health_interval <= std::chrono::milliseconds(0) ||
            config.health_timeout <= std::chrono::milliseconds(0))
            throw wrong("health_interval and health_timeout are more than 0 ms");
    }
}

/// One failure is enough where a check soon tells that it has passed.
ClientConfig adjusted(ClientConfig config)
{
    if (config.nodes.size() < 2)
        config.health_target.clear();
    if (!config.health_target.empty())
        config.breaker = CircuitBreaker::Settings{1, config.health_interval, config.health_interval, 1, {}};
    return config;
}

} // namespace

struct Client::State
{
    explicit State(ClientConfig configuration) : config(adjusted(std::move(configuration)))
    {
        check_config(config);
        if (config.tls.enabled)
            tls.emplace(config.tls);
        for (HostPort where : config.nodes) {
            if (!where.port)
                where.port = default_port(config.tls.enabled);
            auto node = std::make_unique<Node>(
                where, config.breaker, PoolSettings{config.max_connections, config.max_waiting, config.idle_timeout});
            node->frame = RequestFrame{host_field(where, config.tls.enabled), config.base_path, config.headers,
                                       config.accept_gzip};
            nodes.push_back(std::move(node));
        }
    }

    /// Every node, those with the fewest calls under way first; in turns among equals.
    std::vector<Node*> by_load()
    {
        std::vector<std::pair<std::uint64_t, Node*>> loads;
        const std::size_t first = turn.fetch_add(1, std::memory_order_relaxed);
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            Node& node = *nodes[(first + i) % nodes.size()];
            loads.emplace_back(node.under_way.load(std::memory_order_relaxed), &node);
        }
        std::ranges::stable_sort(loads, {}, &std::pair<std::uint64_t, Node*>::first);
        std::vector<Node*> order;
        for (const auto& [load, node] : loads)
            order.push_back(node);
        return order;
    }

    /// Every node once: those whose breakers let the call through first; then the others, so that a call is refused
    /// only after all were tried.
    std::vector<Candidate> candidates()
    {
        std::vector<Candidate> order;
        std::vector<Node*> refused;
        const auto now = Clock::now();
        for (Node* node : by_load()) {
            // A probe is for a call that is sure to use it: only the first in line is. Health checks are probes enough.
            if (!node->breaker.closed() && (!order.empty() || !config.health_target.empty()))
                refused.push_back(node);
            else if (const auto ticket = node->breaker.admit(now))
                order.emplace_back(*node, *ticket);
            else
                refused.push_back(node);
        }
        for (Node* node : refused)
            order.emplace_back(*node, std::nullopt);
        return order;
    }

    void start_checks()
    {
        if (!config.health_target.empty())
            checker.emplace(config, tls ? &*tls : nullptr, nodes);
    }

    /// On the call's strand; takes its arguments over.
    static awaitable<Response> run(std::shared_ptr<State> self, Request request, BodySink sink,
                                   OperationContext context);
    static awaitable<Response> begin(std::shared_ptr<State> self, Request request, BodySink sink,
                                     OperationContext context);
    StorageError refusal(Response response, const Request& request) const
    {
        for (const Header& header : config.headers)
            hide_secret(response.body, header.value);
        const std::string operation = operation_of(config, request);
        return status_error(response, request.effect, operation).within(config.backend, operation);
    }

    const ClientConfig config;
    std::optional<TlsContext> tls;
    std::vector<std::unique_ptr<Node>> nodes;
    std::atomic<std::size_t> turn{0};
    std::atomic<bool> closed{false};
    std::mutex closing;
    std::optional<HealthChecker> checker; // before all it watches
};

ClientConfig ClientConfig::of_url(std::string_view url, std::string_view what)
{
    BaseUrl parsed = parse_base_url(url, what);
    ClientConfig config;
    config.nodes = std::move(parsed.nodes);
    config.tls.enabled = parsed.tls;
    config.base_path = std::move(parsed.path);
    if (parsed.credentials)
        config.headers.push_back(
            Header{"Authorization", "Basic " + base64_encode(std::as_bytes(std::span(*parsed.credentials)))});
    return config;
}

Client::Client(ClientConfig config) : state_(std::make_shared<State>(std::move(config))) { state_->start_checks(); }

Client::~Client() = default;

awaitable<Response> Client::State::run(std::shared_ptr<State> self, Request request, BodySink sink,
                                       OperationContext context)
{
    // Every wait looks for cancellation itself, to tell what was sent by then.
    co_await asio::this_coro::throw_if_cancelled(false);
    Call call(self->config, self->tls ? &*self->tls : nullptr, request, sink ? &sink : nullptr, context);
    std::vector<Candidate> candidates = self->candidates();
    std::optional<StorageError> error;
    try {
        Response response = co_await call.run(candidates);
        co_return response;
    } catch (const StorageError& caught) {
        error = caught;
    }
    if (error->outcome() == Outcome::not_applied && call.outcome() == Outcome::unknown)
        throw error->with_outcome(Outcome::unknown);
    throw StorageError(*error);
}

awaitable<Response> Client::State::begin(std::shared_ptr<State> self, Request request, BodySink sink,
                                         OperationContext context)
{
    const std::string operation = operation_of(self->config, request);
    try {
        if (self->closed.load(std::memory_order_acquire))
            throw StorageError(StorageErrc::closed, "the HTTP client was closed");
        check_request(request);
        context.check_deadline(self->config.backend, operation);
        const auto executor = co_await asio::this_coro::executor;
        auto strand = asio::make_strand(executor);
        awaitable<Response> work = run(self, std::move(request), std::move(sink), std::move(context));
        Response response = co_await asio::co_spawn(strand, std::move(work), asio::use_awaitable);
        co_return response;
    } catch (...) {
        rethrow_as_storage_error(self->config.backend, operation);
    }
}

awaitable<Response> Client::send(Request request, OperationContext context)
{
    return State::begin(state_, std::move(request), BodySink(), std::move(context));
}

awaitable<Response> Client::stream(Request request, BodySink sink, OperationContext context)
{
    return State::begin(state_, std::move(request), std::move(sink), std::move(context));
}

awaitable<Response> Client::send_checked(Request request, OperationContext context)
{
    const std::shared_ptr<State> state = state_;
    Request about; // what the error needs of it
    about.method = request.method;
    about.target = request.target;
    about.effect = request.effect;
    Response response = co_await State::begin(state, std::move(request), BodySink(), std::move(context));
    if (!response.ok())
        throw state->refusal(response, about);
    co_return response;
}

StorageError Client::error_of(const Response& response, const Request& request) const
{
    return state_->refusal(response, request);
}

void Client::close()
{
    state_->closed.store(true, std::memory_order_release);
    {
        const std::lock_guard lock(state_->closing);
        state_->checker.reset();
    }
    for (const auto& node : state_->nodes)
        node->pool->close();
}

std::vector<std::string> Client::endpoints() const
{
    std::vector<std::string> names;
    for (const auto& node : state_->nodes)
        names.push_back(node->name);
    return names;
}

std::vector<NodeHealth> Client::health() const
{
    std::vector<NodeHealth> all;
    for (const auto& node : state_->nodes)
        all.push_back(NodeHealth{
            node->address, node->breaker.snapshot(), node->pool->stats(),
            node->under_way.load(std::memory_order_relaxed), node->served.load(std::memory_order_relaxed),
            node->sent_bytes.load(std::memory_order_relaxed), node->received_bytes.load(std::memory_order_relaxed)});
    return all;
}

json::array to_json(const std::vector<NodeHealth>& nodes)
{
    json::array out;
    for (const NodeHealth& node : nodes) {
        json::object one;
        one["name"] = node.node.to_string();
        one["circuit"] = to_string(node.circuit.state);
        one["connections"] = node.pool.in_use + node.pool.resting;
        one["in_use"] = node.pool.in_use;
        one["waiting"] = node.pool.waiting;
        one["sent_bytes"] = node.sent_bytes;
        one["received_bytes"] = node.received_bytes;
        out.emplace_back(std::move(one));
    }
    return out;
}

} // namespace whisperstore::http

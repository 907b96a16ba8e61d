#include "protocol/http/health_checker.hpp"

#include "protocol/http/call.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <span>

namespace whisperstore::http {

HealthChecker::HealthChecker(const ClientConfig& config, const TlsContext* tls,
                             const std::vector<std::unique_ptr<Node>>& nodes)
    : config_(config), tls_(tls)
{
    for (const auto& node : nodes) {
        PoolSettings one_connection;
        one_connection.connections = 1;
        one_connection.waiting = 1;
        probes_.push_back(std::make_unique<Node>(node->address, config.breaker, one_connection));
        probes_.back()->frame = node->frame;
        asio::co_spawn(loop_, watch(*node, *probes_.back()), asio::detached);
    }
    thread_ = std::thread([this] { loop_.run(); });
}

HealthChecker::~HealthChecker()
{
    loop_.stop();
    thread_.join();
}

/// Why the node is not well; empty: it is.
awaitable<std::string> HealthChecker::failure_of(Node& probe)
{
    Request request;
    request.target = config_.health_target;
    request.attempt_timeout = config_.health_timeout;
    const OperationContext context;
    Call call(config_, tls_, request, nullptr, context);
    Candidate candidate(probe, std::nullopt);
    try {
        const Response response = co_await call.run(std::span(&candidate, 1));
        if (response.ok())
            co_return std::string();
        co_return "its health check was answered with " + std::to_string(response.status);
    } catch (const StorageError& error) {
        co_return "its health check failed: " + error.message();
    }
}

awaitable<void> HealthChecker::watch(Node& node, Node& probe)
{
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer pause(executor);
    int failures = 0;
    while (true) {
        const std::string failure = co_await failure_of(probe);
        if (failure.empty()) {
            failures = 0;
            if (const auto ticket = node.breaker.admit(OperationContext::Clock::now()))
                node.breaker.report(*ticket, CircuitBreaker::Verdict::healthy, OperationContext::Clock::now());
        } else {
            if (const auto ticket = node.breaker.admit(OperationContext::Clock::now()))
                node.breaker.report(*ticket, CircuitBreaker::Verdict::failing, OperationContext::Clock::now(), failure);
            if (++failures >= 2)
                node.attempts.abandon_all("the node does not answer: " + failure);
        }
        pause.expires_after(config_.health_interval);
        co_await pause.async_wait(asio::use_awaitable);
    }
}

} // namespace whisperstore::http

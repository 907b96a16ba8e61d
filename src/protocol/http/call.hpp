#pragma once
// One call of the client: its attempts on one node after the other.

#include "protocol/http/client.hpp"
#include "protocol/http/exchange.hpp"
#include "protocol/http/failure.hpp"
#include "protocol/http/node.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace whisperstore::http {

/// A node a call may go to, with the word it owes to the node's breaker.
class Candidate
{
public:
    Candidate(Node& node, std::optional<CircuitBreaker::Ticket> ticket) noexcept : node_(&node), ticket_(ticket) {}
    Candidate(Candidate&& other) noexcept : node_(other.node_), ticket_(std::exchange(other.ticket_, std::nullopt)) {}
    Candidate& operator=(Candidate&&) = delete;
    Candidate(const Candidate&) = delete;
    ~Candidate() { report(CircuitBreaker::Verdict::silent, {}); }

    Node& node() const noexcept { return *node_; }
    void report(CircuitBreaker::Verdict verdict, std::string_view reason)
    {
        if (ticket_)
            node_->breaker.report(*ticket_, verdict, OperationContext::Clock::now(), reason);
        ticket_.reset();
    }

private:
    Node* node_;
    std::optional<CircuitBreaker::Ticket> ticket_;
};

/// Lives in a coroutine on the call's strand, where cancellation does not throw by itself. What it is given outlives
/// it.
class Call
{
public:
    /// \param tls null: none. \param sink null: the body is kept in the answer
    Call(const ClientConfig& config, const TlsContext* tls, const Request& request, const BodySink* sink,
         const OperationContext& context)
        : config_(config), tls_(tls), request_(request), sink_(sink), context_(context)
    {
    }

    /// Throws StorageError, and what source and sink throw.
    awaitable<Response> run(std::span<Candidate> candidates);

    /// What is known of the request's effect, where it fails.
    Outcome outcome() const noexcept
    {
        return wrote_ && request_.effect != Effect::read ? Outcome::unknown : Outcome::not_applied;
    }

private:
    class Noting;
    class UnderWay;
    awaitable<Response> on_node(Node& node);
    awaitable<Response> attempt_on(Node& node, Lease& lease, std::optional<RestingConnection> resting, Time deadline,
                                   ExchangeReport& report);
    awaitable<std::unique_ptr<Stream>> connect(Node& node, Time deadline);
    bool may_repeat() const noexcept;
    bool may_try_another(const std::optional<Failure>& failure) const noexcept;
    void report(Candidate& candidate, const std::optional<Failure>& failure) const;
    StorageError error_of(const Failure& failure) const;

    const ClientConfig& config_;
    const TlsContext* tls_;
    const Request& request_;
    const BodySink* sink_;
    const OperationContext& context_;
    const Node* node_ = nullptr;
    bool wrote_ = false;
    bool delivered_ = false;
};

} // namespace whisperstore::http

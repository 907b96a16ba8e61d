#include "protocol/http/call.hpp"

#include "protocol/http/endpoint_lookup.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace whisperstore::http {

namespace {

using Clock = OperationContext::Clock;

bool is_gateway_failure(int status) noexcept { return status == 502 || status == 503 || status == 504; }

} // namespace

/// Counts the call while it is the node's.
class Call::UnderWay
{
public:
    explicit UnderWay(Node& node) noexcept : node_(node) { node_.under_way.fetch_add(1, std::memory_order_relaxed); }
    ~UnderWay() { node_.under_way.fetch_sub(1, std::memory_order_relaxed); }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;

private:
    Node& node_;
};

/// Remembers what was sent, however the exchange ends.
class Call::Noting
{
public:
    Noting(Call& call, Node& node, const ExchangeReport& report) noexcept : call_(call), node_(node), report_(report) {}
    ~Noting()
    {
        call_.wrote_ = call_.wrote_ || report_.wrote;
        call_.delivered_ = call_.delivered_ || report_.delivered;
        node_.sent_bytes.fetch_add(report_.sent_bytes, std::memory_order_relaxed);
        node_.received_bytes.fetch_add(report_.received_bytes, std::memory_order_relaxed);
    }
    Noting(const Noting&) = delete;
    Noting& operator=(const Noting&) = delete;

private:
    Call& call_;
    Node& node_;
    const ExchangeReport& report_;
};

awaitable<Response> Call::run(std::span<Candidate> candidates)
{
    std::optional<Failure> failure;
    std::optional<Response> refusal;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        Candidate& candidate = candidates[i];
        failure.reset();
        try {
            refusal = co_await on_node(candidate.node());
        } catch (Failure& caught) {
            failure = std::move(caught);
        }
        if (!failure && !is_gateway_failure(refusal->status)) {
            candidate.report(CircuitBreaker::Verdict::healthy, {});
            candidate.node().served.fetch_add(1, std::memory_order_relaxed);
            co_return std::move(*refusal);
        }
        report(candidate, failure);
        if (i + 1 == candidates.size() || !may_try_another(failure))
            break;
    }
    if (failure)
        throw error_of(*failure);
    co_return std::move(*refusal);
}

/// The node's answer, by a resting connection or, where that proves dead, a fresh one.
awaitable<Response> Call::on_node(Node& node)
{
    node_ = &node;
    const UnderWay counted(node);
    const auto attempt = request_.attempt_timeout.value_or(config_.attempt_timeout);
    const OperationContext limited = context_.limited_to(attempt);
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none)
        throw Failure{FailureKind::cancelled, "it was cancelled by its caller"};
    Lease lease = co_await node.pool->acquire(limited);
    bool fresh = false;
    while (true) {
        std::optional<RestingConnection> resting = fresh ? std::nullopt : lease.take();
        const bool reused = resting.has_value();
        ExchangeReport report;
        std::optional<Failure> failure;
        try {
            Response response = co_await attempt_on(node, lease, std::move(resting), *limited.deadline, report);
            co_return response;
        } catch (Failure& caught) {
            failure = std::move(caught);
        }
        // The server may have closed the connection while it rested: that says nothing about the node.
        const bool lost = failure->kind == FailureKind::lost || failure->kind == FailureKind::timed_out;
        if (reused && lost && !report.answered)
            node.pool->close_resting(); // they are as old
        if (!reused || failure->kind != FailureKind::lost || report.answered || !may_repeat())
            throw Failure(*failure);
        fresh = true;
    }
}

awaitable<Response> Call::attempt_on(Node& node, Lease& lease, std::optional<RestingConnection> resting, Time deadline,
                                     ExchangeReport& report)
{
    const auto executor = co_await asio::this_coro::executor;
    std::unique_ptr<Stream> stream;
    if (resting)
        stream = std::make_unique<Stream>(executor, std::move(*resting));
    else
        stream = co_await connect(node, deadline);
    const std::size_t limit = request_.response_limit.value_or(config_.response_limit);
    std::optional<OpenAttempts::Entry> abandonable;
    if (!config_.health_target.empty() && request_.effect != Effect::write)
        abandonable.emplace(node.attempts, stream->abandoner());
    const Noting noting(*this, node, report);
    const ExchangeLimits limits{limit, deadline};
    Response response = co_await exchange(*stream, request_, node.frame, sink_, limits, report);
    if (report.reusable)
        if (std::optional<RestingConnection> clean = std::move(*stream).rest())
            lease.keep(std::move(*clean));
    co_return response;
}

/// Each of the node's addresses in turn, within the time of connecting.
awaitable<std::unique_ptr<Stream>> Call::connect(Node& node, Time deadline)
{
    const Time end = std::min(deadline, Clock::now() + config_.connect_timeout);
    const std::vector<asio::ip::tcp::endpoint> addresses = co_await addresses_of(node.address, end);
    const auto executor = co_await asio::this_coro::executor;
    Failure last{FailureKind::lost, "the name " + node.address.host + " has no address"};
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto now = Clock::now();
        const Time share = now + (end - now) / static_cast<int>(addresses.size() - i);
        auto stream = std::make_unique<Stream>(executor);
        try {
            co_await stream->connect(addresses[i], share);
            if (tls_) {
                auto session = std::make_unique<TlsSession>(*tls_, node.address.host);
                co_await stream->start_tls(std::move(session), end);
            }
            co_return stream;
        } catch (Failure& caught) {
            last = std::move(caught);
        }
        if (last.kind == FailureKind::cancelled)
            break;
        if (last.kind == FailureKind::timed_out)
            last.text = "cannot connect in time";
    }
    // Nothing was sent, so another node may try, unless the caller's own time is over.
    if (last.kind == FailureKind::timed_out && Clock::now() < deadline)
        last.kind = FailureKind::lost;
    throw Failure(last);
}

bool Call::may_repeat() const noexcept
{
    return !delivered_ && (!wrote_ || request_.effect != Effect::write) && !context_.expired();
}

bool Call::may_try_another(const std::optional<Failure>& failure) const noexcept
{
    return may_repeat() &&
           !(failure && (failure->kind == FailureKind::cancelled || failure->kind == FailureKind::too_large));
}

void Call::report(Candidate& candidate, const std::optional<Failure>& failure) const
{
    using Verdict = CircuitBreaker::Verdict;
    if (!failure)
        return candidate.report(Verdict::failing, "it answered with a failure of a gateway");
    const FailureKind kind = failure->kind;
    const bool callers = kind == FailureKind::cancelled || kind == FailureKind::no_room ||
                         (kind == FailureKind::timed_out && context_.expired());
    candidate.report(callers                          ? Verdict::silent
                     : kind == FailureKind::too_large ? Verdict::healthy
                                                      : Verdict::failing,
                     failure->text);
}

StorageError Call::error_of(const Failure& failure) const
{
    ErrorDetails details;
    details.native_code = failure.native_code;
    details.outcome = outcome();
    std::string message = failure.text + " (" + node_->name + ")";
    switch (failure.kind) {
    case FailureKind::lost:
        if (wrote_ && request_.effect == Effect::write)
            return StorageError(StorageErrc::outcome_unknown,
                                message + "; the request was sent, whether it was done is not known",
                                std::move(details));
        details.retryable = true;
        if (!wrote_)
            message += ": is the server running there?";
        return StorageError(StorageErrc::unavailable, std::move(message), std::move(details));
    case FailureKind::untrusted:
    case FailureKind::malformed:
        return StorageError(StorageErrc::unavailable, std::move(message), std::move(details));
    case FailureKind::timed_out:
        details.retryable = !context_.expired();
        return StorageError(StorageErrc::timeout, std::move(message), std::move(details));
    case FailureKind::cancelled:
        return StorageError(StorageErrc::cancelled, std::move(message), std::move(details));
    case FailureKind::too_large:
        return StorageError(StorageErrc::resource_exhausted, std::move(message), std::move(details));
    case FailureKind::no_room:
        details.retryable = true;
        return StorageError(StorageErrc::resource_exhausted, std::move(message), std::move(details));
    }
    return StorageError(StorageErrc::unavailable, std::move(message), std::move(details));
}

} // namespace whisperstore::http

#include "protocol/http/endpoint_lookup.hpp"

#include "protocol/http/failure.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>

namespace whisperstore::http {

namespace {

using asio::ip::tcp;

/// Kept by the look-up as long as the system takes.
struct Lookup
{
    explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), timer(executor) {}
    tcp::resolver resolver;
    asio::steady_timer timer;
    bool done = false;
    boost::system::error_code error;
    tcp::resolver::results_type results;
};

} // namespace

awaitable<std::vector<tcp::endpoint>> addresses_of(HostPort node, Time deadline)
{
    std::vector<tcp::endpoint> found;
    boost::system::error_code no_address;
    if (const auto address = asio::ip::make_address(node.host, no_address); !no_address) {
        found.emplace_back(address, *node.port);
        co_return found;
    }
    const auto executor = co_await asio::this_coro::executor;
    const auto lookup = std::make_shared<Lookup>(executor);
    lookup->resolver.async_resolve(node.host, std::to_string(*node.port), tcp::resolver::numeric_service,
                                   [lookup](boost::system::error_code error, tcp::resolver::results_type results) {
                                       lookup->done = true;
                                       lookup->error = error;
                                       lookup->results = std::move(results);
                                       lookup->timer.cancel();
                                   });
    while (!lookup->done) {
        lookup->timer.expires_at(deadline);
        boost::system::error_code ignored;
        auto token = asio::redirect_error(asio::use_awaitable, ignored);
        co_await lookup->timer.async_wait(token);
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        const bool cancelled = cancellation.cancelled() != asio::cancellation_type::none;
        if (!lookup->done && (cancelled || std::chrono::steady_clock::now() >= deadline)) {
            lookup->resolver.cancel();
            if (cancelled)
                throw Failure{FailureKind::cancelled, "it was cancelled by its caller"};
            throw Failure{FailureKind::timed_out, "the name " + node.host + " was not found in time"};
        }
    }
    if (lookup->error)
        throw Failure{FailureKind::lost, "the name " + node.host + " cannot be found: " + lookup->error.message()};
    for (const auto& entry : lookup->results)
        found.push_back(entry.endpoint());
    co_return found;
}

} // namespace whisperstore::http

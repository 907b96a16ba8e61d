#pragma once
// Asks each node of several whether it is well, all the time.

#include "protocol/http/client.hpp"
#include "protocol/http/node.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <thread>
#include <vector>

namespace whisperstore::http {

/// One thread. The first check that fails takes a node out of the choice, a second one in a row ends the calls that
/// wait for it and may go elsewhere; the first that succeeds brings it back.
class HealthChecker
{
public:
    /// What it is given outlives it.
    HealthChecker(const ClientConfig& config, const TlsContext* tls, const std::vector<std::unique_ptr<Node>>& nodes);
    ~HealthChecker();
    HealthChecker(const HealthChecker&) = delete;
    HealthChecker& operator=(const HealthChecker&) = delete;

private:
    awaitable<void> watch(Node& node, Node& probe);
    awaitable<std::string> failure_of(Node& probe);

    const ClientConfig& config_;
    const TlsContext* tls_;
    std::vector<std::unique_ptr<Node>>
        probes_; // apart from the calls, so that a full pool does not look like a failure
    asio::io_context loop_{1};
    std::thread thread_;
};

} // namespace whisperstore::http

#pragma once
// Who takes reads and writes of a database (neo4j.com/docs/bolt/current/appendix/routing). Pure.

#include <whisperstore/bolt/config.hpp>
#include <whisperstore/core/connection_url.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace whisperstore::bolt {

struct RoutingTable
{
    using Time = std::chrono::steady_clock::time_point;

    std::string database; ///< as the server calls it; empty where it does not say (4.3 and older)
    std::vector<HostPort> routers;
    std::vector<HostPort> readers;
    std::vector<HostPort> writers;
    Time expires{};

    /// From the `rt` of the answer to ROUTE. Throws Malformed.
    static RoutingTable read(const Map& rt, Time now);

    const std::vector<HostPort>& servers(AccessMode mode) const noexcept
    {
        return mode == AccessMode::read ? readers : writers;
    }
    /// Whether it may be used for that.
    bool is_fresh(AccessMode mode, Time now) const noexcept;
    /// A table without routers and readers says nothing; one without writers is that of a cluster that elects a leader.
    bool is_usable() const noexcept { return !routers.empty() && !readers.empty(); }
    bool knows(const HostPort& server) const noexcept;
    /// A server that cannot be reached.
    void forget(const HostPort& server);
    /// A server that is not the leader any more.
    void forget_writer(const HostPort& server);
};

/// Where the text has no port.
inline constexpr std::uint16_t default_port = 7687;
HostPort with_port(HostPort address);

} // namespace whisperstore::bolt

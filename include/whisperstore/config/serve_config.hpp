#pragma once
/// \file
/// Settings of the monitoring server.

#include <whisperstore/core/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace whisperstore {

/// How MonitoringServer listens and what it lets in. Whatever a client does, a connection holds at most `head_limit`
/// bytes of a request and answers that all connections share.
struct ServeConfig
{
    /// `HOST:PORT`: an IP address or `localhost`; port 0 is any free one.
    std::string listen = "127.0.0.1:9464";
    /// What clients send as `Authorization: Bearer …`; a secret. Empty: none, which only loopback addresses may have.
    std::string token = {};

    std::size_t max_connections = 128;               ///< at once; more are answered 503
    std::size_t max_subscribers = 16;                ///< of those, readers of /api/events
    std::uint32_t requests_per_second = 2'000;       ///< over all connections; more are answered 429
    std::chrono::milliseconds event_interval{5'000}; ///< between two events of a kind

    /// \name What no setting changes
    ///@{
    std::size_t head_limit = 8 * 1024;                ///< bytes of a request's head
    std::chrono::milliseconds head_timeout{5'000};    ///< from a request's first byte to its last
    std::chrono::milliseconds idle_timeout{30'000};   ///< between two requests of a connection
    std::chrono::milliseconds write_timeout{10'000};  ///< a client takes an answer or an event in this time
    std::chrono::milliseconds source_timeout{10'000}; ///< of one collection of metrics or health
    std::chrono::milliseconds reuse{1'000};           ///< what was collected is answered again for so long
    std::chrono::milliseconds health_interval{1'000}; ///< between two looks at the health while somebody reads events
    std::chrono::milliseconds keep_alive{15'000};     ///< longest silence of /api/events
    ///@}

    json::object to_json() const;
};

} // namespace whisperstore

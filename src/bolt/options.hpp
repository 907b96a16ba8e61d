#pragma once
// A DriverConfig, checked and read.

#include "protocol/bolt/requests.hpp"
#include "protocol/http/tls_session.hpp"

#include <whisperstore/bolt/config.hpp>
#include <whisperstore/core/connection_url.hpp>

#include <memory>
#include <string>
#include <vector>

namespace whisperstore::bolt {

/// Immutable, shared by all that the driver is made of.
struct Options
{
    /// \throws StorageError invalid_argument naming the setting; never with a secret.
    explicit Options(DriverConfig config);

    DriverConfig config;
    bool routes = false; ///< neo4j://
    bool secure = false;
    std::vector<HostPort> seeds;           ///< at least one, each with its port
    RoutingContext query;                  ///< of a neo4j:// address
    std::shared_ptr<http::TlsContext> tls; ///< null: none

    void log(LogLevel level, std::string_view message) const
    {
        if (config.logger)
            config.logger(level, "bolt", message);
    }
};

} // namespace whisperstore::bolt

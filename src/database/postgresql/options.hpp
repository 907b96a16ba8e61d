#pragma once
// What a connection string and the settings beside it say.

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/database/database_config.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace whisperstore::postgresql {

struct Options
{
    std::vector<HostPort> hosts; ///< at least one, each with its port; a host beginning with `/` is a socket's folder
    /// Everything else libpq is told: user, password, dbname, sslmode, …
    std::vector<std::pair<std::string, std::string>> keywords;
    std::string user;     ///< for messages
    std::string database; ///< for messages

    std::size_t pool_size = 10;
    std::size_t max_waiting = 1024;                    ///< callers in line for a connection
    bool named_statements = true;                      ///< false: for poolers that change servers between transactions
    bool read_only = false;                            ///< every transaction is read-only
    std::chrono::milliseconds connect_timeout{10'000}; ///< look-up, TCP, TLS and authentication
    std::chrono::milliseconds statement_timeout{0};    ///< of the server, where a call has no deadline; 0: none
    std::chrono::milliseconds transaction_idle_limit{5'000};

    /// Throws StorageError invalid_argument naming the parameter or setting; never repeats the URL.
    static Options of(const DatabaseConfig& config);
    /// `host:port, user u` for messages.
    std::string describe(const HostPort& host) const;
};

} // namespace whisperstore::postgresql

#pragma once
/// \file
/// Settings of a Bolt driver, its sessions and its transactions.

#include <whisperstore/bolt/value.hpp>
#include <whisperstore/core/log.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace whisperstore::bolt {

/// No credentials: for servers without authentication.
struct NoAuth
{
    friend bool operator==(const NoAuth&, const NoAuth&) = default;
};
/// A user's name and password. `realm` as the server has it; usually empty.
struct BasicAuth
{
    std::string username;
    std::string password;
    std::string realm = {};
    friend bool operator==(const BasicAuth&, const BasicAuth&) = default;
};
/// A token of single sign-on.
struct BearerAuth
{
    std::string token;
    friend bool operator==(const BearerAuth&, const BearerAuth&) = default;
};
using Auth = std::variant<NoAuth, BasicAuth, BearerAuth>;

/// How a Driver connects. Secrets are in it: never logged.
struct DriverConfig
{
    /// `bolt://host:port` for one server, `neo4j://host:port?key=value` for routing: what the server announces says who
    /// takes reads and writes. Port 7687 where none is named. With `+s` TLS whose certificate is checked, with `+ssc`
    /// TLS that trusts any certificate. Several hosts are seeds: `neo4j://one:7687,two:7687`. For `bolt` one host.
    /// No user-info.
    std::string uri = "bolt://localhost:7687";
    Auth auth = NoAuth();
    std::filesystem::path ca_file = {};              ///< PEM, for `+s`; empty: the system's authorities
    std::filesystem::path client_cert_file = {};     ///< PEM client certificate; empty: none
    std::filesystem::path client_key_file = {};      ///< PEM key of the client certificate
    std::string user_agent = "";                     ///< empty: "whisperstore/<version>"
    std::size_t max_connection_pool_size = 100;      ///< to each server
    std::size_t max_waiting = 1024;                  ///< callers in line for a connection; beyond: resource_exhausted
    std::chrono::milliseconds connect_timeout{5000}; ///< TCP, TLS, handshake and logon together
    std::chrono::milliseconds acquisition_timeout{60000};       ///< waiting for a connection of the pool
    std::chrono::milliseconds max_connection_lifetime{3600000}; ///< older ones are replaced before use
    /// A connection that rested for longer is asked for a sign of life before it is used (a round trip). At every use
    /// it is looked at whether the server closed it, which costs none.
    std::chrono::milliseconds liveness_check_after{60000};
    /// Of managed transactions, where the call has no deadline: no new attempt begins after it.
    std::chrono::milliseconds max_transaction_retry_time{30000};
    std::int64_t fetch_size = 1000; ///< records asked for at once; -1: all
    std::size_t max_message_size = std::size_t(256)
                                   << 20U; ///< bytes; a larger message of the server ends the connection
    bool telemetry =
        false;          ///< tells servers that ask for it (Bolt 5.4) which kind of transaction is used; nothing else
    Logger logger = {}; ///< connections lost, tables refreshed; may be empty
};

enum class AccessMode : std::uint8_t
{
    write, ///< the leader
    read,  ///< where there are several servers, one that may be behind; bookmarks make it wait
};

/// Opaque. Whoever reads with the bookmarks of a write sees it, on every server of the cluster.
using Bookmarks = std::vector<std::string>;

struct SessionConfig
{
    std::string database = {}; ///< empty: the user's home database
    AccessMode access_mode = AccessMode::write;
    Bookmarks bookmarks = {};
    std::string impersonated_user = {};
    std::optional<std::int64_t> fetch_size = std::nullopt; ///< nothing: the driver's
};

struct TransactionConfig
{
    /// The server's own limit, after which it ends the transaction: nothing is its default, 0 is none. The deadline
    /// of a call is kept by the driver and need not be repeated here.
    std::optional<std::chrono::milliseconds> timeout = std::nullopt;
    Map metadata = {}; ///< shown by SHOW TRANSACTIONS and in the server's query log
};

} // namespace whisperstore::bolt

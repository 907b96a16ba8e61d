#pragma once
// Which server takes a query: one always (bolt://), or what routing tables say (neo4j://).

#include "bolt/options.hpp"
#include "bolt/pool.hpp"
#include "core/job.hpp"
#include "protocol/bolt/routing_table.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::bolt {

/// What a session wants of a server.
struct Target
{
    AccessMode access_mode = AccessMode::write;
    std::string database = {}; ///< empty: the user's home database
    Bookmarks bookmarks = {};
    std::string impersonated_user = {};
};

/// A connection, and what is known of the database it is for.
struct Routed
{
    Lease lease;
    /// To be named in messages: empty where the server shall say which one is home.
    std::string database;
    /// Whose routing table led here.
    std::string table;
};

/// Thread safe.
class Router : public std::enable_shared_from_this<Router>
{
public:
    explicit Router(std::shared_ptr<const Options> options);
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    /// \throws StorageError unavailable (nobody can be reached, or there is no leader now), and as Pool::acquire and
    /// the server's answer to ROUTE.
    awaitable<Routed> acquire(Target target, OperationContext context);

    /// Learns from what went wrong with a server.
    void note(const HostPort& server, const std::string& table, const StorageError& error);
    /// A server said which database is the user's home.
    void note_home(const std::string& impersonated_user, const std::string& database);

    void close();
    std::vector<ConnectionCounts> counts() const;

private:
    struct Refresh;
    class Refreshing;

    std::shared_ptr<Pool> pool(const HostPort& server);
    awaitable<Routed> acquire_routed(Target target, OperationContext context);
    awaitable<Routed> acquire_by_table(std::string table, Target target, OperationContext context);
    awaitable<std::string> home_of(Target target, OperationContext context);
    std::optional<std::string> guessed_home(const Target& target) const;
    std::optional<HostPort> choose(const std::string& table, AccessMode mode);
    awaitable<void> refresh(std::string table, Target target, OperationContext context);
    awaitable<std::string> fetch(std::string table, Target target, OperationContext context);
    awaitable<RoutingTable> ask(HostPort router, std::string database, Target target, OperationContext context);
    std::vector<HostPort> routers_of(const std::string& table) const;
    void keep(RoutingTable table);
    void forget(const HostPort& server);

    const std::shared_ptr<const Options> options_;
    std::atomic<bool> all_route_themselves_{true}; // ssr.enabled, as far as servers were met
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Pool>> pools_; // by address
    std::map<std::string, RoutingTable> tables_;         // by database
    std::map<std::string, std::string> homes_;           // by impersonated user, or "" for the driver's own
    std::map<std::string, std::shared_ptr<Refresh>> refreshes_;
    std::array<std::size_t, 2> turns_{}; // of writers and readers with equally many connections in use
    bool closed_ = false;
};

} // namespace whisperstore::bolt

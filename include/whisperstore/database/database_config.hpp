#pragma once
/// \file
/// Settings of the database layer.

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace whisperstore {

/// How a database adapter connects. Built by AdaptiveConfigManager or by hand.
struct DatabaseConfig
{
    std::string type = "sqlite"; ///< sqlite, postgresql, postgresql_cluster
    /// `sqlite:///~/.whisperengine/database.db` (three slashes and a path; `~` is the home directory;
    /// a fourth slash makes it absolute; `?mode=ro` opens read-only), `sqlite:///:memory:`, or
    /// `postgresql://user:pass@host:port/db` with percent-encoded user-info. A secret: never logged whole.
    std::string connection_string;
    std::size_t pool_size = 2;  ///< connections; SQLite: parallel readers beside the one writer
    bool backup_enabled = true; ///< whether scheduled backups include this store
    double backup_interval_hours = 24;
    bool read_only = false;           ///< opens beside a writing process; writes are `permission`
    std::string synchronous = "FULL"; ///< SQLite: FULL survives power loss, NORMAL only a crash of the process
    std::chrono::milliseconds busy_timeout{5000};           ///< SQLite: wait for another process's lock
    std::chrono::milliseconds transaction_idle_limit{5000}; ///< scoped transactions are rolled back after this
    std::vector<std::string> cluster_nodes;                 ///< host:port, PostgreSQL clusters
    /// PostgreSQL clusters: where reads outside of transactions go: `primary`, `prefer_replica` (the primary where no
    /// replica qualifies) or `nearest` (the lowest latency, whatever its role).
    std::string read_policy = "primary";
    /// PostgreSQL clusters: a replica whose state may be older is not read from; zero: however old it is. What is known
    /// of a replica is itself up to a second old.
    std::chrono::milliseconds max_replica_lag{10000};
    /// PostgreSQL clusters: how long work without a deadline waits for a primary.
    std::chrono::milliseconds failover_limit{30000};
};

} // namespace whisperstore

#pragma once
// What a server of a cluster says of itself.

#include "database/postgresql/log_position.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace whisperstore::postgresql {

enum class NodeRole : std::uint8_t
{
    unknown,
    primary,
    replica
};
std::string_view to_string(NodeRole role) noexcept;

/// The answer to probe_sql.
struct ProbeAnswer
{
    NodeRole role = NodeRole::unknown;
    std::uint64_t system_identifier = 0; ///< the same on all servers of a cluster
    std::int64_t started_at = 0; ///< when the server started, in its own microseconds: tells one run from the next
    /// A primary's end of the log; how far a replica has replayed it.
    LogPosition position;
    /// How much of the log a replica has received; zero where it streams from nobody.
    LogSequenceNumber received;
    /// Age of the last transaction that a replica replayed, by its own clock against the primary's.
    std::optional<std::chrono::milliseconds> replay_age;
};

/// One row with one text, in one round trip and without any privilege: `replica 771… 1790… 1 0/3000C20 0/3000C20 337`.
/// The role is looked at once, for it may change under the query. A replica's timeline is the highest that it is known
/// to follow; roles without pg_read_all_stats see it only after the replica's next restart point.
inline constexpr std::string_view probe_sql =
    "SELECT concat_ws(' ', CASE WHEN recovering THEN 'replica' ELSE 'primary' END, "
    "(SELECT system_identifier FROM pg_control_system()), "
    "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8, "
    "CASE WHEN recovering THEN greatest((SELECT timeline_id FROM pg_control_checkpoint()), "
    "(SELECT min_recovery_end_timeline FROM pg_control_recovery()), (SELECT received_tli FROM pg_stat_wal_receiver)) "
    "ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int8 END, "
    "CASE WHEN recovering THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_insert_lsn() END, "
    "CASE WHEN recovering THEN coalesce(pg_last_wal_receive_lsn(), '0/0') ELSE '0/0' END, "
    "CASE WHEN recovering THEN (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::int8 "
    "END) "
    "FROM (SELECT pg_is_in_recovery() AS recovering OFFSET 0) AS role";

/// Throws StorageError unsupported for a text that is no answer to probe_sql.
ProbeAnswer parse_probe(std::string_view text);

} // namespace whisperstore::postgresql

#pragma once
// Who is primary and who may be read from, decided from what probes found. No I/O and no clock: times are passed in.

#include "database/postgresql/cluster/probe.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::postgresql {

/// Where reads go.
enum class ReadPolicy : std::uint8_t
{
    primary,
    prefer_replica, ///< to a replica; to the primary where none qualifies
    nearest         ///< to the server with the lowest latency, whatever its role
};
std::string_view to_string(ReadPolicy policy) noexcept;
std::optional<ReadPolicy> parse_read_policy(std::string_view text) noexcept;

enum class TopologyChange : std::uint8_t
{
    primary_found, ///< the first one
    failover,      ///< another server is the primary now
    primary_lost,
    primary_back,   ///< the one that was lost
    second_primary, ///< a server that calls itself primary and must not be written to
    foreign_server, ///< a server of another cluster
    node_lost,
    node_back,
    node_removed ///< its address has left the service's name
};

struct TopologyEvent
{
    TopologyChange change;
    std::size_t node;
    std::string text; ///< a sentence for logs
};

/// What is known of a server, for status and metrics.
struct NodeStatus
{
    std::size_t node = 0;
    std::string name;
    NodeRole role = NodeRole::unknown;
    bool reachable = false;
    bool is_writer = false;
    LogPosition position;
    LogSequenceNumber received;
    std::optional<std::uint64_t> lag_bytes;             ///< replicas: of the primary's log, not replayed
    std::optional<std::chrono::milliseconds> lag;       ///< replicas: at most so old was their state at the last probe
    std::optional<std::chrono::microseconds> latency;   ///< of a probe's round trip, smoothed
    std::optional<std::chrono::milliseconds> probe_age; ///< none: never answered
    std::string problem;                                ///< why it is not used; empty when all is well
};

/// Where a read may go.
struct ReaderChoice
{
    std::optional<std::size_t> node; ///< none: wait for a primary
    /// A replica would have been chosen had it only replayed up to the session's last write.
    bool replica_behind = false;
};

/// The state of a cluster's servers. Knowledge of a server ends when a connection to it breaks or it answers that
/// it is read-only: suspect(); what was asked before that does not count any more. Not thread safe.
///
/// The primary is whoever says so on the highest timeline that any server has been seen on: a returning old primary is
/// on a lower one. After a primary was lost, one on the same timeline (it restarted, or another has not been promoted
/// yet) is believed only when all the others have been asked since.
class Topology
{
public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    /// `max_replica_lag` zero: however old.
    Topology(ReadPolicy policy, std::chrono::milliseconds max_replica_lag, Time now);

    /// Index of a server, which stays; a known name gets its old one.
    std::size_t add(std::string name);
    /// The server is not part of the cluster any more (its address has left the service's name).
    void retire(std::size_t node, Time now);
    std::size_t size() const noexcept { return nodes_.size(); }
    bool retired(std::size_t node) const { return nodes_.at(node).retired; }
    const std::string& name(std::size_t node) const { return nodes_.at(node).name; }

    void probe_answered(std::size_t node, const ProbeAnswer& answer, Time asked, Time now);
    /// How far a replica has replayed the log by now; asked over the connection of its last probe.
    void replayed(std::size_t node, LogSequenceNumber lsn, Time asked, Time now);
    void probe_failed(std::size_t node, std::string reason, Time asked, Time now);
    void suspect(std::size_t node, std::string_view reason, Time now);

    std::optional<std::size_t> writer() const noexcept { return writer_; }
    NodeRole role(std::size_t node) const noexcept;
    /// The writer's timeline, or the last one's.
    std::uint32_t timeline() const noexcept { return last_writer_timeline_; }
    /// The writer, unless the session has written on a later timeline than its one.
    std::optional<std::size_t> writer_for(const std::optional<LogPosition>& written) const noexcept;
    /// A server for a read of a session that has written up to `written`; not one of `excluded`, which just failed.
    ReaderChoice choose_reader(const std::optional<LogPosition>& written, const std::vector<std::size_t>& excluded,
                               Time now);
    /// The primary's place in its log, where it was asked after the write that `unknown` stands for.
    std::optional<LogPosition> settle(const LogPosition& unknown) const noexcept;
    /// Whether the server is the same run of the same role as a connection's own probe found.
    bool fits(std::size_t node, const ProbeAnswer& answer) const noexcept;

    std::vector<NodeStatus> status(Time now) const;
    std::uint64_t failovers() const noexcept { return failovers_; }
    /// The changes since the last call.
    std::vector<TopologyEvent> take_events();
    /// Why there is no writer, for error messages: each server and what is wrong with it.
    std::string describe_missing_writer(Time now) const;

private:
    struct Node
    {
        std::string name;
        bool retired = false;
        bool reachable = false; ///< the last probe was answered, and nothing spoke against it since
        bool reported = false;  ///< its event of second primary or foreign server is out
        bool lost = false;      ///< its event of being lost is out
        std::optional<ProbeAnswer> answer;
        Time asked;     ///< when the newest result was asked for
        Time answered;  ///< when the newest answer came
        Time suspected; ///< results asked for before this do not count
        std::optional<Duration> latency;
        std::string problem;
    };
    struct Sample
    {
        Time asked;
        LogSequenceNumber lsn;
    };

    bool is_new_result(const Node& node, Time asked) const noexcept;
    bool is_foreign(const Node& node) const noexcept;
    bool is_candidate(const Node& node) const noexcept;
    bool all_others_heard(std::size_t node) const noexcept;
    bool may_take_over(std::size_t node) const noexcept;
    void decide(Time now);
    void accept_writer(std::size_t node, Time now);
    void lose_writer(std::string_view reason, Time now);
    void report_misfits();
    void sample_writer();
    void report(TopologyChange change, std::size_t node, std::string text);

    std::optional<Duration> staleness(const Node& node) const;
    bool is_readable_replica(const Node& node, Time now) const;
    LogSequenceNumber required_lsn(const LogPosition& written) const noexcept;

    ReadPolicy policy_;
    std::chrono::milliseconds max_replica_lag_;
    std::vector<Node> nodes_;
    std::optional<std::size_t> writer_;
    std::optional<std::size_t> last_writer_;
    std::int64_t last_writer_started_ = 0;
    std::uint32_t last_writer_timeline_ = 0;
    std::optional<std::uint64_t> system_identifier_;
    std::uint32_t highest_timeline_ = 0;
    Time searching_since_;
    std::deque<Sample> samples_; ///< places of the writer's log over time, oldest first
    std::vector<TopologyEvent> events_;
    std::uint64_t failovers_ = 0;
    std::size_t turn_ = 0; ///< of equally good readers, each in its turn
};

} // namespace whisperstore::postgresql

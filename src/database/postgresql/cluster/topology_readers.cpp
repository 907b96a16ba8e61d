// Which servers may be read from, and what is shown of all of them.

#include "database/postgresql/cluster/topology.hpp"

#include <algorithm>

namespace whisperstore::postgresql {

namespace {

using std::chrono::milliseconds;

/// What is as near as the nearest, for a probe's round trip is no exact measure.
Topology::Duration as_near_as(Topology::Duration lowest)
{
    return lowest + lowest / 4 + std::chrono::microseconds(500);
}

} // namespace

std::string_view to_string(ReadPolicy policy) noexcept
{
    switch (policy) {
    case ReadPolicy::primary:
        return "primary";
    case ReadPolicy::prefer_replica:
        return "prefer_replica";
    case ReadPolicy::nearest:
        return "nearest";
    }
    return "unknown";
}

std::optional<ReadPolicy> parse_read_policy(std::string_view text) noexcept
{
    for (const ReadPolicy policy : {ReadPolicy::primary, ReadPolicy::prefer_replica, ReadPolicy::nearest})
        if (text == to_string(policy))
            return policy;
    return std::nullopt;
}

std::optional<std::size_t> Topology::writer_for(const std::optional<LogPosition>& written) const noexcept
{
    if (!writer_ || (written && written->timeline > last_writer_timeline_))
        return std::nullopt;
    return writer_;
}

NodeRole Topology::role(std::size_t index) const noexcept
{
    const Node& node = nodes_[index];
    return node.reachable && !node.retired ? node.answer->role : NodeRole::unknown;
}

std::optional<LogPosition> Topology::settle(const LogPosition& unknown) const noexcept
{
    if (!writer_ || !unknown.is_settled_by(nodes_[*writer_].asked))
        return std::nullopt;
    return nodes_[*writer_].answer->position;
}

/// How old a replica's state was at most when it was last asked: by the age of the transaction it had replayed last
/// (which grows while the primary is idle), and by the last time at which the primary's log was known not to go further
/// (which is as coarse as the probes). Both are upper bounds.
std::optional<Topology::Duration> Topology::staleness(const Node& node) const
{
    std::optional<Duration> bound = node.answer->replay_age;
    const auto covered = std::find_if(samples_.rbegin(), samples_.rend(), [&](const Sample& sample) {
        return sample.asked <= node.answered && sample.lsn <= node.answer->position.lsn;
    });
    if (covered != samples_.rend())
        bound = std::min(bound.value_or(Duration::max()), node.answered - covered->asked);
    return bound;
}

bool Topology::is_readable_replica(const Node& node, Time now) const
{
    // One on a lower timeline may hold rows that the new primary never had.
    if (node.retired || !node.reachable || node.answer->role != NodeRole::replica || is_foreign(node) ||
        node.answer->position.timeline < highest_timeline_)
        return false;
    if (max_replica_lag_ == milliseconds::zero())
        return true;
    const auto stale = staleness(node);
    return stale && *stale + (now - node.answered) <= max_replica_lag_;
}

/// After a failover rows of the old timeline may be lost, and their place in the log be out of reach for ever: what
/// survived lies before everything that the new primary has written.
LogSequenceNumber Topology::required_lsn(const LogPosition& written) const noexcept
{
    if (writer_ && written.timeline < last_writer_timeline_)
        return std::min(written.lsn, nodes_[*writer_].answer->position.lsn);
    return written.lsn;
}

ReaderChoice Topology::choose_reader(const std::optional<LogPosition>& written,
                                     const std::vector<std::size_t>& excluded, Time now)
{
    ReaderChoice choice;
    const auto is_excluded = [&](std::size_t index) { return std::ranges::find(excluded, index) != excluded.end(); };
    if (written && written->timeline > std::max(highest_timeline_, last_writer_timeline_))
        return choice; // written on a primary that is not known yet
    std::vector<std::size_t> candidates;
    if (policy_ != ReadPolicy::primary) {
        const LogSequenceNumber required = written ? required_lsn(*written) : LogSequenceNumber{};
        for (std::size_t index = 0; index < nodes_.size(); ++index) {
            if (is_excluded(index) || !is_readable_replica(nodes_[index], now))
                continue;
            if (nodes_[index].answer->position.lsn >= required)
                candidates.push_back(index);
            else
                choice.replica_behind = true;
        }
    }
    const std::optional<std::size_t> writer = writer_for(written);
    const bool use_writer = writer && !is_excluded(*writer);
    if (use_writer && (policy_ == ReadPolicy::nearest || candidates.empty()))
        candidates.push_back(*writer);
    if (candidates.empty())
        return choice;
    if (policy_ == ReadPolicy::nearest) {
        Duration lowest = Duration::max();
        for (const std::size_t index : candidates)
            lowest = std::min(lowest, *nodes_[index].latency);
        std::erase_if(candidates, [&](std::size_t index) { return *nodes_[index].latency > as_near_as(lowest); });
    }
    choice.node = candidates[turn_++ % candidates.size()];
    return choice;
}

bool Topology::fits(std::size_t index, const ProbeAnswer& answer) const noexcept
{
    const Node& node = nodes_[index];
    return node.reachable && node.answer->role == answer.role && node.answer->started_at == answer.started_at &&
           node.answer->system_identifier == answer.system_identifier;
}

std::vector<NodeStatus> Topology::status(Time now) const
{
    std::vector<NodeStatus> all;
    for (std::size_t index = 0; index < nodes_.size(); ++index) {
        const Node& node = nodes_[index];
        if (node.retired)
            continue;
        NodeStatus status;
        status.node = index;
        status.name = node.name;
        status.reachable = node.reachable;
        status.is_writer = writer_ == index;
        status.problem = node.problem;
        if (node.latency)
            status.latency = std::chrono::duration_cast<std::chrono::microseconds>(*node.latency);
        if (node.answer) {
            status.role = node.answer->role;
            status.position = node.answer->position;
            status.received = node.answer->received;
            status.probe_age = std::chrono::duration_cast<milliseconds>(now - node.answered);
        }
        if (node.answer && node.reachable) {
            if (is_foreign(node))
                status.problem = "belongs to another cluster";
            else if (node.answer->role == NodeRole::primary && !status.is_writer)
                status.problem = node.answer->position.timeline < highest_timeline_ || writer_
                                     ? "calls itself primary, but is not the one"
                                     : "calls itself primary; the others have not been asked yet";
            else if (node.answer->role == NodeRole::replica && node.answer->position.timeline < highest_timeline_)
                status.problem = "follows an old timeline";
        }
        if (node.answer && node.answer->role == NodeRole::replica && !is_foreign(node)) {
            if (!samples_.empty()) {
                const LogSequenceNumber end = samples_.back().lsn;
                const LogSequenceNumber replayed = node.answer->position.lsn;
                status.lag_bytes = end > replayed ? end.value - replayed.value : 0;
            }
            if (const auto stale = staleness(node))
                status.lag = std::chrono::duration_cast<milliseconds>(*stale);
        }
        all.push_back(std::move(status));
    }
    return all;
}

std::string Topology::describe_missing_writer(Time now) const
{
    std::string text;
    for (const NodeStatus& node : status(now)) {
        text.append(text.empty() ? "" : "; ").append(node.name).append(": ");
        if (!node.problem.empty())
            text.append(node.problem);
        else
            text.append(to_string(node.role));
    }
    return text;
}

} // namespace whisperstore::postgresql

#include "database/postgresql/cluster/topology.hpp"

#include <algorithm>

namespace whisperstore::postgresql {

namespace {

/// Enough for any replica that may still be read from, one a probe.
constexpr std::size_t max_samples = 256;
/// Closer ones replace each other: searching for a primary probes more often.
constexpr auto sample_distance = std::chrono::milliseconds(100);

} // namespace

Topology::Topology(ReadPolicy policy, std::chrono::milliseconds max_replica_lag, Time now)
    : policy_(policy), max_replica_lag_(max_replica_lag), searching_since_(now)
{
}

std::size_t Topology::add(std::string name)
{
    const auto known = std::ranges::find(nodes_, name, &Node::name);
    if (known != nodes_.end()) {
        known->retired = false;
        return static_cast<std::size_t>(known - nodes_.begin());
    }
    Node node;
    node.name = std::move(name);
    node.asked = Time::min();
    node.answered = Time::min();
    node.suspected = Time::min();
    node.problem = "not asked yet";
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
}

void Topology::retire(std::size_t node, Time now)
{
    suspect(node, "it is not part of the cluster any more", now);
    nodes_.at(node).retired = true;
    report(TopologyChange::node_removed, node, nodes_.at(node).name + " is not part of the cluster any more");
}

bool Topology::is_new_result(const Node& node, Time asked) const noexcept
{
    return !node.retired && asked >= node.suspected && asked >= node.asked;
}

void Topology::probe_answered(std::size_t index, const ProbeAnswer& answer, Time asked, Time now)
{
    Node& node = nodes_.at(index);
    if (!is_new_result(node, asked))
        return;
    const bool changed = !node.answer || node.answer->role != answer.role ||
                         node.answer->position.timeline != answer.position.timeline ||
                         node.answer->system_identifier != answer.system_identifier;
    const bool restarted = node.answer && node.answer->started_at != answer.started_at;
    if (changed)
        node.reported = false;
    if (node.lost)
        report(TopologyChange::node_back, index,
               node.name + " answers again, as " + std::string(to_string(answer.role)));
    node.lost = false;
    node.reachable = true;
    node.answer = answer;
    node.asked = asked;
    node.answered = now;
    node.problem.clear();
    // One slow answer says little, a few do: an eighth of each.
    node.latency = node.latency ? *node.latency + ((now - asked) - *node.latency) / 8 : now - asked;
    // Somebody else may have been promoted meanwhile.
    if (writer_ == index && restarted)
        lose_writer("it was restarted", now);
    decide(now);
    if (writer_ == index)
        sample_writer();
}

void Topology::replayed(std::size_t index, LogSequenceNumber lsn, Time asked, Time now)
{
    Node& node = nodes_.at(index);
    if (!is_new_result(node, asked) || !node.reachable || node.answer->role != NodeRole::replica)
        return;
    // The age of the last transaction is not known to be less.
    if (node.answer->replay_age)
        *node.answer->replay_age += std::chrono::ceil<std::chrono::milliseconds>(now - node.answered);
    node.answer->position.lsn = lsn;
    node.asked = asked;
    node.answered = now;
}

void Topology::probe_failed(std::size_t index, std::string reason, Time asked, Time now)
{
    Node& node = nodes_.at(index);
    if (!is_new_result(node, asked))
        return;
    node.reachable = false;
    node.asked = asked;
    node.problem = std::move(reason);
    if (!node.lost)
        report(TopologyChange::node_lost, index, node.name + " cannot be reached: " + node.problem);
    node.lost = true;
    decide(now);
}

void Topology::suspect(std::size_t index, std::string_view reason, Time now)
{
    Node& node = nodes_.at(index);
    node.reachable = false;
    node.suspected = now;
    node.problem = reason;
    decide(now);
}

// ---- the primary

bool Topology::is_foreign(const Node& node) const noexcept
{
    return system_identifier_ && node.answer && node.answer->system_identifier != *system_identifier_;
}

bool Topology::is_candidate(const Node& node) const noexcept
{
    return !node.retired && node.reachable && node.answer->role == NodeRole::primary && !is_foreign(node);
}

bool Topology::all_others_heard(std::size_t index) const noexcept
{
    for (std::size_t other = 0; other < nodes_.size(); ++other)
        if (other != index && !nodes_[other].retired && nodes_[other].asked < searching_since_)
            return false;
    return true;
}

bool Topology::may_take_over(std::size_t index) const noexcept
{
    const ProbeAnswer& answer = *nodes_[index].answer;
    if (last_writer_ && answer.position.timeline > last_writer_timeline_)
        return true; // it was promoted since, which no other can say of itself
    if (last_writer_ == index && answer.started_at == last_writer_started_)
        return true; // it has been primary all the time: only a connection was lost
    return all_others_heard(index);
}

void Topology::decide(Time now)
{
    std::uint32_t highest = highest_timeline_;
    for (const Node& node : nodes_)
        if (node.answer && !node.retired && !is_foreign(node))
            highest = std::max(highest, node.answer->position.timeline);
    if (system_identifier_)
        highest_timeline_ = highest;

    std::optional<std::size_t> best;
    for (std::size_t index = 0; index < nodes_.size(); ++index) {
        if (!is_candidate(nodes_[index]) || nodes_[index].answer->position.timeline < highest)
            continue;
        const bool better =
            !best || writer_ == index ||
            (writer_ != best && nodes_[index].answer->position.lsn > nodes_[*best].answer->position.lsn);
        if (better)
            best = index;
    }
    if (writer_ && writer_ != best) {
        const Node& node = nodes_[*writer_];
        lose_writer(!node.problem.empty() ? node.problem
                    : is_candidate(node)  ? "another server is on a later timeline"
                                          : "it is a replica now",
                    now);
    }
    if (best && !writer_ && may_take_over(*best))
        accept_writer(*best, now);
    report_misfits();
}

void Topology::accept_writer(std::size_t index, Time now)
{
    const ProbeAnswer& answer = *nodes_[index].answer;
    const std::string where = nodes_[index].name + " on timeline " + std::to_string(answer.position.timeline);
    if (!last_writer_) {
        report(TopologyChange::primary_found, index, "the primary is " + where);
    } else if (last_writer_ == index && last_writer_timeline_ == answer.position.timeline) {
        report(TopologyChange::primary_back, index, "the primary is " + where + " again");
    } else {
        ++failovers_;
        report(TopologyChange::failover, index,
               "the primary is " + where + " now; it was " + nodes_[*last_writer_].name + " on timeline " +
                   std::to_string(last_writer_timeline_));
    }
    if (last_writer_timeline_ != answer.position.timeline || last_writer_ != index)
        samples_.clear();
    writer_ = index;
    last_writer_ = index;
    last_writer_started_ = answer.started_at;
    last_writer_timeline_ = answer.position.timeline;
    system_identifier_ = answer.system_identifier;
    highest_timeline_ = std::max(highest_timeline_, answer.position.timeline);
    searching_since_ = now;
    sample_writer();
}

void Topology::lose_writer(std::string_view reason, Time now)
{
    report(TopologyChange::primary_lost, *writer_,
           "the primary " + nodes_[*writer_].name + " is lost: " + std::string(reason));
    writer_.reset();
    searching_since_ = now;
}

void Topology::report_misfits()
{
    if (!last_writer_)
        return;
    for (std::size_t index = 0; index < nodes_.size(); ++index) {
        Node& node = nodes_[index];
        if (!node.reachable || node.retired || node.reported)
            continue;
        if (is_foreign(node)) {
            report(TopologyChange::foreign_server, index,
                   node.name + " belongs to another cluster (its system identifier differs): it is not used");
        } else if (node.answer->role == NodeRole::primary && writer_ && writer_ != index) {
            report(TopologyChange::second_primary, index,
                   node.name + " calls itself primary on timeline " + std::to_string(node.answer->position.timeline) +
                       ", but the primary is " + nodes_[*writer_].name + " on timeline " +
                       std::to_string(last_writer_timeline_) +
                       ": it is not written to; make it a standby of that one (pg_rewind or pg_basebackup)");
        } else {
            continue;
        }
        node.reported = true;
    }
}

void Topology::sample_writer()
{
    const Time asked = nodes_[*writer_].asked;
    const LogSequenceNumber lsn = nodes_[*writer_].answer->position.lsn;
    if (samples_.size() > 1 && samples_.back().asked - samples_[samples_.size() - 2].asked < sample_distance)
        samples_.pop_back();
    samples_.push_back(Sample{asked, lsn});
    if (samples_.size() > max_samples)
        samples_.pop_front();
}

void Topology::report(TopologyChange change, std::size_t node, std::string text)
{
    events_.push_back(TopologyEvent{change, node, std::move(text)});
}

std::vector<TopologyEvent> Topology::take_events() { return std::exchange(events_, {}); }

} // namespace whisperstore::postgresql

#pragma once

#include "database/postgresql/cluster/topology.hpp"

#include <gtest/gtest.h>

namespace whisperstore::test {

using namespace postgresql;
using namespace std::chrono_literals;

inline constexpr std::uint64_t cluster_id = 7713668017281768252U;

inline ProbeAnswer primary(std::uint32_t timeline, std::uint64_t lsn, std::int64_t started_at = 1)
{
    ProbeAnswer answer;
    answer.role = NodeRole::primary;
    answer.system_identifier = cluster_id;
    answer.started_at = started_at;
    answer.position = LogPosition{timeline, LogSequenceNumber{lsn}};
    return answer;
}
inline ProbeAnswer replica(std::uint32_t timeline, std::uint64_t lsn, std::optional<std::chrono::milliseconds> age = {},
                           std::int64_t started_at = 1)
{
    ProbeAnswer answer = primary(timeline, lsn, started_at);
    answer.role = NodeRole::replica;
    answer.received = LogSequenceNumber{lsn};
    answer.replay_age = age;
    return answer;
}
inline LogPosition at(std::uint32_t timeline, std::uint64_t lsn)
{
    return LogPosition{timeline, LogSequenceNumber{lsn}};
}

/// Servers a, b and c, each of whose probes takes a millisecond.
class Cluster : public testing::Test
{
protected:
    Topology& with(ReadPolicy policy, std::chrono::milliseconds max_lag = 10s)
    {
        topology.emplace(policy, max_lag, now);
        for (const char* name : {"a", "b", "c"})
            topology->add(name);
        return *topology;
    }
    void answers(std::size_t node, const ProbeAnswer& answer, std::chrono::microseconds latency = 1ms)
    {
        const auto asked = now;
        now += latency;
        topology->probe_answered(node, answer, asked, now);
    }
    void fails(std::size_t node)
    {
        const auto asked = now;
        now += 1ms;
        topology->probe_failed(node, "connection refused", asked, now);
    }
    void loses(std::size_t node)
    {
        now += 1ms;
        topology->suspect(node, "a connection broke", now);
    }
    std::vector<TopologyChange> changes()
    {
        std::vector<TopologyChange> list;
        for (const TopologyEvent& event : topology->take_events())
            list.push_back(event.change);
        return list;
    }
    std::optional<std::size_t> reader(std::optional<LogPosition> written = {}, std::vector<std::size_t> excluded = {})
    {
        return topology->choose_reader(written, excluded, now).node;
    }

    Topology::Time now{std::chrono::hours(1)};
    std::optional<Topology> topology;
};

using Changes = std::vector<TopologyChange>;
inline constexpr std::size_t a = 0;
inline constexpr std::size_t b = 1;
inline constexpr std::size_t c = 2;

} // namespace whisperstore::test

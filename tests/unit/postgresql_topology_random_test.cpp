#include "postgresql_topology_support.hpp"

#include <array>
#include <random>

namespace whisperstore::test {

namespace {

/// A cluster whose servers die, return, are promoted and demoted, watched by probes that come late and out of order.
class RandomCluster
{
public:
    explicit RandomCluster(unsigned seed) : random_(seed), topology_(ReadPolicy::prefer_replica, 0ms, now_)
    {
        for (const char* name : {"a", "b", "c"})
            topology_.add(name);
        servers_[0] = primary(1, 1000);
        servers_[1] = servers_[2] = replica(1, 1000);
    }

    void step()
    {
        now_ += std::chrono::microseconds(pick(2000));
        const std::size_t node = pick(3);
        ProbeAnswer& server = servers_[node];
        switch (pick(8)) {
        case 0: // the log grows
            if (alive_[node] && server.role == NodeRole::primary) {
                server.position.lsn.value += 1 + pick(100);
                if (server.position.timeline == highest_)
                    written_ = server.position;
            }
            break;
        case 1: // replication
            for (ProbeAnswer& other : servers_)
                if (alive_[node] && server.role == NodeRole::replica && other.role == NodeRole::primary &&
                    other.position.timeline >= server.position.timeline) {
                    server.position.timeline = other.position.timeline;
                    server.position.lsn.value = std::max(server.position.lsn.value, other.position.lsn.value);
                }
            break;
        case 2: // death, which breaks connections
            if (pick(4) == 0) {
                alive_[node] = false;
                topology_.suspect(node, "dead", now_);
            }
            break;
        case 3: // return
            if (!alive_[node]) {
                alive_[node] = true;
                ++server.started_at;
            }
            break;
        case 4: // promotion
            if (alive_[node] && server.role == NodeRole::replica && pick(4) == 0) {
                server.role = NodeRole::primary;
                server.position.timeline = ++highest_;
            }
            break;
        case 5: // an old primary becomes a standby, with another restart
            if (server.role == NodeRole::primary && server.position.timeline < highest_ && pick(2) == 0) {
                server = replica(highest_, server.position.lsn.value, {}, server.started_at + 1);
                topology_.suspect(node, "restarted", now_);
            }
            break;
        case 6:
            flying_.push_back(Probe{node, alive_[node] ? std::optional(server) : std::nullopt, now_});
            break;
        default:
            deliver();
        }
        check();
    }

private:
    struct Probe
    {
        std::size_t node;
        std::optional<ProbeAnswer> answer;
        Topology::Time asked;
    };
    std::size_t pick(std::size_t below) { return random_() % below; }

    void deliver()
    {
        if (flying_.empty())
            return;
        const std::size_t which = pick(flying_.size());
        const Probe probe = flying_[which];
        flying_.erase(flying_.begin() + static_cast<std::ptrdiff_t>(which));
        if (probe.answer)
            topology_.probe_answered(probe.node, *probe.answer, probe.asked, now_);
        else
            topology_.probe_failed(probe.node, "dead", probe.asked, now_);
        if (probe.answer)
            highest_reported_ = std::max(highest_reported_, probe.answer->position.timeline);
    }

    void check()
    {
        const auto status = topology_.status(now_);
        if (const auto writer = topology_.writer()) {
            ++writers_seen;
            EXPECT_EQ(status[*writer].role, NodeRole::primary);
            EXPECT_TRUE(status[*writer].reachable);
            // The writers' timelines never go back.
            EXPECT_GE(status[*writer].position.timeline, writer_timeline_);
            writer_timeline_ = status[*writer].position.timeline;
            for (const NodeStatus& other : status)
                EXPECT_TRUE(!other.reachable || other.position.timeline <= writer_timeline_);
        }
        const auto choice = topology_.choose_reader(written_, {}, now_);
        if (choice.node && choice.node != topology_.writer()) {
            ++replicas_chosen;
            const NodeStatus& chosen = status[*choice.node];
            EXPECT_EQ(chosen.role, NodeRole::replica);
            EXPECT_TRUE(chosen.reachable);
            EXPECT_TRUE(!written_ || chosen.position.timeline > written_->timeline || chosen.position >= *written_);
        }
        EXPECT_LE(topology_.writer().has_value() ? writer_timeline_ : 0U, std::max(highest_reported_, 1U));
    }

    std::minstd_rand random_;
    Topology::Time now_{std::chrono::hours(1)};
    Topology topology_;
    std::array<ProbeAnswer, 3> servers_;
    std::array<bool, 3> alive_{true, true, true};
    std::uint32_t highest_ = 1;
    std::uint32_t highest_reported_ = 0;
    std::uint32_t writer_timeline_ = 0;
    std::optional<LogPosition> written_;
    std::vector<Probe> flying_;

public:
    int writers_seen = 0;
    int replicas_chosen = 0;
};

} // namespace

TEST(TopologyAtRandom, NeverGoesBackToAnOldPrimaryNorShowsOldRows)
{
    int writers_seen = 0;
    int replicas_chosen = 0;
    for (unsigned seed = 1; seed <= 200 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        RandomCluster cluster(seed);
        for (int i = 0; i < 1000; ++i)
            cluster.step();
        writers_seen += cluster.writers_seen;
        replicas_chosen += cluster.replicas_chosen;
    }
    // Else nothing was tested.
    EXPECT_GT(writers_seen, 20000);
    EXPECT_GT(replicas_chosen, 2000);
}

} // namespace whisperstore::test

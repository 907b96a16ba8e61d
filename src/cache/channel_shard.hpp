#pragma once
// A part of the cached channels: who was used and written when, what expires, and how much there is.
// Its user holds the mutex.

#include "cache/bootstrap.hpp"
#include "cache/channel.hpp"

#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_node_map.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore {

/// The read of a channel's history that is under way.
struct ChannelReading
{
    std::shared_ptr<Bootstrap> bootstrap;
    std::size_t callers = 0;
    bool given_up = false;            ///< its result is not installed: cleared meanwhile, or nobody waits any more
    std::optional<Channel> forgotten; ///< the channel as if not cleared, for the callers from before that
};

struct ChannelNode
{
    using Hook = boost::intrusive::list_member_hook<>;
    using TimePoint = std::chrono::steady_clock::time_point;

    explicit ChannelNode(std::size_t max_messages) : channel(max_messages) {}

    const std::string* id = nullptr; ///< the key in the shard's map
    Channel channel;
    std::unique_ptr<ChannelReading> reading; ///< while there is one, the node stays
    std::uint64_t used = 0;                  ///< a count of uses over all shards: the smallest was used longest ago
    TimePoint written;
    Hook by_use;
    Hook by_write;
};

/// How many channels there are in all shards.
struct ChannelTotals
{
    std::atomic<std::uint64_t> uses{0};
    std::atomic<std::uint64_t> expired{0};              ///< live ones that nobody wrote to for long
    std::atomic<std::uint64_t> evicted{0};              ///< live ones that made room for others
    std::array<std::atomic<std::size_t>, 2> channels{}; ///< [1]: live ones; [0]: known for a removal or a read only
};

class ChannelShard
{
public:
    using Duration = std::chrono::steady_clock::duration;
    using TimePoint = ChannelNode::TimePoint;
    using Nodes = boost::unordered_node_map<std::string, ChannelNode>;
    /// What is destroyed after the mutex was given back.
    using Garbage = std::vector<Nodes::node_type>;

    struct Counters
    {
        std::uint64_t hits = 0;
        std::uint64_t misses = 0;
        std::uint64_t channels = 0;
        std::uint64_t messages = 0;
        std::uint64_t bytes = 0;
    };

    ~ChannelShard();

    ChannelNode* find(const std::string& id);
    ChannelNode& find_or_make(const std::string& id, std::size_t max_messages, TimePoint now, ChannelTotals& totals);
    void forget(ChannelNode& node, ChannelTotals& totals, Garbage& garbage);
    /// Forgets a node that holds nothing worth keeping.
    void forget_if_idle(ChannelNode& node, ChannelTotals& totals, Garbage& garbage);
    /// Forgets all.
    Nodes take_all(ChannelTotals& totals);
    /// Forgets what was last written `timeout` ago or earlier.
    void expire(TimePoint now, Duration timeout, ChannelTotals& totals, Garbage& garbage);

    void used(ChannelNode& node, ChannelTotals& totals);
    /// `time`: as a rule later than that of all others.
    void written(ChannelNode& node, TimePoint time);
    void add_live_ids(std::vector<std::string>& ids) const;
    /// The live node, or one of the others, that was used longest ago and may go. Null: none.
    ChannelNode* least_recently_used(bool live);

    /// Counts what `change(channel)` does to the node's channel.
    template <typename Change>
    auto change(ChannelNode& node, ChannelTotals& totals, Change change)
    {
        const Recount recount(*this, node, totals);
        return change(node.channel);
    }

    mutable std::mutex mutex;
    bool open = false;
    Counters counters;

private:
    template <ChannelNode::Hook ChannelNode::* Member>
    using List =
        boost::intrusive::list<ChannelNode, boost::intrusive::member_hook<ChannelNode, ChannelNode::Hook, Member>,
                               boost::intrusive::constant_time_size<false>>;
    using UseList = List<&ChannelNode::by_use>;

    class Recount
    {
    public:
        Recount(ChannelShard& shard, ChannelNode& node, ChannelTotals& totals);
        ~Recount();
        Recount(const Recount&) = delete;
        Recount& operator=(const Recount&) = delete;

    private:
        ChannelShard& shard_;
        ChannelNode& node_;
        ChannelTotals& totals_;
        bool live_;
    };

    void count_in(const ChannelNode& node);
    void count_out(const ChannelNode& node);
    UseList& uses_of(const ChannelNode& node) { return by_use_[node.channel.live() ? 1 : 0]; }

    Nodes nodes_;
    std::array<UseList, 2> by_use_;         // most recently used first; as ChannelTotals::channels
    List<&ChannelNode::by_write> by_write_; // oldest write first
};

} // namespace whisperstore

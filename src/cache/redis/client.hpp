#pragma once
// Sends commands to a Redis server, or to the right node of a Redis Cluster.

#include "cache/redis/call.hpp"
#include "cache/redis/doorbell.hpp"
#include "cache/redis/node_connection.hpp"
#include "cache/redis/options.hpp"
#include "core/event_loop.hpp"
#include "protocol/redis/slot_map.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace whisperstore::redis {

struct NodeStatus
{
    std::string name;
    bool ready = false;
    std::string failure = {};    ///< why it is not
    std::uint64_t connected = 0; ///< times
    std::shared_ptr<const Traffic> traffic = {};
};

/// Concurrent commands share one connection per node and are sent together.
///
/// A server that is away: calls fail at once with `unavailable`; right after a connection broke they wait for the one
/// attempt to open it again. In a cluster calls for a node that is away wait, until their deadline or
/// Options::patience, for another one to take over; when no node can be reached at all they fail at once. MOVED, ASK,
/// TRYAGAIN, CLUSTERDOWN, READONLY and LOADING are handled in that time, too.
///
/// A command whose answer was lost is sent again only if it is a read or a repeatable_write; a `write` fails with
/// outcome_unknown.
///
/// Thread safe; the work is done on the loop's thread.
class Client : public std::enable_shared_from_this<Client>
{
public:
    /// All on the loop's thread, and short.
    struct Events
    {
        /// What was read with Command::track and a key starting so has changed; null: all may have.
        std::function<void(const std::string* key)> invalidated = {};
        /// Whether servers can be reached, when that changes.
        std::function<void(bool available)> availability = {};
        /// A node can be reached again, or slots have another owner.
        std::function<void()> recovered = {};
    };

    Client(std::shared_ptr<const Options> options, Events events);
    /// close() was called.
    ~Client() = default;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Connects. Throws why that did not succeed; it goes on trying all the same.
    static awaitable<void> open(std::shared_ptr<Client> self, OperationContext context);
    /// Calls under way and later ones fail with `closed`. Waits for that, not for servers.
    void close();

    /// The answer, which is no error. Throws StorageError; the names of backend and operation are the caller's to add.
    static awaitable<Reply> execute(std::shared_ptr<Client> self, std::shared_ptr<Call> call, OperationContext context);

    /// All at once; throws the first failure when each has ended. At the caller's deadline or cancellation they go on
    /// unseen: for commands that may.
    static awaitable<void> execute_all(std::shared_ptr<Client> self, std::vector<std::shared_ptr<Call>> calls,
                                       OperationContext context);

    std::vector<NodeStatus> status() const;
    /// The masters of a cluster, as host:port; of a single server, itself.
    std::vector<std::string> masters() const;

private:
    using Node = std::shared_ptr<NodeConnection>;
    using Calls = std::vector<std::shared_ptr<Call>>;
    using Clock = Call::Clock;

    void submit(std::shared_ptr<Call> call);
    void listen();
    void drain();
    void abort(const std::shared_ptr<Call>& call);
    void close_here();

    void dispatch(const std::shared_ptr<Call>& call);
    void send(const Node& node, const std::shared_ptr<Call>& call);
    void flush();
    void dispatch_later(std::shared_ptr<Call> call);
    Node target(const Call& call);
    Node node(const std::string& name, bool replica);
    void park(const std::shared_ptr<Call>& call, std::string reason);
    void retry_parked();
    void succeed(const std::shared_ptr<Call>& call, Reply reply);
    void fail(const std::shared_ptr<Call>& call, StorageError error);
    void deliver();

    void note_availability();
    void changed(const std::string& name);
    void answered(const Node& from, const std::shared_ptr<Call>& call, Reply reply);
    void unanswered(const std::shared_ptr<Call>& call, bool sent);
    void refused(const Node& from, const std::shared_ptr<Call>& call, const std::string& message);

    void look_for_topology();
    void ask_for_topology(const Node& node, bool shards);
    void take_topology(SlotMap map);
    void schedule_topology();
    bool all_away() const;
    void check_openings();
    void publish();

    const std::shared_ptr<const Options> options_;
    const Events events_;

    mutable std::mutex mutex_;
    Calls queue_;
    bool closed_ = false;
    std::vector<NodeStatus> status_;
    std::vector<std::string> masters_;

    // Of the loop's thread.
    std::map<std::string, Node> nodes_;
    SlotMap slots_ = SlotMap::none();
    std::list<std::shared_ptr<Call>> outstanding_;
    Calls waiting_; ///< for a connection to be ready
    Calls parked_;  ///< until the next try
    Calls openings_;
    Calls answered_; ///< whose callers have to be told
    bool delivery_posted_ = false;
    bool flush_comes_ = false;
    bool available_ = false;
    bool stopped_ = false; ///< what was posted before the end begins nothing any more
    bool retry_armed_ = false;
    Clock::time_point topology_asked_{};
    bool topology_pending_ = false;
    std::uint64_t topology_number_ = 0;
    std::size_t next_source_ = 0;

    // Last: its end stops the thread that uses all of the above.
    EventLoop loop_;
    Doorbell doorbell_;
    boost::asio::steady_timer retry_timer_;
    boost::asio::steady_timer topology_timer_;
};

} // namespace whisperstore::redis

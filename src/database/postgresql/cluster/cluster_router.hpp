#pragma once
// Routes calls to the servers of a cluster.

#include "database/postgresql/cluster/watch.hpp"
#include "database/postgresql/router.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::postgresql {

/// How a cluster is used.
struct ClusterSettings
{
    ReadPolicy policy = ReadPolicy::primary;
    std::chrono::milliseconds max_replica_lag{10'000};
    std::chrono::milliseconds failover_limit{30'000}; ///< for calls without a deadline
    LookUp look_up = look_up_addresses;
    /// Throws StorageError invalid_argument.
    static ClusterSettings of(const DatabaseConfig& config);
};

/// A pool for each server that has been used. Writes go to the writer. After a failover the old primary's connections
/// are closed, with what is under way in them: there it would be lost.
class ClusterRouter final : public Router, public std::enable_shared_from_this<ClusterRouter>
{
public:
    /// \param own_session of callers who bring none: the adapter's, which stays what it has written when it connects
    /// anew
    ClusterRouter(Surroundings common, ClusterSettings settings, std::shared_ptr<Session> own_session);
    ~ClusterRouter() override;

    awaitable<void> open(OperationContext context) override;
    awaitable<void> close() override;
    awaitable<void> choose_writer(Route& route, const OperationContext& context) override;
    awaitable<void> choose_reader(Route& route, const OperationContext& context) override;
    bool wants_positions() const noexcept override { return settings_.policy != ReadPolicy::primary; }
    void wrote(const OperationContext& context, const std::string& position) override;
    awaitable<bool> again(Route& route, StorageError error, bool only_reads, const OperationContext& context) override;
    PoolStats stats() const override;

    struct NodeUse
    {
        NodeStatus status;
        PoolStats connections;
    };
    std::vector<NodeUse> nodes() const;
    std::uint64_t failovers() const { return watch_->failovers(); }
    std::uint64_t reads_by_replicas() const noexcept { return reads_by_replicas_.load(std::memory_order_relaxed); }
    std::uint64_t reads_by_primary() const noexcept { return reads_by_primary_.load(std::memory_order_relaxed); }

private:
    Session& session_of(const OperationContext& context) const noexcept;
    std::optional<LogPosition> written_in(Session& session) const;
    std::shared_ptr<Pool> pool_of(std::size_t node);
    std::optional<std::size_t> node_of(const std::shared_ptr<Pool>& pool) const;
    /// Sends everybody away from a server, and lets it be used anew.
    void abandon(std::size_t node, const std::string& reason);
    void topology_changed(const TopologyEvent& event);
    OperationContext::Clock::time_point end_of(const Route& route, const OperationContext& context) const;
    awaitable<void> wait_for_change(std::uint64_t version, const Route& route, const OperationContext& context);
    bool is_closed() const;

    const Surroundings common_;
    const ClusterSettings settings_;
    const std::shared_ptr<Session> own_session_;
    std::shared_ptr<Watch> watch_; // made by open()
    std::atomic<std::uint64_t> reads_by_replicas_{0};
    std::atomic<std::uint64_t> reads_by_primary_{0};

    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<Pool>> pools_; // by server; null where none has been used
    std::optional<std::size_t> last_writer_;
    bool closed_ = false;
};

} // namespace whisperstore::postgresql

#pragma once
// Asks the servers of a cluster who they are, in the background, and keeps what they say.

#include "core/job.hpp"
#include "database/postgresql/cluster/topology.hpp"
#include "database/postgresql/connection.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::postgresql {

/// The addresses of a host's name; nothing where that cannot be told now.
using LookUp = std::function<awaitable<std::optional<std::vector<std::string>>>(HostPort host)>;
/// By the system's resolver, without those of this machine alone.
awaitable<std::optional<std::vector<std::string>>> look_up_addresses(HostPort host);

/// Each server has a connection of its own for that, besides those that do the work: once a second, at once when
/// something speaks against what is known, and every few milliseconds while somebody waits for a replica.
///
/// A single host whose name has several addresses is a server for each of them, looked up again and again. A single
/// host with one address may be one server or a service in front of a cluster, which gives each new connection to any
/// of them: what such a connection finds counts only if it is a primary.
///
/// Thread safe.
class Watch : public std::enable_shared_from_this<Watch>
{
public:
    using Clock = std::chrono::steady_clock;
    /// Called on any thread, without the lock.
    using Changed = std::function<void(const TopologyEvent&)>;

    /// \param common of all servers' connections; its host is not looked at
    Watch(Surroundings common, ReadPolicy policy, std::chrono::milliseconds max_replica_lag, LookUp look_up,
          Changed changed);
    void start();
    /// Whoever waits is told `closed`.
    void stop() noexcept;

    /// Of the server's working connections: each is refused unless it reaches the server that is known, in the role
    /// that is known; what it finds is known then.
    Surroundings surroundings(std::size_t node);
    void suspect(std::size_t node, const std::string& reason);

    std::optional<std::size_t> writer_for(const std::optional<LogPosition>& written) const;
    /// Of two equal choices each in its turn.
    ReaderChoice choose_reader(const std::optional<LogPosition>& written);
    std::optional<LogPosition> settle(const LogPosition& unknown) const;
    std::uint32_t timeline() const;
    /// Whether a server that was chosen for a read is another than the writer.
    bool is_replica(std::size_t node) const;
    std::vector<NodeStatus> status() const;
    std::uint64_t failovers() const;

    /// Numbers the states. Whoever waits for a change asks for the number first and looks at the state then.
    std::uint64_t version() const;
    /// Returns when the state is another than that. Throws timeout, cancelled, closed.
    awaitable<void> changed_since(std::uint64_t version, OperationContext context);
    /// Whether waiting for a replica to catch up has been of use lately; or it is time to see whether it is again.
    bool is_worth_waiting();
    /// Waits for a replica that has replayed what the session wrote; none when that takes too long.
    awaitable<std::optional<std::size_t>> caught_up(LogPosition written, OperationContext context);

    /// What there is to say of a cluster without a primary.
    StorageError no_writer(StorageErrc code) const;
    /// The error that waiting will not mend: every server has been asked and refuses us.
    std::optional<StorageError> refusal() const;
    /// Every server has been asked and none has answered.
    bool is_unreachable() const;

private:
    struct Server
    {
        HostPort host;
        std::string address; ///< of several that the host's name has
        std::unique_ptr<asio::steady_timer> timer;
        std::shared_ptr<Connection> connection;            ///< used by its loop only
        std::optional<StorageError> failure{std::nullopt}; ///< of the last probe
        Clock::time_point next_probe{};                    ///< whole, and not only for its place
        bool looked_after = false;                         ///< its loop runs
        bool wake = false;                                 ///< on the background's thread only
    };

    std::size_t add_server(const HostPort& host, const std::string& address);
    awaitable<void> look_after(std::size_t node);
    awaitable<void> probe(std::size_t node);
    awaitable<void> rest(std::size_t node);
    awaitable<void> look_up();
    void use_addresses(const std::vector<std::string>& addresses);
    void take(std::size_t node, const std::string& answer, bool only_place, Clock::time_point asked);
    void greeted(std::size_t node, std::string_view text, Clock::time_point asked);
    void wake_all();
    /// Tells what has changed. Called with the lock, which it releases.
    void tell(std::unique_lock<std::mutex> lock);
    void note_attempt(bool caught_up);
    bool stopped() const;
    Clock::duration pause(std::size_t node) const;
    bool asks_for_place(std::size_t node) const;
    bool is_service(std::size_t node) const;

    const Surroundings common_;
    const std::shared_ptr<const Options> probe_options_;
    const ReadPolicy policy_;
    const LookUp look_up_;
    const Changed changed_;

    mutable std::mutex mutex_;
    Topology topology_;
    std::vector<std::unique_ptr<Server>> servers_;
    std::unique_ptr<asio::steady_timer> look_up_timer_;
    std::vector<std::shared_ptr<Job>> waiting_;
    std::uint64_t version_ = 0;
    std::size_t waiting_for_replicas_ = 0;
    double catching_up_ = 1; ///< share of the attempts to wait for a replica that were not in vain, of late
    Clock::time_point next_attempt_{};
    bool stopped_ = false;
};

} // namespace whisperstore::postgresql

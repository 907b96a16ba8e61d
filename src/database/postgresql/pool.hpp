#pragma once
// The connections to one server: bounded, opened when needed, shared by statements and lent to transactions.

#include "database/postgresql/connection.hpp"
#include "database/postgresql/lease.hpp"
#include "database/postgresql/request.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

namespace whisperstore::postgresql {

/// What a pool holds right now.
struct PoolStats
{
    std::size_t open = 0;    ///< connections
    std::size_t opening = 0; ///< being opened
    std::size_t leased = 0;  ///< of the open ones: lent to transactions, streams and copies
    std::size_t busy = 0;    ///< of the open ones: with anything in them, the lent ones included
    std::size_t waiting = 0; ///< callers in line
    std::uint64_t opened = 0;
    std::uint64_t lost = 0;    ///< connections that broke
    std::uint64_t refused = 0; ///< callers that found the line full
};

/// Thread safe. First come, first served.
///
/// Short reads are packed: all onto one connection as long as it is not full, because answers to many come in one
/// packet and fewer processes of the server are woken. Short writes go where the least is under way, so that commits
/// wait for the disk together. What is not known to be short gets a connection without others where there is one.
class Pool : public std::enable_shared_from_this<Pool>
{
public:
    explicit Pool(Surroundings surroundings);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// Opens the first connection where there is none. Throws why it cannot be opened.
    awaitable<void> warm_up(OperationContext context);
    /// Sends the request as soon as a connection has room and waits for its end. Throws its error; resource_exhausted
    /// when the line is full; closed.
    awaitable<void> run(std::shared_ptr<Request> request, OperationContext context);
    /// A connection for the caller alone.
    awaitable<Lease> lease(OperationContext context);
    /// A connection beside those of the pool, which is closed when it is given back. For what is kept while the pool's
    /// connections are used.
    awaitable<Lease> open_extra();

    /// New work is refused, callers in line are told `closed`, lent connections end with what is in them; then
    /// waits until the last answer is there.
    awaitable<void> close();
    /// The same without waiting: whatever is under way is lost.
    void drop(const std::string& reason);

    PoolStats stats() const;
    const Options& options() const noexcept { return *surroundings_.options; }
    const HostPort& host() const noexcept { return surroundings_.host; }
    const std::shared_ptr<Background>& background() const noexcept { return surroundings_.background; }
    std::string name() const { return surroundings_.host.to_string(); }

    /// \name For connections, requests and leases
    ///@{
    void submit_again(const std::shared_ptr<Request>& request);
    void changed();
    void look_at_line() { changed(); }
    void give_back(const std::shared_ptr<Connection>& connection) noexcept;
    ///@}

private:
    class LeaseRequest;
    struct Member
    {
        std::shared_ptr<Connection> connection;
        bool leased = false;
        std::size_t coming = 0; ///< chosen for it and not sent yet: nobody may lease it meanwhile
        std::size_t depth() const noexcept { return connection->depth() + coming; }
    };
    using Line = std::deque<std::shared_ptr<Job>>;
    /// What to do once the lock is released.
    struct Decision
    {
        std::vector<std::pair<std::shared_ptr<Connection>, std::shared_ptr<Request>>> sends;
        std::vector<std::pair<std::shared_ptr<Connection>, std::shared_ptr<LeaseRequest>>> leases;
        std::vector<std::pair<std::shared_ptr<Job>, std::exception_ptr>> refusals;
        std::vector<std::shared_ptr<Connection>> gone;
        std::size_t opens = 0;
        std::chrono::steady_clock::time_point now{}; // of the opens
        bool closed = false;
    };

    void enter(const std::shared_ptr<Job>& job);
    std::shared_ptr<Connection> choose(const Request& request, Decision& decision);
    std::shared_ptr<Connection> choose_free(Decision& decision);
    void serve_line(Decision& decision);
    Member* member_of(const std::shared_ptr<Connection>& connection) noexcept;
    void sweep(Decision& decision);
    void want_more(Decision& decision);
    void carry_out(Decision decision);
    void open_one(std::chrono::steady_clock::time_point since);
    /// Connections that are coming and may be counted on: not those that the server has left waiting.
    std::size_t coming() const;
    void opened(std::chrono::steady_clock::time_point since, const std::shared_ptr<Connection>& connection);
    void not_opened(std::chrono::steady_clock::time_point since, std::exception_ptr error);

    const Surroundings surroundings_;
    mutable std::mutex mutex_;
    std::vector<Member> members_;
    std::multiset<std::chrono::steady_clock::time_point> opening_; // since when, each connection that is coming
    std::size_t wanted_ = 0;                                       // in this decision
    Line line_;
    std::vector<std::shared_ptr<Job>> closing_; // who waits for the end
    std::chrono::steady_clock::time_point no_more_until_{};
    std::uint64_t opened_ = 0;
    std::uint64_t lost_ = 0;
    std::uint64_t refused_ = 0;
    bool closed_ = false;
};

} // namespace whisperstore::postgresql

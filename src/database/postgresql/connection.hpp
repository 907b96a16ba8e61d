#pragma once
// One connection to a server, in pipeline mode, shared by everybody who has a request in it.

#include "core/socket_watch.hpp"
#include "database/postgresql/background.hpp"
#include "database/postgresql/options.hpp"
#include "database/postgresql/request.hpp"
#include "database/postgresql/statement.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/log.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace whisperstore::postgresql {

/// What connections of one server share.
struct Surroundings
{
    std::shared_ptr<const Options> options;
    HostPort host;
    std::shared_ptr<Background> background;
    Logger logger; ///< may be empty

    /// \name For servers of a cluster; may be empty
    ///@{
    std::string address = {}; ///< the one of the host's addresses to connect to
    /// A query with one value that each new connection asks first, and who hears the answer and when it was asked for.
    /// What it throws refuses the connection.
    std::string_view greeting = {};
    std::function<void(std::string_view answer, std::chrono::steady_clock::time_point asked)> greeted = {};
    /// Hears of each connection that breaks, on the background's thread.
    std::function<void(const std::string& reason)> lost = {};
    ///@}
};

/// Answers come in the order of the requests. There is no thread behind it: whoever waits for an answer lends its
/// executor to watch the socket, and when it has what it waited for the next one does. A connection at rest is watched
/// by nobody.
///
/// Thread safe. Coroutines are resumed on their own executors, never under the lock.
class Connection : public std::enable_shared_from_this<Connection>
{
public:
    /// Connects, authenticates and sets the session up, on the caller's executor, which must run one thing at a time.
    /// Tries every address of the host.
    /// Throws StorageError unavailable, authentication, not_found (database), …
    static awaitable<std::shared_ptr<Connection>> open(Surroundings surroundings);
    Connection(Surroundings surroundings, Link link);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Sends the request, or ends it with an error. It must have begun (Job::begin).
    void submit(const std::shared_ptr<Request>& request);
    /// Somebody in it wants to stop.
    void abort();
    /// Closes it; what is in it is lost.
    void close(const std::string& reason);
    /// Before it goes back: ends an open transaction, and closes it where a COPY is half done.
    void clean_up() noexcept;
    /// The pool that hears of what becomes free.
    void set_pool(const std::shared_ptr<Pool>& pool) { pool_ = pool; }

    /// Requests in it.
    std::size_t depth() const noexcept { return depth_.load(std::memory_order_acquire); }
    /// Somebody in it may take long, or has been at work for longer than that.
    bool is_slow(std::chrono::nanoseconds patience) const noexcept;
    bool is_broken() const noexcept { return broken_flag_.load(std::memory_order_acquire); }
    /// Of a connection at rest: whether the server has closed it meanwhile, as far as it can be seen.
    bool is_gone();

    const Options& options() const noexcept { return *surroundings_.options; }
    const HostPort& host() const noexcept { return surroundings_.host; }
    const std::shared_ptr<Background>& background() const noexcept { return surroundings_.background; }

    /// \name For requests, under the lock
    ///@{
    PGconn* link() noexcept { return link_.get(); }
    /// How a statement is prepared here.
    struct Prepared
    {
        std::string name;
        std::shared_ptr<Statement> statement;
        std::shared_ptr<const Description> description;
        /// An answer had the columns of the description. Until then they may be others, and are asked for as text,
        /// which can be read whatever they are.
        bool confirmed = false;
    };
    /// And whether it must be prepared first. With a description other than the one it was prepared with it must be,
    /// too: its types are not the same.
    const Prepared& prepared(const std::shared_ptr<Statement>& statement,
                             const std::shared_ptr<const Description>& description, bool& prepare);
    /// The server said that this is its description.
    void described(const Statement& statement, const std::shared_ptr<const Description>& description);
    void forget(const Statement& statement);
    /// Drops all prepared statements when they became many: returns whether a Sync was sent.
    bool make_room();
    /// Sets the server's limit for a statement with this deadline where it must be: whether a Sync was sent.
    bool limit_statements(std::optional<std::chrono::steady_clock::time_point> deadline);
    /// When the answer before the present one was complete.
    std::chrono::steady_clock::time_point last_answer() const noexcept { return last_answer_; }
    std::uint64_t cancels_sent() const noexcept { return cancels_sent_; }
    /// A commit was acknowledged before its replicas had it (a cancelled wait for them).
    bool take_unreplicated() noexcept { return std::exchange(unreplicated_, false); }
    void send_sync();
    void log(LogLevel level, std::string_view message) const;
    ///@}

private:
    friend class Watcher;
    /// What is to be done once the lock is released.
    struct Ended
    {
        std::vector<std::shared_ptr<Request>> done;
        std::vector<std::shared_ptr<Request>> elsewhere;
        std::vector<std::pair<std::shared_ptr<Request>, std::exception_ptr>> given_up;
        bool changed = false;
    };

    static void on_notice(void* self, const PGresult* result) noexcept;
    void send(const std::shared_ptr<Request>& request, Ended& ended);
    void watch(Ended& ended, bool by_ourselves = false);
    void watch_on(const boost::asio::any_io_executor& executor);
    void stop_watching() noexcept;
    void on_ready(bool reading, std::uint64_t watch);
    void on_watch_lost(std::uint64_t watch);
    void read_answers(Ended& ended);
    bool end_turn(Ended& ended);
    void break_off(Broken broken, Ended& ended, bool ours = false);
    void leave(const std::shared_ptr<Request>& request, Request::Next next, Ended& ended);
    void stop_first();
    void send_cancel();
    void hold_back();
    void let_go();
    void cancelled();
    void watch_abort();
    void give_up_behind(Ended& ended);
    /// Whom the server is asked to stop, since when, and when it is asked again.
    struct Stopping
    {
        std::shared_ptr<Request> request = nullptr;
        std::chrono::steady_clock::time_point since = {};
        std::chrono::steady_clock::time_point next_cancel = {};
        std::chrono::steady_clock::duration pause = {};
    };
    bool look_after_aborted(Stopping& stopping);
    void after(Ended ended, const void* here) noexcept;

    const Surroundings surroundings_;
    std::weak_ptr<Pool> pool_;
    std::atomic<std::size_t> depth_{0};
    std::atomic<std::size_t> slow_{0};
    std::atomic<std::int64_t> first_since_{0}; // nanoseconds of the steady clock; of the first in the pipeline
    std::atomic<bool> broken_flag_{false};

    std::mutex mutex_; // of everything below
    Link link_;
    CancelHandle cancel_;
    std::deque<std::shared_ptr<Request>> pipeline_; // sent
    std::deque<std::shared_ptr<Request>> held_;     // until no cancel request is under way
    std::optional<Broken> broken_;
    std::optional<std::string> fatal_; // SQLSTATE with which the server takes its leave
    std::unordered_map<const Statement*, Prepared> prepared_;
    std::uint64_t names_ = 0;
    std::size_t names_in_use_ = 0;        // of the server, which keeps statements that we have forgotten
    std::int64_t statement_limit_ms_ = 0; // the server's statement_timeout now
    std::chrono::steady_clock::time_point last_answer_{};
    std::uint64_t cancels_sent_ = 0;
    int cancels_out_ = 0;
    bool abort_watched_ = false;
    bool unreplicated_ = false;

    SocketWatch watched_;
    const bool is_tcp_;
    bool corked_ = false;
    std::uint64_t watch_ = 0; // numbers the watches, so that late calls of earlier ones are told
    bool reading_ = false;
    bool writing_ = false;
};

} // namespace whisperstore::postgresql

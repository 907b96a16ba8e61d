#pragma once
// What sessions, transactions and results share.

#include "bolt/pool.hpp"
#include "bolt/router.hpp"
#include "protocol/bolt/requests.hpp"

#include <whisperstore/bolt/result.hpp>
#include <whisperstore/bolt/session.hpp>
#include <whisperstore/bolt/transaction.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace whisperstore::bolt {

/// What a session knows from one query to the next.
struct Memory
{
    Bookmarks bookmarks;
    std::string home; ///< the home database, once a server named it: a session stays with it
};

/// A connection in the hands of a session, and what its failures mean. After one it is given back, and every later use
/// throws the same error.
class Held
{
public:
    Held(std::shared_ptr<Router> router, Routed routed, std::string impersonated_user) noexcept;
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    Connection& connection() const noexcept { return *routed_.lease; }
    bool is_open() const noexcept { return static_cast<bool>(routed_.lease); }
    const std::string& database() const noexcept { return routed_.database; }
    const std::string& impersonated_user() const noexcept { return impersonated_user_; }

    /// The next answer, SUCCESS or RECORD. \throws StorageError for everything else.
    awaitable<Answer> answer(OperationContext context);
    std::optional<Answer> answer_at_hand();
    awaitable<void> wait_for_batch(OperationContext context);

    /// From here on what is sent takes effect by itself: a lost connection leaves it unknown.
    void now_it_counts() noexcept;
    void give_back() noexcept;
    const std::optional<StorageError>& failure() const noexcept { return failure_; }
    /// A server named the user's home database.
    void note_home(Memory& memory, const Map& metadata);

    /// The values of a record.
    std::vector<Value> values(const Answer& record);

private:
    Answer checked(Answer answer);
    [[noreturn]] void translate();
    [[noreturn]] void fail(StorageError error);
    Outcome outcome() const noexcept;

    const std::shared_ptr<Router> router_;
    Routed routed_;
    const std::string impersonated_user_;
    std::optional<std::uint64_t> counts_from_;
    std::optional<StorageError> failure_;
};

/// A query under way.
class ResultState
{
public:
    /// \param memory where the bookmark of an auto-commit query goes; null in a transaction
    ResultState(std::shared_ptr<Held> held, std::shared_ptr<Memory> memory, std::int64_t fetch_size,
                OperationContext context) noexcept;

    /// Waits for the answer to RUN; and where the query has no columns, for its end.
    awaitable<void> start();
    awaitable<std::optional<Record>> next();
    awaitable<std::vector<Record>> collect();
    awaitable<Summary> consume();
    /// Fetches what is left into memory. What goes wrong is for whoever reads it, if anybody does.
    awaitable<void> detach();
    /// Nobody reads it any more.
    void abandon() noexcept;

    bool ended() const noexcept { return ended_; }
    const std::vector<std::string>& keys() const noexcept { return *keys_; }

private:
    std::optional<Record> take(Answer answer);
    void finish(Map metadata);

    const std::shared_ptr<Held> held_;
    const std::shared_ptr<Memory> memory_;
    const std::int64_t fetch_size_;
    const OperationContext context_;
    Keys keys_;
    std::chrono::milliseconds available_after_{0};
    std::deque<Record> buffered_;
    Map metadata_; // of the end
    std::shared_ptr<const ServerInfo> server_;
    bool ended_ = false;
    bool dropped_ = false; // records are read only to be thrown away
};

/// A transaction.
class TransactionState
{
public:
    using Deadline = std::optional<OperationContext::Clock::time_point>;
    /// \param deadline of the whole transaction, whatever its calls are given
    TransactionState(std::shared_ptr<Held> held, std::shared_ptr<Memory> memory, std::int64_t fetch_size, Api api,
                     AccessMode mode, TransactionConfig config, Deadline deadline) noexcept;

    awaitable<Result> run(std::string cypher, Map parameters, OperationContext context);
    awaitable<void> commit(OperationContext context);
    awaitable<void> rollback(OperationContext context);
    bool active() const noexcept { return active_; }
    /// Let go without a word: the server rolls it back.
    void abandon() noexcept;

private:
    void require_active() const;
    OperationContext limited(OperationContext context) const;
    awaitable<void> settle();

    const std::shared_ptr<Held> held_;
    const std::shared_ptr<Memory> memory_;
    const std::int64_t fetch_size_;
    const Api api_;
    const AccessMode mode_;
    const TransactionConfig config_;
    const Deadline deadline_;
    std::shared_ptr<ResultState> open_;
    bool begun_ = false;
    bool begin_unanswered_ = false;
    bool active_ = true;
};

class SessionState
{
public:
    SessionState(std::shared_ptr<Router> router, std::shared_ptr<const Options> options, SessionConfig config);

    awaitable<Result> run(std::string cypher, Map parameters, TransactionConfig config, OperationContext context);
    awaitable<Transaction> begin(Api api, AccessMode mode, TransactionConfig config, OperationContext context);
    awaitable<void> run_managed(AccessMode mode, std::function<awaitable<void>(Transaction&)> work,
                                TransactionConfig config, OperationContext context);
    const Bookmarks& bookmarks() const noexcept { return memory_->bookmarks; }
    AccessMode access_mode() const noexcept { return config_.access_mode; }

private:
    awaitable<std::shared_ptr<Held>> hold(AccessMode mode, OperationContext context);
    awaitable<void> settle();
    std::int64_t fetch_size() const noexcept { return config_.fetch_size.value_or(options_->config.fetch_size); }

    const std::shared_ptr<Router> router_;
    const std::shared_ptr<const Options> options_;
    const SessionConfig config_;
    const std::shared_ptr<Memory> memory_ = std::make_shared<Memory>();
    std::weak_ptr<ResultState> open_;
    std::weak_ptr<TransactionState> transaction_;
};

} // namespace whisperstore::bolt

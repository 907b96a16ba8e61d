#pragma once
// One connection to a server, let in and ready for queries.

#include "bolt/options.hpp"
#include "bolt/wire.hpp"
#include "protocol/bolt/conversation.hpp"
#include "protocol/bolt/failure.hpp"
#include "protocol/bolt/requests.hpp"
#include "protocol/bolt/responses.hpp"

#include <whisperstore/bolt/driver.hpp>
#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace whisperstore::bolt {

/// An answer of the server.
struct Answer
{
    RequestKind request = RequestKind::reset;
    ResponseKind kind = ResponseKind::success;
    std::string_view body = {}; ///< of a record, valid until the next wait
    Map metadata = {};          ///< of SUCCESS and FAILURE
    bool has_more() const { return find_flag(metadata, "has_more"); }
};

/// In the hands of one caller at a time. Where a function throws Lost or Malformed it is broken, and of no more use.
class Connection
{
public:
    /// Finds, connects, secures, agrees on a version and logs on, within the time of connecting.
    /// \throws StorageError unavailable, authentication, timeout, cancelled, …
    static awaitable<std::unique_ptr<Connection>> open(std::shared_ptr<const Options> options, HostPort address,
                                                       OperationContext context);
    Connection(std::shared_ptr<const Options> options, HostPort address, std::shared_ptr<Wire> wire) noexcept;
    /// Says GOODBYE where that does not wait.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// \name Requests, gathered until the next wait
    ///@{
    void run(std::string_view cypher, const Map& parameters, const Opening* opening);
    void pull(std::int64_t count);
    void discard();
    void begin(const Opening& opening);
    void commit();
    void rollback();
    void reset();
    void route(const RoutingContext& routing, const Bookmarks& bookmarks, std::string_view database,
               std::string_view impersonated_user);
    /// Where the server asked for it, and the driver may.
    void telemetry(Api api);
    ///@}

    /// The next answer that is one to a caller: those to telemetry and to what was left behind are taken by the way.
    /// Sends what was gathered. Throws Lost, Malformed, and StorageError timeout and cancelled.
    awaitable<Answer> answer(OperationContext context);
    /// The same where it is here already.
    std::optional<Answer> answer_at_hand();
    /// Waits until the answer that ends a batch is here, or much of it is.
    awaitable<void> wait_for_batch(OperationContext context);

    /// Before it goes to rest: ends whatever is open by RESET, without waiting. False where it cannot be used again.
    bool clean_up() noexcept;
    /// At rest: looks, without waiting, whether the server closed it or said anything.
    bool is_alive() noexcept;
    /// Nothing is left to be answered.
    bool is_clean() const noexcept { return !broken_ && conversation_.is_clean(); }
    /// Whether it was left in the middle of something that may go on for a while, although it was told to stop.
    bool is_stopping() const noexcept { return stopping_ && !is_clean(); }
    bool is_broken() const noexcept { return broken_; }
    void give_up() noexcept;

    const Conversation& conversation() const noexcept { return conversation_; }
    Version version() const noexcept { return conversation_version_; }
    Dialect dialect() const noexcept { return dialect_; }
    const Greeting& greeting() const noexcept { return greeting_; }
    const HostPort& address() const noexcept { return address_; }
    const std::shared_ptr<const ServerInfo>& info() const noexcept { return info_; }
    /// Bytes handed to the system so far.
    std::uint64_t sent() const noexcept { return wire_->sent(); }

    const std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point rested{}; ///< since when it is at rest; the pool's

private:
    awaitable<void> shake_hands(OperationContext context);
    awaitable<void> log_on(OperationContext context);
    RequestWriter writer() noexcept { return RequestWriter(wire_->output(), conversation_version_, dialect_); }
    std::optional<Answer> take_answer();

    const std::shared_ptr<const Options> options_;
    const HostPort address_;
    const std::shared_ptr<Wire> wire_;
    Version conversation_version_;
    Conversation conversation_{Version()};
    Dialect dialect_;
    Greeting greeting_;
    std::shared_ptr<const ServerInfo> info_;
    std::size_t left_behind_ = 0; // answers to come that are nobody's
    bool stopping_ = false;
    bool broken_ = false;
};

/// What a lost connection comes to for the caller.
/// \param outcome unknown: what was sent may have been done
StorageError lost_error(const Lost& lost, const HostPort& address, Outcome outcome);
StorageError malformed_error(const Malformed& malformed, const HostPort& address, Outcome outcome);

} // namespace whisperstore::bolt

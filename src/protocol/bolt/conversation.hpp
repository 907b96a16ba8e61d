#pragma once
// Whose turn it is on a connection (neo4j.com/docs/bolt/current/appendix/server-state). Pure.

#include "protocol/bolt/version.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>

namespace whisperstore::bolt {

enum class RequestKind : std::uint8_t
{
    hello,
    logon,
    logoff,
    run,
    pull,
    discard,
    begin,
    commit,
    rollback,
    reset,
    goodbye,
    route,
    telemetry,
};
std::string_view to_string(RequestKind kind) noexcept;

enum class ResponseKind : std::uint8_t
{
    success,
    record,
    ignored,
    failure,
};

/// What the server is in.
enum class ServerState : std::uint8_t
{
    negotiation,    ///< before HELLO
    authentication, ///< before LOGON (5.1 and newer)
    ready,
    streaming,    ///< of an auto-commit query
    tx_ready,     ///< in a transaction
    tx_streaming, ///< in a transaction, with a result open
    failed,       ///< ignores everything until RESET
    defunct,      ///< nothing more is possible
};
std::string_view to_string(ServerState state) noexcept;

/// Requests are answered in the order in which they were sent, and what is sent depends on what the ones before will
/// have come to: both are followed here, so that neither side gets out of step unnoticed.
class Conversation
{
public:
    explicit Conversation(Version version) noexcept : version_(version) {}

    /// Whether a server that answers everything before with SUCCESS takes it.
    bool may_send(RequestKind kind) const noexcept;
    /// Notes a request. \throws std::logic_error where may_send() is false: a mistake of this driver.
    void sent(RequestKind kind);

    struct Answer
    {
        RequestKind request = RequestKind::reset;
        bool done = true; ///< the request's last answer
    };
    /// Notes an answer and says whose it is. Throws Malformed where it cannot be one; the conversation is defunct then.
    /// \param has_more of a SUCCESS to PULL or DISCARD
    Answer received(ResponseKind kind, bool has_more);

    /// After the answers so far.
    ServerState state() const noexcept { return state_; }
    /// After the answers that are still to come, where all are SUCCESS and without has_more.
    ServerState expected() const noexcept { return expected_; }
    std::size_t pending() const noexcept { return pending_.size(); }
    /// The request whose answer is next; there must be one.
    RequestKind next() const noexcept { return pending_.front(); }
    /// At rest: everything is answered, and a new query may begin.
    bool is_clean() const noexcept { return pending_.empty() && state_ == ServerState::ready; }
    /// At rest once what is pending is answered.
    bool will_be_clean() const noexcept { return expected_ == ServerState::ready && state_ != ServerState::defunct; }
    void give_up() noexcept;

private:
    Answer succeeded(RequestKind request, bool has_more);
    Answer failed(RequestKind request);

    Version version_;
    ServerState state_ = ServerState::negotiation;
    ServerState expected_ = ServerState::negotiation;
    std::deque<RequestKind> pending_;
    std::size_t resets_ = 0;       // pending ones: until they are answered anything before may be ignored
    std::size_t open_results_ = 0; // of the transaction
    std::size_t expected_results_ = 0;
};

} // namespace whisperstore::bolt

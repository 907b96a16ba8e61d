#include "protocol/bolt/conversation.hpp"

#include "protocol/bolt/failure.hpp"

#include <array>
#include <stdexcept>
#include <string>

namespace whisperstore::bolt {

namespace {

constexpr std::array<std::string_view, 13> request_names = {"HELLO",   "LOGON", "LOGOFF",   "RUN",      "PULL",
                                                            "DISCARD", "BEGIN", "COMMIT",   "ROLLBACK", "RESET",
                                                            "GOODBYE", "ROUTE", "TELEMETRY"};
constexpr std::array<std::string_view, 8> state_names = {"NEGOTIATION", "AUTHENTICATION", "READY",  "STREAMING",
                                                         "TX_READY",    "TX_STREAMING",   "FAILED", "DEFUNCT"};

struct After
{
    ServerState state = ServerState::defunct;
    bool allowed = false;
};

/// What a request that succeeds makes of a state. \param results open in the transaction
After after(ServerState state, RequestKind request, bool has_more, std::size_t& results, Version version) noexcept
{
    using S = ServerState;
    using R = RequestKind;
    const auto becomes = [](S next) { return After{next, true}; };
    if (state == S::defunct)
        return {};
    if (request == R::goodbye)
        return becomes(S::defunct);
    switch (state) {
    case S::negotiation:
        if (request == R::hello)
            return becomes(version >= Version{5, 1} ? S::authentication : S::ready);
        return {};
    case S::authentication:
        return request == R::logon ? becomes(S::ready) : After{};
    case S::ready:
        if (request == R::run)
            return becomes(S::streaming);
        if (request == R::begin)
            return results = 0, becomes(S::tx_ready);
        if (request == R::route || request == R::reset)
            return becomes(S::ready);
        if (request == R::telemetry && version >= Version{5, 4})
            return becomes(S::ready);
        if (request == R::logoff && version >= Version{5, 1})
            return becomes(S::authentication);
        return {};
    case S::streaming:
        if (request == R::pull || request == R::discard)
            return becomes(has_more ? S::streaming : S::ready);
        return request == R::reset ? becomes(S::ready) : After{};
    case S::tx_ready:
    case S::tx_streaming:
        if (request == R::run)
            return ++results, becomes(S::tx_streaming);
        if (request == R::reset)
            return results = 0, becomes(S::ready);
        if (state == S::tx_streaming && (request == R::pull || request == R::discard)) {
            if (!has_more)
                --results;
            return becomes(results > 0 ? S::tx_streaming : S::tx_ready);
        }
        if (state == S::tx_ready && (request == R::commit || request == R::rollback))
            return becomes(S::ready);
        return {};
    case S::failed:
        return request == R::reset ? (results = 0, becomes(S::ready)) : After{};
    case S::defunct:
        break;
    }
    return {};
}

} // namespace

std::string_view to_string(RequestKind kind) noexcept { return request_names[static_cast<std::size_t>(kind)]; }
std::string_view to_string(ServerState state) noexcept { return state_names[static_cast<std::size_t>(state)]; }

bool Conversation::may_send(RequestKind kind) const noexcept
{
    std::size_t results = expected_results_;
    return after(expected_, kind, false, results, version_).allowed;
}

void Conversation::sent(RequestKind kind)
{
    const After next = after(expected_, kind, false, expected_results_, version_);
    if (!next.allowed)
        throw std::logic_error(std::string(to_string(kind)).append(" in the state ").append(to_string(expected_)));
    expected_ = next.state;
    if (kind == RequestKind::goodbye)
        return; // it has no answer
    pending_.push_back(kind);
    resets_ += kind == RequestKind::reset ? 1 : 0;
}

Conversation::Answer Conversation::received(ResponseKind kind, bool has_more)
{
    if (state_ == ServerState::defunct || pending_.empty()) {
        give_up();
        throw Malformed{"the server answers what it was not asked"};
    }
    const RequestKind request = pending_.front();
    if (kind == ResponseKind::record) {
        const bool streams = state_ == ServerState::streaming || state_ == ServerState::tx_streaming;
        if (request != RequestKind::pull || !streams) {
            give_up();
            throw Malformed{std::string("the server sends a record for ").append(to_string(request))};
        }
        return Answer{request, false};
    }
    pending_.pop_front();
    resets_ -= request == RequestKind::reset ? 1 : 0;
    if (kind == ResponseKind::success)
        return succeeded(request, has_more);
    if (kind == ResponseKind::failure)
        return failed(request);
    // A RESET that is under way overtakes what was sent before it.
    if (request == RequestKind::reset || (state_ != ServerState::failed && resets_ == 0)) {
        give_up();
        throw Malformed{std::string("the server ignores ").append(to_string(request)).append(" without a reason")};
    }
    state_ = ServerState::failed;
    if (resets_ == 0)
        expected_ = ServerState::failed;
    return Answer{request, true};
}

Conversation::Answer Conversation::succeeded(RequestKind request, bool has_more)
{
    const After next = after(state_, request, has_more, open_results_, version_);
    if (!next.allowed) {
        const ServerState before = state_;
        give_up();
        throw Malformed{std::string("the server says SUCCESS to ")
                            .append(to_string(request))
                            .append(" in the state ")
                            .append(to_string(before))};
    }
    state_ = next.state;
    if (pending_.empty()) {
        expected_ = state_;
        expected_results_ = open_results_;
    }
    return Answer{request, true};
}

Conversation::Answer Conversation::failed(RequestKind request)
{
    // Who is not let in is shown out, and a connection that cannot be reset is of no use.
    const bool last =
        state_ == ServerState::negotiation || state_ == ServerState::authentication || request == RequestKind::reset;
    if (last) {
        give_up();
        return Answer{request, true};
    }
    if (state_ == ServerState::failed && resets_ == 0) {
        give_up();
        throw Malformed{
            std::string("the server fails at ").append(to_string(request)).append(" that it should ignore")};
    }
    state_ = ServerState::failed;
    if (resets_ == 0)
        expected_ = ServerState::failed;
    return Answer{request, true};
}

void Conversation::give_up() noexcept
{
    state_ = expected_ = ServerState::defunct;
    pending_.clear();
    resets_ = 0;
}

} // namespace whisperstore::bolt

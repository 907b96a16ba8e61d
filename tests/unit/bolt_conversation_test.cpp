// The server's state as both sides count it, against the tables of the specification.

#include "protocol/bolt/conversation.hpp"
#include "protocol/bolt/failure.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <stdexcept>
#include <vector>

namespace whisperstore::test {

using namespace whisperstore::bolt;
using BoltVersion = whisperstore::bolt::Version;
using R = RequestKind;
using S = ServerState;

namespace {

constexpr R all_requests[] = {R::hello,  R::logon,    R::logoff, R::run,     R::pull,  R::discard,  R::begin,
                              R::commit, R::rollback, R::reset,  R::goodbye, R::route, R::telemetry};

void succeed(Conversation& conversation, R request, bool has_more = false)
{
    conversation.sent(request);
    const Conversation::Answer answer = conversation.received(ResponseKind::success, has_more);
    EXPECT_EQ(answer.request, request);
    EXPECT_TRUE(answer.done);
}

/// One in that state.
Conversation in_state(S state, BoltVersion version = newest_version)
{
    Conversation conversation(version);
    if (state == S::negotiation)
        return conversation;
    succeed(conversation, R::hello);
    if (state == S::authentication)
        return conversation;
    if (version >= BoltVersion{5, 1})
        succeed(conversation, R::logon);
    if (state == S::streaming || state == S::failed)
        conversation.sent(R::run);
    if (state == S::failed)
        conversation.received(ResponseKind::failure, false);
    if (state == S::streaming)
        conversation.received(ResponseKind::success, false);
    if (state == S::tx_ready || state == S::tx_streaming)
        succeed(conversation, R::begin);
    if (state == S::tx_streaming)
        succeed(conversation, R::run);
    if (state == S::defunct)
        conversation.give_up();
    EXPECT_EQ(conversation.state(), state);
    EXPECT_EQ(conversation.expected(), state);
    return conversation;
}

} // namespace

TEST(BoltConversation, EveryStateTakesWhatTheSpecificationSays)
{
    const std::map<S, std::map<R, S>> table = {
        {S::negotiation, {{R::hello, S::authentication}, {R::goodbye, S::defunct}}},
        {S::authentication, {{R::logon, S::ready}, {R::goodbye, S::defunct}}},
        {S::ready,
         {{R::run, S::streaming},
          {R::begin, S::tx_ready},
          {R::route, S::ready},
          {R::telemetry, S::ready},
          {R::logoff, S::authentication},
          {R::reset, S::ready},
          {R::goodbye, S::defunct}}},
        {S::streaming, {{R::pull, S::ready}, {R::discard, S::ready}, {R::reset, S::ready}, {R::goodbye, S::defunct}}},
        {S::tx_ready,
         {{R::run, S::tx_streaming},
          {R::commit, S::ready},
          {R::rollback, S::ready},
          {R::reset, S::ready},
          {R::goodbye, S::defunct}}},
        {S::tx_streaming,
         {{R::run, S::tx_streaming},
          {R::pull, S::tx_ready},
          {R::discard, S::tx_ready},
          {R::reset, S::ready},
          {R::goodbye, S::defunct}}},
        {S::failed, {{R::reset, S::ready}, {R::goodbye, S::defunct}}},
        {S::defunct, {}},
    };
    for (const auto& [state, allowed] : table)
        for (const R request : all_requests) {
            Conversation conversation = in_state(state);
            const auto next = allowed.find(request);
            EXPECT_EQ(conversation.may_send(request), next != allowed.end())
                << to_string(request) << " in " << to_string(state);
            if (next == allowed.end()) {
                EXPECT_THROW(conversation.sent(request), std::logic_error);
                continue;
            }
            conversation.sent(request);
            EXPECT_EQ(conversation.expected(), next->second) << to_string(request) << " in " << to_string(state);
            if (request == R::goodbye)
                continue;
            conversation.received(ResponseKind::success, false);
            EXPECT_EQ(conversation.state(), next->second) << to_string(request) << " in " << to_string(state);
            EXPECT_EQ(conversation.pending(), 0U);
        }
}

TEST(BoltConversation, OlderVersionsHaveFewerRequests)
{
    Conversation old = in_state(S::ready, BoltVersion{4, 4});
    EXPECT_FALSE(old.may_send(R::logoff));
    EXPECT_FALSE(old.may_send(R::telemetry));
    EXPECT_FALSE(in_state(S::ready, BoltVersion{5, 3}).may_send(R::telemetry));
    EXPECT_TRUE(in_state(S::ready, BoltVersion{5, 4}).may_send(R::telemetry));
    EXPECT_FALSE(in_state(S::ready, BoltVersion{5, 0}).may_send(R::logoff));
}

TEST(BoltConversation, PipelinedRequestsAreAnsweredInOrder)
{
    Conversation conversation = in_state(S::ready);
    for (const R request : {R::begin, R::run, R::pull})
        conversation.sent(request);
    EXPECT_EQ(conversation.pending(), 3U);
    EXPECT_EQ(conversation.expected(), S::tx_ready);
    EXPECT_EQ(conversation.received(ResponseKind::success, false).request, R::begin);
    EXPECT_EQ(conversation.received(ResponseKind::success, false).request, R::run);
    const auto record = conversation.received(ResponseKind::record, false);
    EXPECT_EQ(record.request, R::pull);
    EXPECT_FALSE(record.done);
    EXPECT_EQ(conversation.received(ResponseKind::success, true).request, R::pull);
    EXPECT_EQ(conversation.state(), S::tx_streaming) << "there is more";
    EXPECT_EQ(conversation.expected(), S::tx_streaming);
    EXPECT_FALSE(conversation.may_send(R::commit));
    succeed(conversation, R::pull);
    succeed(conversation, R::commit);
    EXPECT_TRUE(conversation.is_clean());
}

TEST(BoltConversation, SeveralResultsOfATransactionAreCounted)
{
    Conversation conversation = in_state(S::tx_streaming);
    succeed(conversation, R::run);
    succeed(conversation, R::pull);
    EXPECT_EQ(conversation.state(), S::tx_streaming);
    succeed(conversation, R::discard);
    EXPECT_EQ(conversation.state(), S::tx_ready);
}

TEST(BoltConversation, AfterAFailureTheRestIsIgnoredUntilReset)
{
    Conversation conversation = in_state(S::ready);
    conversation.sent(R::run);
    conversation.sent(R::pull);
    EXPECT_EQ(conversation.received(ResponseKind::failure, false).request, R::run);
    EXPECT_EQ(conversation.state(), S::failed);
    EXPECT_EQ(conversation.expected(), S::failed);
    conversation.sent(R::reset);
    EXPECT_TRUE(conversation.will_be_clean());
    EXPECT_FALSE(conversation.is_clean());
    EXPECT_EQ(conversation.received(ResponseKind::ignored, false).request, R::pull);
    EXPECT_EQ(conversation.received(ResponseKind::success, false).request, R::reset);
    EXPECT_TRUE(conversation.is_clean());
}

TEST(BoltConversation, ResetOvertakesWhatWasSentBeforeIt)
{
    Conversation conversation = in_state(S::ready);
    conversation.sent(R::run);
    conversation.sent(R::pull);
    conversation.sent(R::reset);
    conversation.sent(R::run); // behind it: not ignored
    EXPECT_EQ(conversation.received(ResponseKind::success, false).request, R::run);
    EXPECT_EQ(conversation.received(ResponseKind::ignored, false).request, R::pull);
    EXPECT_EQ(conversation.received(ResponseKind::success, false).request, R::reset);
    EXPECT_EQ(conversation.received(ResponseKind::success, false).request, R::run);
    EXPECT_EQ(conversation.state(), S::streaming);
}

TEST(BoltConversation, AnswersThatCannotBeEndIt)
{
    const auto refuses = [](Conversation conversation, ResponseKind answer) {
        EXPECT_THROW(conversation.received(answer, false), Malformed);
        EXPECT_EQ(conversation.state(), S::defunct);
        EXPECT_FALSE(conversation.may_send(R::reset));
        EXPECT_THROW(conversation.received(answer, false), Malformed);
    };
    for (const ResponseKind any :
         {ResponseKind::success, ResponseKind::record, ResponseKind::failure, ResponseKind::ignored})
        refuses(in_state(S::ready), any); // nothing was asked
    Conversation run = in_state(S::ready);
    run.sent(R::run);
    refuses(run, ResponseKind::record);
    refuses(run, ResponseKind::ignored);
    Conversation reset = in_state(S::failed);
    reset.sent(R::reset);
    refuses(reset, ResponseKind::ignored);
    Conversation two = in_state(S::ready);
    two.sent(R::run);
    two.sent(R::pull);
    two.received(ResponseKind::failure, false);
    refuses(two, ResponseKind::failure);
    refuses(two, ResponseKind::success);
    refuses(two, ResponseKind::record);
}

TEST(BoltConversation, WhoIsNotLetInIsShownOut)
{
    Conversation hello(newest_version);
    hello.sent(R::hello);
    hello.sent(R::logon);
    hello.received(ResponseKind::success, false);
    EXPECT_EQ(hello.received(ResponseKind::failure, false).request, R::logon);
    EXPECT_EQ(hello.state(), S::defunct);
    Conversation reset = in_state(S::failed);
    reset.sent(R::reset);
    reset.received(ResponseKind::failure, false);
    EXPECT_EQ(reset.state(), S::defunct);
}

} // namespace whisperstore::test

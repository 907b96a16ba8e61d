// A server's answers, in chunks, to requests that were sent together. The first byte is the size of the pieces they
// come in, the second the version, the third how many of the following bytes are requests; the rest is what the server
// sends.

#include "fuzz/fuzz_target.hpp"
#include "protocol/bolt/chunks.hpp"
#include "protocol/bolt/conversation.hpp"
#include "protocol/bolt/failure.hpp"
#include "protocol/bolt/responses.hpp"

#include <algorithm>
#include <vector>

namespace whisperstore::fuzz {

namespace {

using namespace bolt;
using BoltVersion = bolt::Version;

/// What became of it.
struct Course
{
    std::vector<int> answers; ///< request and kind
    ServerState state = ServerState::negotiation;
    ServerState expected = ServerState::negotiation;
    std::size_t pending = 0;
    bool malformed = false;
    friend bool operator==(const Course&, const Course&) = default;
};

void check(const Conversation& conversation)
{
    if (conversation.state() == ServerState::defunct)
        require(conversation.expected() == ServerState::defunct, "nothing is expected of the dead");
    if (conversation.pending() == 0 && conversation.expected() != ServerState::defunct)
        require(conversation.expected() == conversation.state(), "without open questions both sides agree");
    require(conversation.is_clean() == (conversation.pending() == 0 && conversation.state() == ServerState::ready),
            "clean is ready, with nothing open");
    for (int kind = 0; kind <= static_cast<int>(RequestKind::telemetry); ++kind)
        if (conversation.expected() == ServerState::defunct)
            require(!conversation.may_send(static_cast<RequestKind>(kind)), "the dead take nothing");
}

Course run(BoltVersion version, std::string_view requests, std::string_view answers, std::size_t piece)
{
    Course course;
    Conversation conversation(version);
    for (const char byte : requests) {
        const auto kind = static_cast<RequestKind>(static_cast<std::uint8_t>(byte) % 13);
        if (!conversation.may_send(kind))
            continue;
        conversation.sent(kind);
        if (kind == RequestKind::goodbye)
            require(conversation.expected() == ServerState::defunct, "goodbye is the end");
    }
    MessageReader reader(std::size_t(1) << 20U);
    try {
        for (std::size_t at = 0; at < answers.size(); at += piece) {
            reader.input().append(answers.substr(at, piece));
            reader.scan();
            require(reader.summaries() <= reader.ready(), "summaries are messages");
            while (reader.ready() > 0) {
                const Response response = read_response(reader.take());
                bool has_more = false;
                if (response.kind == ResponseKind::success)
                    has_more = find_flag(read_metadata(response.body, Dialect()), "has_more");
                if (response.kind == ResponseKind::record)
                    static_cast<void>(read_record(response.body, Dialect()));
                const std::size_t before = conversation.pending();
                const Conversation::Answer answer = conversation.received(response.kind, has_more);
                require(conversation.state() == ServerState::defunct ||
                            conversation.pending() + (answer.done ? 1U : 0U) == before,
                        "an answer ends one request at most");
                require(answer.done || response.kind == ResponseKind::record, "only records leave a request open");
                course.answers.push_back(static_cast<int>(answer.request) * 8 + static_cast<int>(response.kind));
                check(conversation);
            }
        }
    } catch (const Malformed& malformed) {
        require(!malformed.text.empty(), "a refusal says what is wrong");
        course.malformed = true;
    }
    course.state = conversation.state();
    course.expected = conversation.expected();
    course.pending = conversation.pending();
    return course;
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    if (size < 3)
        return 0;
    const std::size_t piece = std::max<std::size_t>(1, data[0]);
    const bolt::Version version =
        data[1] % 10 == 9 ? bolt::oldest_version : bolt::Version{5, static_cast<std::uint8_t>(data[1] % 10)};
    const std::string_view rest = fuzz::as_text(data + 3, size - 3);
    const std::string_view requests = rest.substr(0, data[2] % 64);
    const std::string_view answers = rest.substr(requests.size());
    const fuzz::Course whole = fuzz::run(version, requests, answers, answers.size() + 1);
    const fuzz::Course pieces = fuzz::run(version, requests, answers, piece);
    // Where the bytes end the whole is seen at once, the pieces one after the other: refused is refused.
    fuzz::require(whole.malformed == pieces.malformed, "pieces and whole are refused alike");
    if (!whole.malformed)
        fuzz::require(whole == pieces, "pieces and whole are read alike");
    return 0;
}

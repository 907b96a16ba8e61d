// What clients send to the monitoring server: requests in any pieces, what they may, and the answers' heads. The first
// byte tells the size of the pieces, the second the rules.

#include "fuzz/fuzz_target.hpp"
#include "protocol/http/response_reader.hpp"
#include "serve/answer.hpp"
#include "serve/request_reader.hpp"
#include "serve/router.hpp"

#include <algorithm>
#include <vector>

namespace whisperstore::fuzz {

namespace {

constexpr std::size_t head_limit = 1024;
constexpr std::string_view token = "fuzz-token-0123456789";

struct Seen
{
    std::vector<serve::RequestHead> requests;
    int refused = 0; ///< the status; 0: not
    friend bool operator==(const Seen& a, const Seen& b)
    {
        const auto same = [](const serve::RequestHead& x, const serve::RequestHead& y) {
            return x.method == y.method && x.path == y.path && x.authority == y.authority &&
                   x.authorization == y.authorization && x.last_event_id == y.last_event_id &&
                   x.keep_alive == y.keep_alive;
        };
        return a.refused == b.refused &&
               std::equal(a.requests.begin(), a.requests.end(), b.requests.begin(), b.requests.end(), same);
    }
};

Seen read(std::string_view bytes, std::size_t piece)
{
    using State = serve::RequestReader::State;
    serve::RequestReader reader(head_limit);
    Seen seen;
    const auto take = [&] {
        while (reader.state() == State::complete) {
            seen.requests.push_back(reader.request());
            reader.next();
        }
    };
    for (std::size_t at = 0; at < bytes.size() && reader.state() != State::refused; at += piece) {
        reader.feed(bytes.substr(at, piece));
        take();
    }
    reader.finish();
    if (reader.state() == State::refused) {
        seen.refused = reader.refusal().status;
        require(!reader.refusal().message.empty(), "a refusal says what is wrong");
        require(reader.feed("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == State::refused,
                "nothing follows a refusal");
    }
    return seen;
}

/// A client of ours understands the answer, and it is no longer than it says.
void check_answer(const serve::Answer& answer)
{
    std::string bytes = serve::answer_head(answer, true, true, std::chrono::system_clock::time_point());
    if (answer.body)
        bytes.append(*answer.body);
    http::ResponseReader reader(false);
    std::string body;
    const std::size_t used = reader.feed(bytes, body);
    require(reader.done() && used == bytes.size(), "an answer is proper HTTP");
    require(reader.head().status == answer.status && answer.body && body == *answer.body, "an answer is what it was");
}

void check_request(const serve::RequestHead& request, const serve::AccessRules& rules)
{
    const serve::Decision decision = serve::decide(request, rules);
    if (!decision.route) {
        const int status = decision.refusal.status;
        require(status == 401 || status == 404 || status == 405 || status == 421, "a refusal has its status");
        check_answer(serve::refusal_answer(decision.refusal));
        return;
    }
    require(request.method == "GET" || request.method == "HEAD", "nothing is done but reading");
    if (*decision.route != serve::Route::live && rules.token.wanted())
        require(request.authorization.find(token) != std::string::npos, "nobody gets in without the token");
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    if (size < 2)
        return 0;
    const std::size_t piece = std::max<std::size_t>(1, data[0]);
    serve::AccessRules rules;
    rules.loopback_only = (data[1] & 1U) != 0;
    rules.token = serve::TokenCheck((data[1] & 2U) != 0 ? std::string(fuzz::token) : std::string());
    const std::string_view bytes = fuzz::as_text(data + 2, size - 2);
    const fuzz::Seen seen = fuzz::read(bytes, piece);
    fuzz::require(seen == fuzz::read(bytes, 1), "pieces of any size are read alike");
    for (const serve::RequestHead& request : seen.requests)
        fuzz::check_request(request, rules);
    if (seen.refused != 0)
        fuzz::check_answer(serve::refusal_answer(serve::Refusal{seen.refused, "refused"}));
    return 0;
}

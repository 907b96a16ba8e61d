// What the monitoring server makes of bytes, before anything is answered.

#include "serve/answer.hpp"
#include "serve/listen_address.hpp"
#include "serve/request_rate.hpp"
#include "serve/request_reader.hpp"
#include "serve/router.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

namespace whisperstore::serve {
namespace {

using State = RequestReader::State;

const std::string plain = "GET /metrics?x=1 HTTP/1.1\r\nHost: localhost:9464\r\n\r\n";

/// Feeds in pieces of `piece` bytes; the status of the refusal, 0 for a request that is complete, -1 for one that is
/// not.
int outcome(RequestReader& reader, std::string_view bytes, std::size_t piece)
{
    for (std::size_t at = 0; at < bytes.size(); at += piece)
        reader.feed(bytes.substr(at, piece));
    return reader.state() == State::refused ? reader.refusal().status : reader.state() == State::complete ? 0 : -1;
}

int outcome(std::string_view bytes, std::size_t piece = 100'000)
{
    RequestReader reader(8192);
    return outcome(reader, bytes, piece);
}

TEST(ServeRequests, AreReadInPiecesOfAnySize)
{
    for (const std::size_t piece : {1U, 2U, 7U, 1000U}) {
        RequestReader reader(8192);
        ASSERT_EQ(outcome(reader, plain, piece), 0) << piece;
        EXPECT_EQ(reader.request().method, "GET");
        EXPECT_EQ(reader.request().path, "/metrics");
        EXPECT_EQ(reader.request().authority, "localhost:9464");
        EXPECT_TRUE(reader.request().keep_alive);
    }
}

TEST(ServeRequests, FollowEachOtherOnOneConnection)
{
    RequestReader reader(8192);
    ASSERT_EQ(outcome(reader, plain + "HEAD / HTTP/1.0\r\n\r\nGET", 5), 0);
    ASSERT_EQ(reader.next(), State::complete);
    EXPECT_EQ(reader.request().method, "HEAD");
    EXPECT_EQ(reader.request().path, "/");
    EXPECT_FALSE(reader.request().keep_alive);
    EXPECT_EQ(reader.next(), State::incomplete);
    EXPECT_FALSE(reader.is_empty());
    EXPECT_EQ(reader.finish(), State::refused);
}

TEST(ServeRequests, MayNameTheServerInTheirTarget)
{
    RequestReader reader(8192);
    ASSERT_EQ(outcome(reader, "GET http://evil.example/api/config HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000), 0);
    EXPECT_EQ(reader.request().authority, "evil.example") << "it is stronger than the Host header (RFC 9112, 3.2.2)";
    EXPECT_EQ(reader.request().path, "/api/config");
}

TEST(ServeRequests, ThatAreNotAllowedAreRefusedWithTheRightStatus)
{
    const std::string host = "Host: localhost\r\n";
    const std::pair<std::string, int> cases[] = {
        {"GET / HT", -1},
        {"\x16\x03\x01\x02", 400}, // TLS
        {"GET\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
        {"GET / HTTP/1.1\r\n" + host + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" + host + "X: a\nY: b\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", 413},
        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\n" + host + "Content-Length: x\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", 0},
        {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
        {"GET / HTTP/1.1\r\n" + host + "X: " + std::string(9000, 'a') + "\r\n\r\n", 431},
        {"GET /" + std::string(20'000, 'a'), 431},
        {std::string(20'000, 'a'), 431},
    };
    for (const auto& [bytes, status] : cases)
        for (const std::size_t piece : {100'000U, 3U})
            EXPECT_EQ(outcome(bytes, piece), status) << bytes.substr(0, 100) << " in pieces of " << piece;
}

TEST(ServeRequests, TakeNoMoreMemoryHoweverLongTheyGoOn)
{
    RequestReader reader(1024);
    for (int i = 0; i < 100'000; ++i)
        reader.feed("X-Header-Without-End: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    EXPECT_EQ(reader.state(), State::refused);
    EXPECT_EQ(reader.feed(plain), State::refused) << "what follows a refusal is not looked at";
}

RequestHead request_of(std::string method, std::string path, std::string authorization = {})
{
    RequestHead request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.authority = "127.0.0.1:9464";
    request.authorization = std::move(authorization);
    return request;
}

TEST(ServeRoutes, NameWhatIsAllowed)
{
    const AccessRules rules;
    EXPECT_EQ(decide(request_of("GET", "/metrics"), rules).route, Route::metrics);
    EXPECT_EQ(decide(request_of("HEAD", "/"), rules).route, Route::index);
    const Decision post = decide(request_of("POST", "/metrics"), rules);
    EXPECT_EQ(post.refusal.status, 405);
    EXPECT_EQ(refusal_answer(post.refusal).allow, "GET, HEAD");
    for (const std::string path : {"/metrics/", "/../etc/passwd", "/%6detrics", "", "*", "//metrics"}) {
        const Decision decision = decide(request_of("GET", path), rules);
        EXPECT_EQ(decision.refusal.status, 404) << path;
        EXPECT_NE(decision.refusal.message.find("/health/ready"), std::string::npos);
    }
}

TEST(ServeRoutes, WantTheTokenForAllButTheProbeOfLife)
{
    AccessRules rules;
    rules.token = TokenCheck("0123456789abcdef");
    EXPECT_EQ(decide(request_of("GET", "/health/live"), rules).route, Route::live);
    for (const std::string wrong : {"", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0",
                                    "Basic 0123456789abcdef", "0123456789abcdef", "Bearer  0123456789abcdef"}) {
        EXPECT_EQ(decide(request_of("GET", "/metrics", wrong), rules).refusal.status, 401) << wrong;
        EXPECT_EQ(decide(request_of("GET", "/nothing", wrong), rules).refusal.status, 401)
            << "who has no token learns nothing of the paths";
    }
    EXPECT_EQ(decide(request_of("GET", "/metrics", "Bearer 0123456789abcdef"), rules).route, Route::metrics);
    EXPECT_EQ(decide(request_of("GET", "/metrics", "bearer 0123456789abcdef"), rules).route, Route::metrics);
}

TEST(ServeRoutes, RefuseWeakTokensWithoutRepeatingThem)
{
    for (const std::string token :
         {"sesame", "sesame sesame sesame", "sesame-sesame-\nsesame", "sesame-sesame-sésame"}) {
        const StorageError error = test::error_of([&] { TokenCheck{token}; });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
        EXPECT_EQ(std::string(error.what()).find("sesame"), std::string::npos) << error.what();
    }
}

TEST(ServeRoutes, OfLoopbackAnswerOnlyToNamesOfThisMachine)
{
    AccessRules rules;
    RequestHead request = request_of("GET", "/metrics");
    for (const std::string name : {"localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:9464", "[::1]", "[::1]:9464"}) {
        request.authority = name;
        EXPECT_EQ(decide(request, rules).route, Route::metrics) << name;
    }
    for (const std::string name : {"evil.example", "evil.example:9464", "127.0.0.1.evil.example",
                                   "localhost.evil.example", "10.0.0.1", "[::2]", "[::1", "0.0.0.0"}) {
        request.authority = name;
        EXPECT_EQ(decide(request, rules).refusal.status, 421) << name;
    }
    rules.loopback_only = false;
    EXPECT_EQ(decide(request, rules).route, Route::metrics);
}

TEST(ServeAddresses, AreReadAndRefusedByWhatIsAllowed)
{
    EXPECT_EQ(url_of(parse_listen_address("127.0.0.1:9464")), "http://127.0.0.1:9464");
    EXPECT_EQ(url_of(parse_listen_address("[::1]:1")), "http://[::1]:1");
    EXPECT_EQ(url_of(parse_listen_address("localhost:0")), "http://127.0.0.1:0");
    EXPECT_EQ(url_of(parse_listen_address("0.0.0.0:80")), "http://127.0.0.1:80");
    EXPECT_TRUE(is_loopback(parse_listen_address("127.8.8.8:1").address()));
    EXPECT_TRUE(is_loopback(parse_listen_address("[::ffff:127.0.0.1]:1").address()));
    EXPECT_FALSE(is_loopback(parse_listen_address("[::]:1").address()));
    EXPECT_FALSE(is_loopback(parse_listen_address("10.0.0.1:1").address()));
    for (const std::string text : {"", "127.0.0.1", "9464", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:9464",
                                   "[::1]", "example.com:9464", "127.0.0.1:94x", ":9464"}) {
        const StorageError error = test::error_of([&] { parse_listen_address(text); });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << text;
        EXPECT_NE(error.message().find("HOST:PORT"), std::string::npos);
    }
}

TEST(ServeRate, RefillsWithTime)
{
    RequestRate rate(10);
    RequestRate::Clock::time_point now{std::chrono::hours(1)};
    for (int i = 0; i < 10; ++i)
        EXPECT_TRUE(rate.try_take(now));
    EXPECT_FALSE(rate.try_take(now));
    now += std::chrono::milliseconds(100);
    EXPECT_TRUE(rate.try_take(now));
    EXPECT_FALSE(rate.try_take(now));
    now += std::chrono::hours(1);
    int taken = 0;
    while (rate.try_take(now))
        ++taken;
    EXPECT_EQ(taken, 10) << "an hour without requests is no right to an hour's worth of them";
    RequestRate none(0);
    for (int i = 0; i < 10'000; ++i)
        EXPECT_TRUE(none.try_take(now));
}

TEST(ServeAnswers, CarryTheHeadersThatKeepThemWhereTheyBelong)
{
    const Answer answer = refusal_answer(Refusal{429, "slower"});
    const std::string head = answer_head(answer, true, true, std::chrono::system_clock::from_time_t(784111777));
    EXPECT_TRUE(head.starts_with("HTTP/1.1 429 Too Many Requests\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n")) << head;
    for (const std::string line :
         {"Content-Type: application/json\r\n", "Connection: close\r\n", "Retry-After: 1\r\n",
          "Cache-Control: no-store\r\n", "X-Content-Type-Options: nosniff\r\n", "Referrer-Policy: no-referrer\r\n",
          "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"})
        EXPECT_NE(head.find(line), std::string::npos) << line;
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    EXPECT_NE(head.find("Content-Length: " + std::to_string(answer.body->size())), std::string::npos);
    EXPECT_EQ(parse_json(*answer.body, "answer").at("error").at("message").as_string(), "slower");
}

} // namespace
} // namespace whisperstore::serve

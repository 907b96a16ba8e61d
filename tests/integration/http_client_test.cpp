// The HTTP client against a scripted server: exchanges, limits, streams.

#include "integration/http_support.hpp"
#include "support/cancellable.hpp"

#include <whisperstore/core/blocking.hpp>

#include <atomic>
#include <deque>
#include <thread>

namespace whisperstore::test {

using http::Client;
using http::Effect;
using http::Request;
using http::Response;

TEST(HttpClient, SendsAndReceives)
{
    HttpStub stub(echo);
    Client client(client_config({stub.port()}));
    const Response response = run(client.send(request("POST", "/x?y=1", "hello")));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "POST /x?y=1 hello");
    const StubRequest seen = stub.requests().front();
    EXPECT_EQ(seen.header("Host"), "127.0.0.1:" + std::to_string(stub.port()));
    EXPECT_EQ(seen.header("Accept-Encoding"), "gzip");
    EXPECT_EQ(client.endpoints(), std::vector<std::string>{"127.0.0.1:" + std::to_string(stub.port())});
    EXPECT_EQ(run(client.send(request("HEAD", "/x"))).body, "");
    EXPECT_EQ(stub.accepted(), 1U);
}

TEST(HttpClient, TakesAnswersInEveryForm)
{
    const std::string body(70'000, 'b');
    for (StubAnswer answer :
         {StubAnswer{.body = body}, StubAnswer{.body = body, .chunked = true}, StubAnswer{.body = body, .gzip = true},
          StubAnswer{.body = body, .gzip = true, .chunked = true}, StubAnswer{.body = body, .until_close = true},
          StubAnswer{.body = body, .gzip = true, .piece = 1}, StubAnswer{.body = body, .close = true},
          StubAnswer{.raw = "HTTP/1.0 200 OK\r\nContent-Length: 70000\r\n\r\n" + body}}) {
        HttpStub stub(answer);
        Client client(client_config({stub.port()}));
        for (int i = 0; i < 3; ++i) {
            const Response response = run(client.send(request("GET", "/")));
            EXPECT_EQ(response.status, 200);
            EXPECT_EQ(response.body, body);
        }
        EXPECT_EQ(in_use(client), 0U);
    }
}

TEST(HttpClient, KeepsConnectionsAcrossCallersWithOtherExecutors)
{
    HttpStub stub(echo);
    Client client(client_config({stub.port()}));
    for (int i = 0; i < 3; ++i) {
        std::thread([&] { EXPECT_EQ(blocking::run(client.send(request("GET", "/a"))).status, 200); }).join();
        asio::io_context io;
        EXPECT_EQ(blocking::run(io, client.send(request("GET", "/b"))).status, 200);
        EXPECT_EQ(run(client.send(request("GET", "/c"))).status, 200);
    }
    EXPECT_EQ(stub.accepted(), 1U);
}

TEST(HttpClient, IsSafeFromManyThreads)
{
    HttpStub stub(echo);
    http::ClientConfig config = client_config({stub.port()});
    config.max_connections = 4;
    Client client(config);
    asio::thread_pool threads(4);
    std::vector<std::future<Response>> answers;
    for (int i = 0; i < 200; ++i) {
        const std::string number = std::to_string(i);
        http::Request one = request("POST", std::string("/").append(number), number);
        answers.push_back(asio::co_spawn(threads, client.send(std::move(one)), asio::use_future));
    }
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const std::string number = std::to_string(i);
        EXPECT_EQ(wait(std::move(answers[i])).body, std::string("POST /").append(number).append(" ").append(number));
    }
    EXPECT_LE(stub.accepted(), 4U);
    EXPECT_EQ(in_use(client), 0U);
    threads.join();
}

TEST(HttpClient, BoundsConnectionsAndTheLine)
{
    HttpStub stub(StubAnswer{.black_hole = true});
    http::ClientConfig config = client_config({stub.port()});
    config.max_connections = 2;
    config.max_waiting = 1;
    Client client(config);
    std::deque<Cancellable<Response>> calls;
    for (int i = 0; i < 3; ++i)
        calls.emplace_back(client.send(request("GET", "/")));
    ASSERT_TRUE(eventually([&] { return in_use(client) == 3; }));
    const StorageError full = error_of([&] { run(client.send(request("GET", "/"))); });
    EXPECT_EQ(full.errc(), StorageErrc::resource_exhausted);
    EXPECT_TRUE(full.retryable());
    EXPECT_EQ(full.outcome(), Outcome::not_applied);
    EXPECT_EQ(client.health().front().pool.refused, 1U);
    for (Cancellable<Response>& call : calls) {
        call.cancel();
        EXPECT_STORAGE_ERROR(call.get(), cancelled);
    }
    EXPECT_EQ(in_use(client), 0U);
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; })); // what was under way is not kept
}

TEST(HttpClient, DropsConnectionsThatRestedTooLong)
{
    HttpStub stub(echo);
    http::ClientConfig config = client_config({stub.port()});
    config.idle_timeout = std::chrono::milliseconds(0);
    Client client(config);
    run(client.send(request("GET", "/")));
    run(client.send(request("GET", "/")));
    EXPECT_EQ(stub.accepted(), 2U);
    client.close();
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
}

TEST(HttpClient, AClosedClientRefuses)
{
    HttpStub stub(echo);
    Client client(client_config({stub.port()}));
    run(client.send(request("GET", "/")));
    client.close();
    client.close();
    EXPECT_STORAGE_ERROR(run(client.send(request("GET", "/"))), closed);
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
}

TEST(HttpClient, DeadlineAndAttemptTimeoutEndTheWait)
{
    HttpStub stub(StubAnswer{.black_hole = true});
    http::ClientConfig config = client_config({stub.port()});
    config.attempt_timeout = std::chrono::milliseconds(50);
    Client client(config);
    const StorageError attempt = error_of([&] { run(client.send(request("POST", "/", "x", Effect::write))); });
    EXPECT_EQ(attempt.errc(), StorageErrc::timeout);
    EXPECT_EQ(attempt.outcome(), Outcome::unknown);
    EXPECT_TRUE(attempt.retryable());
    const StorageError deadline = error_of(
        [&] { run(client.send(request("GET", "/"), OperationContext::within(std::chrono::milliseconds(20)))); });
    EXPECT_EQ(deadline.errc(), StorageErrc::timeout);
    EXPECT_EQ(deadline.outcome(), Outcome::not_applied);
    EXPECT_FALSE(deadline.retryable());
    EXPECT_EQ(deadline.backend(), "stub");
    EXPECT_STORAGE_ERROR(run(client.send(request("GET", "/"), OperationContext::within(std::chrono::seconds(-1)))),
                         timeout);
    EXPECT_EQ(in_use(client), 0U);
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
}

TEST(HttpClient, ASlowAnswerWithinItsTimeIsWaitedFor)
{
    HttpStub stub(StubAnswer{.body = "late", .delay = std::chrono::milliseconds(100)});
    Client client(client_config({stub.port()}));
    EXPECT_EQ(run(client.send(request("GET", "/"))).body, "late");
}

TEST(HttpClient, CancellationTellsWhatWasSent)
{
    HttpStub stub(StubAnswer{.black_hole = true});
    Client client(client_config({stub.port()}));
    Cancellable<Response> call(client.send(request("POST", "/", "x", Effect::write)));
    ASSERT_TRUE(eventually([&] { return !stub.requests().empty(); }));
    call.cancel();
    const StorageError error = error_of([&] { call.get(); });
    EXPECT_EQ(error.errc(), StorageErrc::cancelled);
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
    EXPECT_EQ(in_use(client), 0U);
}

TEST(HttpClient, CancellationsAtAnyMomentLeakNothing)
{
    std::atomic<int> turn{0};
    HttpStub stub([&](const StubRequest&) {
        return StubAnswer{.body = std::string(20'000, 'x'), .piece = turn++ % 2 == 0 ? std::size_t(0) : 1'000};
    });
    http::ClientConfig config = client_config({stub.port()});
    config.max_connections = 2;
    Client client(config);
    int answered = 0;
    for (int round = 0; round < 50; ++round) {
        std::deque<Cancellable<Response>> calls;
        for (int i = 0; i < 4; ++i)
            calls.emplace_back(client.send(request("POST", "/", "x", Effect::write)));
        const std::size_t seen = stub.requests().size();
        if (round % 3 != 0) {
            ASSERT_TRUE(eventually([&] { return stub.requests().size() > seen || in_use(client) == 0; }));
        }
        for (Cancellable<Response>& call : calls)
            call.cancel();
        for (Cancellable<Response>& call : calls) {
            try {
                EXPECT_EQ(call.get().body.size(), 20'000U);
                ++answered;
            } catch (const StorageError& error) {
                EXPECT_EQ(error.errc(), StorageErrc::cancelled) << error.what();
            }
        }
        EXPECT_EQ(in_use(client), 0U);
    }
    EXPECT_LT(answered, 200);
    EXPECT_EQ(run(client.send(request("GET", "/"))).status, 200);
    EXPECT_LE(client.health().front().pool.resting, 2U);
    EXPECT_TRUE(eventually([&] { return stub.open() <= 2; }));
}

TEST(HttpClient, AnAnswerToHeadMayNameAnySize)
{
    HttpStub stub(StubAnswer{.content_length = 1'000'000'000'000});
    Client client(client_config({stub.port()}));
    EXPECT_EQ(run(client.send(request("HEAD", "/"))).status, 200);
}

TEST(HttpClient, AResponseBeyondItsLimitIsRefused)
{
    for (StubAnswer answer : {StubAnswer{.body = std::string(2'000'000, 'x')},
                              StubAnswer{.body = std::string(2'000'000, 'x'), .chunked = true},
                              StubAnswer{.body = std::string(20'000'000, 'x'), .gzip = true}}) { // 90 kB packed
        HttpStub stub(answer);
        Client client(client_config({stub.port()}));
        Request limited = request("GET", "/");
        limited.response_limit = 1'000'000;
        const StorageError error = error_of([&] { run(client.send(limited)); });
        EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted);
        EXPECT_FALSE(error.retryable());
        EXPECT_EQ(in_use(client), 0U);
    }
}

TEST(HttpClient, AnswersThatAreNotProperAreErrors)
{
    const std::vector<std::pair<StubAnswer, bool>> cases = {
        {StubAnswer{.raw = "SSH-2.0-OpenSSH_9\r\n\r\n"}, false},
        {StubAnswer{.headers = {{"Content-Encoding", "br"}}}, false},
        {StubAnswer{.body = "no gzip", .headers = {{"Content-Encoding", "gzip"}}}, false},
        {StubAnswer{.body = "short", .content_length = 100}, true},
        {StubAnswer{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"}, false},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        HttpStub stub(cases[i].first);
        Client client(client_config({stub.port()}));
        if (i + 1 == cases.size()) { // too much: the answer is good, the connection is not
            EXPECT_EQ(run(client.send(request("GET", "/"))).body, "a");
            EXPECT_EQ(client.health().front().pool.resting, 0U);
            continue;
        }
        const StorageError error = error_of([&] { run(client.send(request("GET", "/"))); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
        EXPECT_EQ(error.retryable(), cases[i].second) << error.what();
        EXPECT_EQ(client.health().front().pool.resting, 0U);
    }
}

TEST(HttpClient, CheckedCallsThrowWhatTheServerRefuses)
{
    HttpStub stub(StubAnswer{.status = 401, .body = R"({"error":"wrong key s3cr3t-key"})"});
    http::ClientConfig config = client_config({stub.port()});
    config.headers = {{"api-key", "s3cr3t-key"}};
    Client client(config);
    EXPECT_EQ(run(client.send(request("GET", "/"))).status, 401);
    const StorageError error = error_of([&] { run(client.send_checked(request("GET", "/points?token=abc"))); });
    EXPECT_EQ(error.errc(), StorageErrc::authentication);
    EXPECT_EQ(error.native_code(), "401");
    EXPECT_EQ(error.message(), "GET /points was answered with 401 Unauthorized: wrong key ***");
    EXPECT_EQ(stub.requests().back().header("api-key"), "s3cr3t-key");
}

TEST(HttpClient, StreamsBothWaysInBoundedMemory)
{
    static constexpr std::size_t piece = 100'000;
    static constexpr int pieces = 100;
    HttpStub stub([](const StubRequest& seen) { return StubAnswer{.body = seen.body, .gzip = true, .chunked = true}; });
    Client client(client_config({stub.port()}));
    for (const bool sized : {true, false}) {
        Request upload = request("POST", "/", {}, Effect::write);
        upload.open_body = [sized] {
            auto left = std::make_shared<int>(pieces);
            http::BodySource source;
            if (sized)
                source.size = piece * pieces;
            source.next = [left]() -> awaitable<std::string> {
                const bool more = (*left)-- > 0;
                co_return more ? std::string(piece, static_cast<char>('a' + *left % 26)) : std::string();
            };
            return source;
        };
        std::size_t received = 0;
        std::size_t largest = 0;
        http::BodySink sink = [&](const Response& head, std::string_view bytes) -> awaitable<void> {
            EXPECT_EQ(head.status, 200);
            received += bytes.size();
            largest = std::max(largest, bytes.size());
            co_return;
        };
        const Response response = run(client.stream(upload, sink));
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.body, "");
        EXPECT_EQ(received, piece * pieces);
        EXPECT_LE(largest, 128U * 1024);
        EXPECT_EQ(stub.requests().back().header(sized ? "Content-Length" : "Transfer-Encoding"),
                  sized ? std::to_string(piece * pieces) : "chunked");
    }
    EXPECT_EQ(stub.accepted(), 1U);
}

TEST(HttpClient, FailuresOfSourceAndSinkReachTheCallerAndCloseTheConnection)
{
    HttpStub stub(StubAnswer{.body = std::string(100'000, 'x')});
    Client client(client_config({stub.port()}));
    http::BodySink sink = [](const Response&, std::string_view) -> awaitable<void> {
        throw StorageError(StorageErrc::corrupt, "the sink had enough");
        co_return;
    };
    EXPECT_STORAGE_ERROR(run(client.stream(request("GET", "/"), sink)), corrupt);
    Request upload = request("POST", "/", {}, Effect::write);
    upload.open_body = [] {
        http::BodySource source;
        source.next = []() -> awaitable<std::string> {
            throw StorageError(StorageErrc::corrupt, "the source is broken");
            co_return std::string();
        };
        return source;
    };
    const StorageError error = error_of([&] { run(client.send(upload)); });
    EXPECT_EQ(error.errc(), StorageErrc::corrupt);
    EXPECT_EQ(error.outcome(), Outcome::unknown); // its head was sent
    upload.open_body = [] {
        http::BodySource source;
        source.size = 10;
        source.next = []() -> awaitable<std::string> { co_return std::string(); };
        return source;
    };
    EXPECT_STORAGE_ERROR(run(client.send(upload)), invalid_argument);
    EXPECT_EQ(in_use(client), 0U);
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
}

TEST(HttpClient, ARefusalOfAStreamIsInTheResponse)
{
    HttpStub stub(StubAnswer{.status = 404, .body = "no such export" + std::string(100'000, '.')});
    Client client(client_config({stub.port()}));
    http::BodySink sink = [](const Response&, std::string_view) -> awaitable<void> {
        ADD_FAILURE() << "the sink takes successes only";
        co_return;
    };
    const Response response = run(client.stream(request("GET", "/"), sink));
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.body.size(), 64U * 1024);
    EXPECT_TRUE(response.body.starts_with("no such export"));
}

TEST(HttpClient, AnAnswerBeforeTheBodyWasSentIsTaken)
{
    StubOptions options;
    options.before_body = [](const StubRequest&) {
        return StubAnswer{.status = 413, .body = "body too large", .close = true};
    };
    HttpStub stub(echo, options);
    Client client(client_config({stub.port()}));
    const Response response = run(client.send(request("POST", "/", std::string(50'000'000, 'x'), Effect::write)));
    EXPECT_EQ(response.status, 413);
    EXPECT_EQ(response.body, "body too large");
    EXPECT_EQ(client.health().front().pool.resting, 0U);
}

TEST(HttpClient, WrongConfigurationsAreRefused)
{
    EXPECT_STORAGE_ERROR(Client(client_config({})), invalid_argument);
    http::ClientConfig config = client_config({80});
    config.headers = {{"api-key", "secret\r\n"}};
    EXPECT_STORAGE_ERROR(Client{config}, invalid_argument);
    config = client_config({80});
    config.base_path = "no slash";
    EXPECT_STORAGE_ERROR(Client{config}, invalid_argument);
    config = client_config({80});
    config.tls.enabled = true;
    config.tls.ca_file = "/nowhere/ca.pem";
    const StorageError error = error_of([&] { Client{config}; });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("/nowhere/ca.pem"), std::string::npos);
    HttpStub stub(echo);
    Client client(client_config({stub.port()}));
    EXPECT_STORAGE_ERROR(run(client.send(request("GET", "no slash"))), invalid_argument);
}

} // namespace whisperstore::test

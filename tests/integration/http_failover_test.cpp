// Nodes that fail, connections that break, at every byte.

#include "integration/http_support.hpp"
#include "servers/test_certificates.hpp"

#include <atomic>

namespace whisperstore::test {

using http::Client;
using http::Effect;
using http::Response;

namespace {

/// A port nobody listens on.
std::uint16_t closed_port()
{
    HttpStub stub(echo);
    return stub.port();
}

} // namespace

TEST(HttpFailover, AnUnreachableNodeCostsNothing)
{
    HttpStub stub(echo);
    Client client(client_config({closed_port(), stub.port()}));
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(run(client.send(request("POST", "/", "x", Effect::write))).status, 200);
    EXPECT_EQ(stub.requests().size(), 10U);
    EXPECT_EQ(client.health()[0].circuit.state, CircuitBreaker::State::open);
    EXPECT_EQ(client.health()[1].circuit.state, CircuitBreaker::State::closed);
}

TEST(HttpFailover, NobodyThereIsUnavailable)
{
    Client client(client_config({closed_port(), closed_port()}));
    for (int i = 0; i < 10; ++i) {
        const StorageError error = error_of([&] { run(client.send(request("POST", "/", "x", Effect::write))); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable);
        EXPECT_TRUE(error.retryable());
        EXPECT_EQ(error.outcome(), Outcome::not_applied);
    }
    http::ClientConfig config = client_config({});
    config.nodes = {HostPort{"no-such-host.invalid", 80}};
    Client unknown(config);
    EXPECT_STORAGE_ERROR(run(unknown.send(request("GET", "/"))), unavailable);
}

TEST(HttpFailover, ANodeThatIsBackIsUsedAgain)
{
    auto first = std::make_unique<HttpStub>(echo);
    const std::uint16_t port = first->port();
    HttpStub second(echo);
    http::ClientConfig config = client_config({port, second.port()});
    config.breaker.open_for = std::chrono::milliseconds(20);
    Client client(config);
    first.reset();
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(run(client.send(request("GET", "/"))).status, 200);
    HttpStub again(echo, StubOptions{.port = port});
    EXPECT_TRUE(eventually([&] {
        run(client.send(request("GET", "/")));
        return again.requests().size() >= 3;
    }));
    EXPECT_EQ(client.health()[0].circuit.state, CircuitBreaker::State::closed);
}

TEST(HttpFailover, RequestsGoInTurns)
{
    HttpStub first(echo);
    HttpStub second(echo);
    Client client(client_config({first.port(), second.port()}));
    for (int i = 0; i < 10; ++i)
        run(client.send(request("GET", "/")));
    EXPECT_EQ(first.requests().size(), 5U);
    EXPECT_EQ(second.requests().size(), 5U);
}

TEST(HttpFailover, WhatMayBeRepeatedGoesToTheNextNode)
{
    for (const StubAnswer& bad : {StubAnswer{.cut_at = 0}, StubAnswer{.body = "cut", .cut_at = 30},
                                  StubAnswer{.status = 503}, StubAnswer{.status = 502}}) {
        HttpStub first(bad);
        HttpStub second(echo);
        for (const Effect effect : {Effect::read, Effect::repeatable_write}) {
            Client client(client_config({first.port(), second.port()}));
            EXPECT_EQ(run(client.send(request("PUT", "/", "x", effect))).body, "PUT / x");
        }
        Client client(client_config({first.port(), second.port()}));
        if (bad.status >= 500) {
            EXPECT_EQ(run(client.send(request("PUT", "/", "x", Effect::write))).status, bad.status);
        } else {
            const StorageError error = error_of([&] { run(client.send(request("PUT", "/", "x", Effect::write))); });
            EXPECT_EQ(error.errc(), StorageErrc::outcome_unknown);
            EXPECT_EQ(error.outcome(), Outcome::unknown);
            EXPECT_FALSE(error.retryable());
        }
        EXPECT_EQ(second.requests().size(), 2U);
    }
}

TEST(HttpFailover, TheLastGatewayFailureIsTheAnswer)
{
    HttpStub first(StubAnswer{.status = 503, .body = "first"});
    HttpStub second(StubAnswer{.status = 503, .body = "second"});
    Client client(client_config({first.port(), second.port()}));
    EXPECT_EQ(run(client.send(request("GET", "/"))).status, 503);
    EXPECT_EQ(first.requests().size() + second.requests().size(), 2U);
}

TEST(HttpFailover, AServerThatClosesWhatRestsIsNoError)
{
    HttpStub stub([](const StubRequest& seen) { return StubAnswer{.body = seen.body, .close_unasked = true}; });
    Client client(client_config({stub.port()}));
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(run(client.send(request("POST", "/", "x", Effect::read))).body, "x");
    EXPECT_EQ(stub.requests().size(), 50U);
}

TEST(HttpFailover, ARestingConnectionThatDiesWhileItIsUsed)
{
    HttpStub stub(echo);
    ChaosProxy proxy(stub.port());
    Client client(client_config({proxy.port()}));
    for (const Effect effect : {Effect::read, Effect::repeatable_write, Effect::write}) {
        proxy.clear();
        run(client.send(request("GET", "/")));
        const auto before = proxy.accepted();
        // The next byte of a request breaks the connection, which until then looks well.
        proxy.set_rule(
            ChaosRule{.cut_request_at = proxy.request_bytes(), .cut = ChaosRule::Cut::reset, .connections = 1});
        if (effect == Effect::write) {
            const StorageError error = error_of([&] { run(client.send(request("PUT", "/", "x", effect))); });
            EXPECT_EQ(error.errc(), StorageErrc::outcome_unknown) << error.what();
            EXPECT_EQ(error.outcome(), Outcome::unknown);
        } else {
            EXPECT_EQ(run(client.send(request("PUT", "/", "x", effect))).body, "PUT / x");
            EXPECT_EQ(proxy.accepted(), before + 1);
        }
    }
}

TEST(HttpFailover, ABlackHoleIsLeftForTheNextNode)
{
    HttpStub stub(echo);
    ChaosProxy proxy(stub.port());
    proxy.set_rule(ChaosRule{.cut_answer_at = 10, .cut = ChaosRule::Cut::black_hole});
    http::ClientConfig config = client_config({proxy.port(), stub.port()});
    config.attempt_timeout = std::chrono::milliseconds(100);
    Client client(config);
    EXPECT_EQ(run(client.send(request("GET", "/"))).status, 200);
    Client again(config);
    const StorageError error = error_of([&] { run(again.send(request("PUT", "/", "x", Effect::write))); });
    EXPECT_EQ(error.errc(), StorageErrc::timeout);
    EXPECT_EQ(error.outcome(), Outcome::unknown);
}

TEST(HttpFailover, ARefusingNodeIsPassedOver)
{
    HttpStub stub(echo);
    ChaosProxy proxy(stub.port());
    proxy.set_rule(ChaosRule{.refuse = true});
    Client client(client_config({proxy.port(), stub.port()}));
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(run(client.send(request("GET", "/"))).status, 200);
}

TEST(ChaosProxy, PassesEverythingWhileItHasNoRule)
{
    HttpStub stub(echo);
    ChaosProxy proxy(stub.port());
    Client client(client_config({proxy.port()}));
    const std::string body(3'000'000, 'x');
    EXPECT_EQ(run(client.send(request("POST", "/", body))).body, "POST / " + body);
    proxy.set_rule(ChaosRule{.delay = std::chrono::milliseconds(20)});
    EXPECT_EQ(run(client.send(request("POST", "/", "x"))).body, "POST / x");
    EXPECT_EQ(proxy.accepted(), 1U);
    EXPECT_EQ(proxy.open(), 1U);
    proxy.cut_all();
    EXPECT_TRUE(eventually([&] { return proxy.open() == 0 && stub.open() == 0; }));
    EXPECT_EQ(run(client.send(request("POST", "/", "x"))).body, "POST / x");
}

namespace {

using Cut = ChaosRule::Cut;

struct Direction
{
    bool request;
    Cut cut;
    bool tls;
};

class HttpCutAtEveryByte : public testing::TestWithParam<Direction>
{
};

std::string name_of(const testing::TestParamInfo<Direction>& info)
{
    const Direction& direction = info.param;
    const char* how = direction.cut == Cut::close ? "Closed" : direction.cut == Cut::reset ? "Reset" : "HalfClosed";
    return std::string(direction.request ? "Request" : "Answer") + how + (direction.tls ? "Tls" : "");
}

/// A server, a proxy before it, and a client that knows the proxy.
struct Scene
{
    explicit Scene(bool tls)
        : stub(echo, tls ? StubOptions{.certificate = certificates().server()} : StubOptions()), proxy(stub.port())
    {
        config = client_config({proxy.port()});
        config.tls.enabled = tls;
        config.tls.ca_file = certificates().authority();
        config.breaker.failures = 1'000'000; // a node is judged in other tests
    }
    static const TestCertificates& certificates()
    {
        static const TestCertificates all;
        return all;
    }

    HttpStub stub;
    ChaosProxy proxy;
    http::ClientConfig config;
};

const std::string body = "some body of a request";
const std::string right = "PUT /p " + body;

http::Request put(Effect effect) { return request("PUT", "/p", body, effect); }

/// The right answer or a proper error; whether it was answered.
bool check_call(Client& client, Effect effect, std::uint64_t at)
{
    bool answered = false;
    try {
        const Response response = run(client.send(put(effect), OperationContext::within(std::chrono::seconds(20))));
        EXPECT_EQ(response.status, 200) << at;
        EXPECT_EQ(response.body, right) << at;
        answered = true;
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::outcome_unknown) {
            EXPECT_EQ(effect, Effect::write) << at << ": " << error.what();
            EXPECT_EQ(error.outcome(), Outcome::unknown) << at << ": " << error.what();
        } else { // sending again is harmless
            EXPECT_EQ(error.errc(), StorageErrc::unavailable) << at << ": " << error.what();
            EXPECT_TRUE(effect == Effect::repeatable_write || error.outcome() == Outcome::not_applied)
                << at << ": " << error.what();
        }
    }
    EXPECT_EQ(in_use(client), 0U) << at;
    return answered;
}

} // namespace

TEST_P(HttpCutAtEveryByte, OnAFreshConnection)
{
    const Direction direction = GetParam();
    Scene scene(direction.tls);
    {
        Client client(scene.config);
        ASSERT_TRUE(check_call(client, Effect::read, 0));
    }
    const std::uint64_t whole = direction.request ? scene.proxy.request_bytes() : scene.proxy.answer_bytes();
    ASSERT_GT(whole, 50U);
    const std::uint64_t step = direction.tls ? 29 : direction.cut == Cut::half_close ? 3 : 1;
    for (std::uint64_t at = 0; at < whole; at += step) {
        ChaosRule rule;
        (direction.request ? rule.cut_request_at : rule.cut_answer_at) = at;
        rule.cut = direction.cut;
        scene.proxy.set_rule(rule);
        for (const Effect effect : {Effect::read, Effect::repeatable_write, Effect::write}) {
            Client client(scene.config);
            const bool answered = check_call(client, effect, at);
            // Of TLS the last bytes may be a ticket nobody waits for.
            if (!direction.tls && !(direction.request && direction.cut == Cut::half_close)) {
                EXPECT_FALSE(answered) << at;
            }
            EXPECT_EQ(client.health().front().pool.resting, answered ? 1U : 0U) << at;
        }
    }
    scene.proxy.clear();
    EXPECT_TRUE(eventually([&] { return scene.proxy.open() == 0 && scene.stub.open() == 0; }));
}

TEST_P(HttpCutAtEveryByte, OnAReusedConnection)
{
    const Direction direction = GetParam();
    Scene scene(direction.tls);
    Client client(scene.config);
    ASSERT_TRUE(check_call(client, Effect::read, 0));
    const std::uint64_t before = direction.request ? scene.proxy.request_bytes() : scene.proxy.answer_bytes();
    ASSERT_TRUE(check_call(client, Effect::read, 0));
    const std::uint64_t after = direction.request ? scene.proxy.request_bytes() : scene.proxy.answer_bytes();
    ASSERT_EQ(scene.proxy.accepted(), 1U);
    const std::uint64_t step = direction.tls ? 5 : direction.cut == Cut::half_close ? 3 : 1;
    for (std::uint64_t at = before; at < after; at += step) {
        for (const Effect effect : {Effect::read, Effect::repeatable_write, Effect::write}) {
            // A fresh first connection, that dies in its second exchange; the one after it is well.
            client.close();
            Client one(scene.config);
            scene.proxy.clear();
            ASSERT_TRUE(eventually([&] { return scene.proxy.open() == 0; }));
            ASSERT_TRUE(check_call(one, Effect::read, at));
            ChaosRule rule;
            (direction.request ? rule.cut_request_at : rule.cut_answer_at) = at;
            rule.cut = direction.cut;
            rule.connections = 1;
            scene.proxy.set_rule(rule);
            const bool answered = check_call(one, effect, at - before);
            // A request that was lost before any answer goes again, if it may.
            if (direction.request && effect != Effect::write) {
                EXPECT_TRUE(answered) << at - before;
            } else if (direction.request && direction.cut != Cut::half_close) {
                EXPECT_FALSE(answered) << at - before;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Chaos, HttpCutAtEveryByte,
                         testing::Values(Direction{true, Cut::close, false}, Direction{true, Cut::reset, false},
                                         Direction{true, Cut::half_close, false}, Direction{false, Cut::close, false},
                                         Direction{false, Cut::reset, false}, Direction{false, Cut::half_close, false},
                                         Direction{true, Cut::reset, true}, Direction{false, Cut::close, true}),
                         name_of);

// ---- health checks, and the choice between nodes

namespace {

http::ClientConfig checked_config(std::vector<std::uint16_t> ports)
{
    http::ClientConfig config = client_config(std::move(ports));
    config.health_target = "/readyz";
    config.health_interval = std::chrono::milliseconds(20);
    config.health_timeout = std::chrono::milliseconds(200);
    return config;
}

/// Answers its health check, and never anything else, as long as `stuck`.
HttpStub::Script stuck_script(std::atomic<bool>& stuck, std::atomic<bool>& healthy)
{
    return [&](const StubRequest& seen) {
        if (seen.target == "/readyz")
            return StubAnswer{.status = healthy ? 200 : 503};
        StubAnswer answer = echo(seen);
        answer.black_hole = stuck;
        return answer;
    };
}

bool is_chosen(const Client& client, std::size_t node)
{
    return client.health()[node].circuit.state == CircuitBreaker::State::closed;
}

} // namespace

TEST(HttpHealth, ANodeThatFailsItsCheckGetsNoCallsUntilItPasses)
{
    std::atomic<bool> stuck{false};
    std::atomic<bool> healthy{false};
    HttpStub first(stuck_script(stuck, healthy));
    HttpStub second(echo);
    Client client(checked_config({first.port(), second.port()}));
    ASSERT_TRUE(eventually([&] { return !is_chosen(client, 0); }));
    EXPECT_NE(client.health()[0].circuit.last_failure.find("503"), std::string::npos);
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(run(client.send(request("GET", "/x"))).status, 200);
    EXPECT_EQ(client.health()[0].served, 0U);
    EXPECT_EQ(client.health()[1].served, 10U);
    healthy = true;
    ASSERT_TRUE(eventually([&] { return is_chosen(client, 0); }));
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(run(client.send(request("GET", "/x"))).status, 200);
    EXPECT_EQ(client.health()[0].served, 5U);
}

TEST(HttpHealth, WhatWaitsForANodeThatFailsGoesToTheNext)
{
    std::atomic<bool> stuck{true};
    std::atomic<bool> healthy{true};
    HttpStub first(stuck_script(stuck, healthy));
    HttpStub second(echo);
    Client client(checked_config({first.port(), second.port()}));
    // In turns: one of two goes to the node that never answers.
    std::vector<std::future<Response>> reads;
    for (int i = 0; i < 4; ++i)
        reads.push_back(start(client.send(request("POST", "/x", "a", Effect::repeatable_write))));
    ASSERT_TRUE(eventually([&] { return client.health()[0].under_way == 2 && client.health()[1].served == 2; }));
    std::future<Response> write; // and one that must not be sent twice
    for (int i = 0; i < 3 && client.health()[0].under_way < 3; ++i) {
        write = start(
            client.send(request("POST", "/x", "w", Effect::write), OperationContext::within(std::chrono::seconds(1))));
        if (!eventually([&] { return client.health()[0].under_way == 3; }, std::chrono::milliseconds(200))) {
            EXPECT_EQ(wait(std::move(write)).status, 200);
        }
    }
    healthy = false;
    for (std::future<Response>& read : reads)
        EXPECT_EQ(wait(std::move(read)).status, 200);
    EXPECT_EQ(client.health()[0].served, 0U);
    if (write.valid()) {
        const StorageError error = error_of([&] { wait(std::move(write)); });
        EXPECT_EQ(error.errc(), StorageErrc::timeout);
        EXPECT_EQ(error.outcome(), Outcome::unknown);
    }
    EXPECT_TRUE(eventually([&] { return in_use(client) == 0; }));
}

TEST(HttpHealth, ANodeThatIsBusyButWellIsWaitedFor)
{
    HttpStub first([](const StubRequest& seen) {
        StubAnswer answer = echo(seen);
        answer.delay = std::chrono::milliseconds(seen.target == "/readyz" ? 0 : 600);
        return answer;
    });
    HttpStub second(echo);
    second.stop();
    Client client(checked_config({first.port(), second.port()}));
    EXPECT_EQ(run(client.send(request("GET", "/x"))).status, 200);
}

TEST(HttpHealth, AClientThatGoesEndsItsChecks)
{
    HttpStub stub(echo);
    for (int i = 0; i < 20; ++i)
        Client client(checked_config({stub.port(), stub.port(), closed_port()}));
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
}

TEST(HttpFailover, CallsGoToTheNodeWithTheFewestUnderWay)
{
    HttpStub slow([](const StubRequest& seen) {
        StubAnswer answer = echo(seen);
        answer.delay = std::chrono::milliseconds(30);
        return answer;
    });
    HttpStub fast(echo);
    Client client(client_config({slow.port(), fast.port()}));
    const auto call = [&]() -> awaitable<void> {
        for (int i = 0; i < 50; ++i)
            co_await client.send(request("GET", "/"));
    };
    std::vector<std::future<void>> callers;
    for (int i = 0; i < 4; ++i)
        callers.push_back(start(call()));
    for (std::future<void>& caller : callers)
        wait(std::move(caller));
    EXPECT_EQ(client.health()[0].served + client.health()[1].served, 200U);
    EXPECT_LT(client.health()[0].served, 60U);
    EXPECT_EQ(client.health()[0].under_way + client.health()[1].under_way, 0U);
}

} // namespace whisperstore::test

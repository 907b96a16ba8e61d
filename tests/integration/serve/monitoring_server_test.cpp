// The monitoring server as its clients see it.

#include "integration/serve/client.hpp"
#include "support/layer.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <future>

namespace whisperstore::test {
namespace {

using std::chrono::milliseconds;

TEST(MonitoringServer, AnswersEveryRoute)
{
    TestServer server;
    const std::pair<std::string, std::string> types[] = {
        {"/", "text/html; charset=utf-8"},    {"/metrics", "text/plain; version=0.0.4; charset=utf-8"},
        {"/health/live", "application/json"}, {"/health/ready", "application/json"},
        {"/api/metrics", "application/json"}, {"/api/config", "application/json"},
    };
    Client client(server.port);
    for (const auto& [path, type] : types) {
        client.get(path);
        const Reply reply = client.reply();
        EXPECT_EQ(reply.status, 200) << path;
        EXPECT_TRUE(reply.has("Content-Type: " + type)) << reply.head;
        EXPECT_TRUE(reply.has("X-Content-Type-Options: nosniff"));
        EXPECT_TRUE(reply.has("Cache-Control: no-store"));
        EXPECT_FALSE(reply.body.empty());

        client.send("HEAD " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
        const Reply head = client.reply(true);
        EXPECT_EQ(head.status, 200);
        EXPECT_TRUE(head.has("Content-Length: " + std::to_string(reply.body.size()))) << path << head.head;
    }
    EXPECT_NE(server.get("/").body.find("href=\"/api/events\""), std::string::npos);
    EXPECT_NE(server.get("/metrics").body.find("\nup 1\n"), std::string::npos);
    EXPECT_EQ(server.get("/api/config").json().at("database").as_string(), "sqlite");
    EXPECT_EQ(server.server->stats().refused, 0U);
}

TEST(MonitoringServer, TellsOfAStorageLayer)
{
    TestDirectory directory;
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.serve.token = "0123456789abcdef";
    const auto storage = run(initialize_storage_layer(configuration));
    configuration.serve.listen = "127.0.0.1:0";
    MonitoringServer server(pool().get_executor(), monitoring_source(storage), configuration.serve);
    server.start();
    const std::string token = "Authorization: Bearer 0123456789abcdef\r\n";
    const std::string metrics = get(server.port(), "/metrics", token).body;
    EXPECT_NE(metrics.find("\n# TYPE "), std::string::npos) << metrics;
    EXPECT_TRUE(get(server.port(), "/api/metrics", token).json().at("database").as_object().contains("error_rate"));
    const Reply config = get(server.port(), "/api/config", token);
    EXPECT_EQ(config.json().at("serve").at("token").as_string(), "***");
    EXPECT_EQ(config.body.find("0123456789abcdef"), std::string::npos);
    const json::value health = get(server.port(), "/health/ready", token).json();
    EXPECT_EQ(health.at("components").as_array().size(), 4U);
    run(server.stop());
    run(storage->close());
}

TEST(MonitoringServer, RefusesWhatIsNotAllowedAndSaysWhatIs)
{
    TestServer server;
    const std::pair<std::string, int> cases[] = {
        {"POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
        {"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
        {"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
        {"GET /metrics HTTP/1.1\r\n\r\n", 400},
        {"\x16\x03\x01 TLS\r\n\r\n", 400},
        {"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 413},
        {"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n", 431},
    };
    for (const auto& [bytes, status] : cases) {
        Client client(server.port);
        client.send(bytes);
        const Reply reply = client.reply();
        EXPECT_EQ(reply.status, status) << bytes.substr(0, 80);
        ASSERT_FALSE(reply.body.empty());
        EXPECT_FALSE(reply.json().at("error").at("message").as_string().empty());
        EXPECT_TRUE(status != 405 || reply.has("Allow: GET, HEAD"));
    }
    EXPECT_EQ(server.get("/metrics").status, 200) << "it is as well as before";
}

TEST(MonitoringServer, WantsATokenWhereOtherMachinesReachIt)
{
    ServeConfig config;
    config.listen = "0.0.0.0:0";
    const StorageError error = error_of([&] { TestServer server(config); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("WHISPERENGINE_SERVE_TOKEN"), std::string::npos);

    config.token = "0123456789abcdef";
    TestServer server(config);
    EXPECT_EQ(server.get("/health/live").status, 200);
    const Reply without = server.get("/metrics", "Connection: close\r\n");
    EXPECT_EQ(without.status, 401);
    EXPECT_TRUE(without.has("WWW-Authenticate: Bearer realm=\"whisperstore\""));
    EXPECT_EQ(server.get("/metrics", "Authorization: Bearer 0123456789abcdeg\r\n").status, 401);
    Client client(server.port);
    client.send("GET /metrics HTTP/1.1\r\nHost: monitor.example\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n");
    EXPECT_EQ(client.reply().status, 200) << "any name leads to it there";
    EXPECT_EQ(server.server->stats().unauthorized, 2U);
}

TEST(MonitoringServer, SaysWhenThePortIsTaken)
{
    TestServer server;
    ServeConfig config;
    config.listen = "127.0.0.1:" + std::to_string(server.port);
    const StorageError error = error_of([&] { TestServer second(config); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_NE(error.message().find(std::to_string(server.port)), std::string::npos) << error.what();
}

TEST(MonitoringServer, AnswersRequestsThatWereSentTogetherInTheirOrder)
{
    TestServer server;
    Client client(server.port);
    client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api/config HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n");
    EXPECT_NE(client.reply().body.find("up 1"), std::string::npos);
    EXPECT_NE(client.reply().body.find("sqlite"), std::string::npos);
    EXPECT_EQ(client.reply().body, "{\"status\":\"ok\"}\n");
    EXPECT_TRUE(client.ends());
}

TEST(MonitoringServer, AnswersAClientThatHasClosedItsSide)
{
    TestServer server;
    server.source->delay_ms = 50;
    Client whole(server.port);
    whole.get("/metrics");
    whole.finish_sending();
    EXPECT_EQ(whole.reply().status, 200);
    EXPECT_TRUE(whole.ends());

    Client half(server.port);
    half.send("GET /metrics HTTP/1.1\r\nHost: loc");
    half.finish_sending();
    EXPECT_EQ(half.reply().status, 400);
    EXPECT_TRUE(half.ends());

    Client gone(server.port);
    gone.get("/metrics");
    gone.close();
    EXPECT_TRUE(eventually([&] { return server.server->stats().connections == 0; }));
}

TEST(MonitoringServer, GivesUpSlowClients)
{
    ServeConfig config;
    config.head_timeout = milliseconds(400);
    config.idle_timeout = milliseconds(300);
    TestServer server(config);
    Client silent(server.port);
    Client slow(server.port);
    slow.send("GET /metrics HT");
    Client resting(server.port);
    resting.get("/health/live");
    EXPECT_EQ(resting.reply().status, 200);
    EXPECT_TRUE(resting.ends());
    const Reply reply = slow.reply();
    EXPECT_EQ(reply.status, 408);
    EXPECT_TRUE(slow.ends());
    EXPECT_TRUE(silent.ends());

    // A byte now and then is no reason to wait longer.
    Client dripping(server.port);
    bool taken = true;
    const bool ended = eventually([&] { return !(taken = dripping.send("G")); }, std::chrono::seconds(10));
    EXPECT_TRUE(ended);
    EXPECT_TRUE(eventually([&] { return server.server->stats().connections == 0; }));
}

TEST(MonitoringServer, TakesSoManyConnectionsAndTurnsTheOthersAway)
{
    ServeConfig config;
    config.max_connections = 2;
    TestServer server(config);
    auto first = std::make_unique<Client>(server.port);
    first->get("/health/live");
    EXPECT_EQ(first->reply().status, 200);
    Client second(server.port);
    second.get("/health/live");
    EXPECT_EQ(second.reply().status, 200);
    Client third(server.port);
    const Reply reply = third.reply();
    EXPECT_EQ(reply.status, 503);
    EXPECT_TRUE(reply.has("Retry-After: 1"));
    EXPECT_TRUE(third.ends());
    first.reset();
    EXPECT_TRUE(eventually([&] { return server.get("/health/live").status == 200; })) << "its place is free again";
    EXPECT_GE(server.server->stats().connections_refused, 1U);
}

TEST(MonitoringServer, AnswersSoManyRequestsInASecond)
{
    ServeConfig config;
    config.requests_per_second = 5;
    TestServer server(config);
    Client client(server.port);
    std::string flood; // at once, so that a slow machine is no slow client
    for (int i = 0; i < 20; ++i)
        flood += "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.send(flood);
    int refused = 0;
    for (int i = 0; i < 20; ++i) {
        const Reply reply = client.reply();
        refused += reply.status == 429 ? 1 : 0;
        EXPECT_TRUE(reply.status == 200 || (reply.status == 429 && reply.has("Retry-After: 1"))) << reply.head;
    }
    EXPECT_GE(refused, 5);
    client.get("/health/live");
    EXPECT_EQ(client.reply().status, 200) << "a flood does not make the process look dead";
    EXPECT_EQ(server.server->stats().rate_limited, static_cast<std::uint64_t>(refused));
    EXPECT_TRUE(eventually([&] { return server.get("/metrics").status == 200; }));
}

TEST(MonitoringServer, AsksTheSourceOnceForAll)
{
    ServeConfig config;
    config.reuse = std::chrono::hours(1);
    TestServer server(config);
    server.source->delay_ms = 100;
    std::vector<std::future<int>> clients;
    for (int i = 0; i < 20; ++i)
        clients.push_back(std::async(std::launch::async, [&] { return server.get("/metrics").status; }));
    for (auto& client : clients)
        EXPECT_EQ(client.get(), 200);
    EXPECT_EQ(server.get("/metrics").status, 200);
    EXPECT_EQ(server.source->collections, 1);

    config.reuse = milliseconds(10);
    TestServer another(config);
    const auto is_asked_again = [&] {
        another.get("/metrics");
        return another.source->collections == 2;
    };
    EXPECT_TRUE(eventually(is_asked_again)) << "it is not answered from memory for ever";
}

TEST(MonitoringServer, TellsOfAStoreThatIsDown)
{
    ServeConfig config;
    config.reuse = milliseconds(0);
    TestServer server(config);
    server.source->is_down = true;
    const Reply down = server.get("/health/ready");
    EXPECT_EQ(down.status, 503);
    EXPECT_EQ(down.json().at("status").as_string(), "down");
    EXPECT_EQ(server.get("/health/live").status, 200);

    server.source->fails = true;
    for (const std::string path : {"/metrics", "/api/metrics", "/health/ready", "/api/config"}) {
        const Reply reply = server.get(path);
        EXPECT_EQ(reply.status, 503) << path;
        EXPECT_EQ(reply.json().at("error").at("code").as_string(), "unavailable");
        EXPECT_NE(reply.body.find("nobody is at home"), std::string::npos);
    }
    server.source->fails = false;
    server.source->is_down = false;
    EXPECT_TRUE(eventually([&] { return server.get("/health/ready").status == 200; }));
}

TEST(MonitoringServer, GivesUpASourceThatDoesNotAnswer)
{
    ServeConfig config;
    config.source_timeout = milliseconds(100);
    TestServer server(config);
    server.source->delay_ms = 60'000;
    const Reply reply = server.get("/metrics");
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(reply.json().at("error").at("code").as_string(), "timeout") << reply.body;
    EXPECT_EQ(server.source->cancelled, 1);
}

TEST(MonitoringServer, FinishesWhatIsUnderWayWhenItStops)
{
    TestServer server;
    Client resting(server.port);
    resting.get("/health/live");
    EXPECT_EQ(resting.reply().status, 200);
    Client events(server.port);
    events.get("/api/events");
    EXPECT_NE(events.read_to("event: metrics").find("event: health"), std::string::npos);
    server.source->delay_ms = 300;
    Client busy(server.port);
    busy.get("/api/config");
    ASSERT_TRUE(eventually([&] { return server.source->configurations == 1; }));

    const auto begin = std::chrono::steady_clock::now();
    run(server.server->stop(std::chrono::seconds(100)));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
    EXPECT_EQ(busy.reply().status, 200);
    EXPECT_TRUE(busy.ends());
    EXPECT_TRUE(events.ends());
    EXPECT_TRUE(resting.ends());
    EXPECT_THROW(Client late(server.port), boost::system::system_error);
    EXPECT_EQ(server.server->stats().connections, 0U);
    EXPECT_STORAGE_ERROR(server.server->start(), closed);
}

TEST(MonitoringServer, DoesNotWaitForEverWhenItStops)
{
    TestServer server;
    server.source->delay_ms = 60'000;
    Client busy(server.port);
    busy.get("/metrics");
    ASSERT_TRUE(eventually([&] { return server.source->asked == 1; }));
    run(server.server->stop(milliseconds(50)));
    EXPECT_EQ(server.source->cancelled, 1) << "nobody asks the stores any more when it has stopped";
    EXPECT_TRUE(busy.ends());
}

TEST(MonitoringServer, MayGoWithoutBeingStopped)
{
    auto server = std::make_unique<TestServer>();
    Client events(server->port);
    events.get("/api/events");
    EXPECT_NE(events.read_to("event: metrics"), "");
    Client resting(server->port);
    server->server.reset();
    EXPECT_TRUE(events.ends());
    EXPECT_TRUE(resting.ends());
}

} // namespace
} // namespace whisperstore::test

// Server-sent events of the monitoring server.

#include "integration/serve/client.hpp"

namespace whisperstore::test {
namespace {

using std::chrono::milliseconds;

/// The value of the next line that begins with `field`.
std::string next_field(Client& client, const std::string& field)
{
    client.read_to("\n" + field + ": ");
    std::string line = client.read_to("\n");
    if (!line.empty())
        line.pop_back();
    return line;
}

ServeConfig quick()
{
    ServeConfig config;
    config.event_interval = milliseconds(100);
    config.health_interval = milliseconds(20);
    config.reuse = milliseconds(5);
    return config;
}

TEST(MonitoringEvents, TellMetricsAndHealthAtOnceAndThenAgain)
{
    TestServer server(quick());
    Client client(server.port);
    client.get("/api/events");
    const Reply reply = client.reply();
    EXPECT_EQ(reply.status, 200);
    EXPECT_TRUE(reply.has("Content-Type: text/event-stream"));
    EXPECT_FALSE(reply.has("Content-Length: 0"));
    EXPECT_TRUE(client.read_to("\n\n").starts_with("retry: "));
    for (int i = 0; i < 3; ++i) {
        const std::string health = client.read_to("\n\n");
        EXPECT_TRUE(health.starts_with("event: health\nid: ")) << health;
        const std::string metrics = client.read_to("\n\n");
        EXPECT_TRUE(metrics.starts_with("event: metrics\nid: ")) << metrics;
        const std::size_t data = metrics.find("\ndata: ") + 7;
        EXPECT_TRUE(parse_json(metrics.substr(data), "event").is_object());
    }
    client.close();
    EXPECT_TRUE(eventually([&] { return server.server->stats().subscribers == 0; }));
    const int collections = server.source->collections;
    EXPECT_FALSE(eventually([&] { return server.source->collections > collections + 1; }, milliseconds(400)))
        << "nothing is collected while nobody reads";
}

TEST(MonitoringEvents, TellAChangeOfHealthAtOnce)
{
    ServeConfig config = quick();
    config.event_interval = std::chrono::hours(1);
    TestServer server(config);
    Client client(server.port);
    client.get("/api/events");
    EXPECT_EQ(next_field(client, "event"), "health");
    EXPECT_EQ(next_field(client, "event"), "metrics");
    server.source->is_down = true;
    EXPECT_EQ(next_field(client, "event"), "health");
    EXPECT_NE(next_field(client, "data").find("\"down\""), std::string::npos);
    server.source->fails = true;
    EXPECT_NE(next_field(client, "data").find("nobody is at home"), std::string::npos);
}

TEST(MonitoringEvents, GoOnWhereAReaderLeftOff)
{
    TestServer server(quick());
    Client client(server.port);
    client.get("/api/events");
    const std::string first = next_field(client, "id");
    next_field(client, "id");
    const std::string third = next_field(client, "id");
    client.close();
    Client again(server.port);
    again.get("/api/events", "Last-Event-ID: " + first + "\r\n");
    EXPECT_NE(next_field(again, "id"), third) << "the second comes first";
    EXPECT_EQ(next_field(again, "id"), third);
    for (const std::string unknown : {"7", "nonsense", "1-1", "99999999999999999999-5", "-", ""}) {
        Client other(server.port);
        other.get("/api/events", "Last-Event-ID: " + unknown + "\r\n");
        EXPECT_NE(next_field(other, "id"), "") << unknown;
    }
}

TEST(MonitoringEvents, KeepSilentConnectionsAlive)
{
    ServeConfig config = quick();
    config.event_interval = std::chrono::hours(1);
    config.keep_alive = milliseconds(50);
    TestServer server(config);
    Client client(server.port);
    client.get("/api/events");
    EXPECT_EQ(next_field(client, "event"), "health");
    EXPECT_TRUE(client.read_to("\n: ").ends_with("\n: ")) << "a comment";
    EXPECT_TRUE(client.read_to("\n: ").ends_with("\n: "));
}

TEST(MonitoringEvents, HaveSoManyReaders)
{
    ServeConfig config = quick();
    config.max_subscribers = 1;
    TestServer server(config);
    Client first(server.port);
    first.get("/api/events");
    EXPECT_EQ(next_field(first, "event"), "health");
    const Reply refused = server.get("/api/events");
    EXPECT_EQ(refused.status, 503);
    EXPECT_TRUE(refused.has("Retry-After: 1"));
    first.close();
    const auto is_free = [&] {
        Client next(server.port);
        next.get("/api/events");
        return next.reply().status == 200;
    };
    EXPECT_TRUE(eventually(is_free));
}

TEST(MonitoringEvents, LeaveSlowReadersBehind)
{
    ServeConfig config = quick();
    config.write_timeout = milliseconds(200);
    TestServer server(config);
    server.source->padding = std::size_t(8) << 20U; // more than the system keeps for a connection
    Client slow(server.port, 4096);
    slow.get("/api/events");
    EXPECT_TRUE(eventually([&] { return server.server->stats().dropped == 1; }));
    EXPECT_TRUE(eventually([&] { return server.server->stats().connections == 0; }));
    server.source->padding = 0;
    Client quick_one(server.port);
    quick_one.get("/api/events");
    EXPECT_NE(next_field(quick_one, "data"), "") << "others are not kept waiting";
}

} // namespace
} // namespace whisperstore::test

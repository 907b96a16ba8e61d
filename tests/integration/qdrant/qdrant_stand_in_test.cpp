// What tests of the Qdrant client rely on in the stand-in, beyond the recorded answers.

#include "protocol/http/client.hpp"
#include "servers/qdrant_servers.hpp"
#include "servers/test_certificates.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace whisperstore::test {
namespace {

constexpr const char* four_numbers = R"({"vectors":{"size":4,"distance":"Cosine"}})";

std::string point(int id)
{
    std::string body = R"({"points":[{"id":)";
    body.append(std::to_string(id)).append(R"(,"vector":[1,2,3,4],"payload":{"n":)");
    body.append(std::to_string(id)).append("}}]}");
    return body;
}

bool has(const QdrantAnswer& answer, const std::string& text) { return answer.body.find(text) != std::string::npos; }

TEST(QdrantStandIn, TestsDoNotSeeEachOther)
{
    const QdrantUniverse other;
    ASSERT_EQ(other.address().ask("PUT", "/collections/memories", four_numbers).status, 200);
    {
        const QdrantUniverse universe;
        EXPECT_EQ(universe.address().ask("GET", "/collections/memories").status, 404);
        ASSERT_EQ(universe.address().ask("PUT", "/collections/memories", four_numbers).status, 200);
        ASSERT_EQ(universe.address().ask("PUT", "/collections/memories/points?wait=true", point(1)).status, 200);
    }
    const QdrantAnswer count = other.address().ask("POST", "/collections/memories/points/count", R"({"exact":true})");
    EXPECT_TRUE(has(count, R"("count":0)")) << count.body;
    QdrantAddress stranger = other.address();
    stranger.api_key.clear();
    EXPECT_EQ(stranger.ask("GET", "/collections").status, 401);
}

TEST(QdrantStandIn, AliasesChangeTogetherOrNotAtAll)
{
    const QdrantUniverse universe;
    const QdrantAddress& address = universe.address();
    const auto change = [&](const std::string& actions) {
        return address.ask("POST", "/collections/aliases", R"({"actions":[)" + actions + "]}").status;
    };
    const auto points = [&](const std::string& name) {
        return address.ask("POST", "/collections/" + name + "/points/count", "{}").body;
    };
    ASSERT_EQ(address.ask("PUT", "/collections/old", four_numbers).status, 200);
    ASSERT_EQ(address.ask("PUT", "/collections/new", four_numbers).status, 200);
    const std::string to_old = R"({"create_alias":{"collection_name":"old","alias_name":"current"}})";
    const std::string to_new = R"({"create_alias":{"collection_name":"new","alias_name":"current"}})";
    const std::string to_none = R"({"create_alias":{"collection_name":"none","alias_name":"other"}})";
    const std::string taken = R"({"create_alias":{"collection_name":"old","alias_name":"new"}})";
    EXPECT_EQ(change(to_old), 200);
    ASSERT_EQ(address.ask("PUT", "/collections/current/points?wait=true", point(1)).status, 200);
    EXPECT_NE(points("old").find(R"("count":1)"), std::string::npos);
    EXPECT_EQ(change(to_new + "," + to_none), 404);
    EXPECT_NE(points("current").find(R"("count":1)"), std::string::npos);
    EXPECT_EQ(change(taken), 409);
    EXPECT_EQ(change(R"({"delete_alias":{"alias_name":"current"}},)" + to_new), 200);
    EXPECT_NE(points("current").find(R"("count":0)"), std::string::npos);
    EXPECT_TRUE(has(address.ask("DELETE", "/collections/current"), R"("result":false)"));
    EXPECT_TRUE(has(address.ask("DELETE", "/collections/new"), R"("result":true)"));
    EXPECT_TRUE(has(address.ask("GET", "/aliases"), R"("aliases":[])"));
    EXPECT_EQ(address.ask("GET", "/collections/current").status, 404);
}

TEST(QdrantStandIn, WhatItAnsweredOutlivesACrash)
{
    QdrantServer server(QdrantServer::Options{.api_key = "secret"});
    ASSERT_EQ(server.address().ask("PUT", "/collections/memories", four_numbers).status, 200);
    ASSERT_EQ(server.address().ask("PUT", "/collections/other", four_numbers).status, 200);
    const std::string aliases =
        R"({"actions":[{"create_alias":{"collection_name":"memories","alias_name":"current"}}]})";
    ASSERT_EQ(server.address().ask("POST", "/collections/aliases", aliases).status, 200);
    ASSERT_EQ(server.address().ask("DELETE", "/collections/other").status, 200);
    std::atomic<int> answered{0};
    std::thread writer([&] {
        try {
            for (int id = 1;; ++id) {
                if (server.address().ask("PUT", "/collections/memories/points?wait=true", point(id)).status == 200)
                    answered = id;
            }
        } catch (const std::exception&) {
            // The server is gone, as it should be.
        }
    });
    EXPECT_TRUE(eventually([&] { return answered >= 200; }));
    server.kill();
    writer.join();
    const std::vector<std::uint16_t> ports = server.address().ports;
    server.start();
    EXPECT_EQ(server.address().ports, ports);

    std::string ids = R"({"with_payload":true,"ids":[)";
    for (int id = 1; id <= answered; ++id)
        ids.append(id > 1 ? "," : "").append(std::to_string(id));
    const QdrantAnswer found = server.address().ask("POST", "/collections/current/points", ids + "]}");
    for (int id = 1; id <= answered; ++id) {
        std::string payload = R"("payload":{"n":)";
        payload.append(std::to_string(id)).append("}");
        ASSERT_TRUE(has(found, payload)) << id;
    }
    EXPECT_EQ(server.address().ask("GET", "/collections/other").status, 404);
    EXPECT_EQ(server.log(), "");
}

TEST(QdrantStandIn, TheHttpClientReachesEveryNodeOverTls)
{
    const TestCertificates certificates;
    const QdrantServer server(QdrantServer::Options{.nodes = 3, .certificate = certificates.server()});
    ASSERT_EQ(server.address().ports.size(), 3U);
    for (const std::uint16_t port : server.address().ports) {
        http::ClientConfig config;
        config.backend = "qdrant";
        config.nodes.push_back(HostPort{"127.0.0.1", port});
        config.tls = TlsConfig{.enabled = true, .ca_file = certificates.authority()};
        http::Client client(config);
        http::Request request;
        request.method = "GET";
        request.target = "/cluster";
        request.effect = http::Effect::read;
        const http::Response response = run(client.send(request));
        EXPECT_EQ(response.status, 200);
        EXPECT_NE(response.body.find(R"("status":"enabled")"), std::string::npos) << response.body;
    }
}

TEST(QdrantStandIn, ChangesFromManyClientsAreAllThere)
{
    const QdrantUniverse universe;
    const QdrantAddress& address = universe.address();
    ASSERT_EQ(address.ask("PUT", "/collections/memories", four_numbers).status, 200);
    constexpr int writers = 8;
    constexpr int points = 50;
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer) {
        threads.emplace_back([&, writer] {
            for (int number = 0; number < points; ++number) {
                const int id = writer * points + number;
                failures += address.ask("PUT", "/collections/memories/points?wait=true", point(id)).status != 200;
                const QdrantAnswer mine = address.ask("GET", "/collections/memories/points/" + std::to_string(id));
                failures += mine.status != 200;
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(failures, 0);
    const QdrantAnswer count = address.ask("POST", "/collections/memories/points/count", R"({"exact":true})");
    EXPECT_TRUE(has(count, R"("count":400)")) << count.body;
}

} // namespace
} // namespace whisperstore::test

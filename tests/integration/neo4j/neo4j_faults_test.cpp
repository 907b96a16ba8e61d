// Neo4j's managers where something is wrong: credentials, certificates, connections.
#include "neo4j_support.hpp"
#include "servers/chaos_proxy.hpp"
#include "servers/test_certificates.hpp"

namespace whisperstore::test {
namespace {

class Neo4jFaults : public Neo4jTest
{
protected:
    StorageError refusal(const GraphDatabaseConfig& settings)
    {
        return error_of([&] { open(settings); });
    }
    GraphDatabaseConfig through(const ChaosProxy& proxy) const
    {
        GraphDatabaseConfig settings = config();
        settings.uri = "bolt://127.0.0.1:" + std::to_string(proxy.port());
        return settings;
    }
};

TEST_F(Neo4jFaults, AWrongPasswordIsToldWithoutIt)
{
    for (const std::string scheme : {"bolt", "neo4j", "bolt+ssc"}) {
        GraphDatabaseConfig settings = config(scheme);
        settings.password = "not-the-password";
        const StorageError error = refusal(settings);
        EXPECT_EQ(error.errc(), StorageErrc::authentication) << error.what();
        EXPECT_EQ(error.backend(), "neo4j");
        EXPECT_EQ(error.operation(), "initialize");
        EXPECT_EQ(error.native_code(), "Neo.ClientError.Security.Unauthorized");
        EXPECT_FALSE(error.retryable());
        EXPECT_EQ(std::string(error.what()).find("not-the-password"), std::string::npos) << error.what();
    }
    GraphDatabaseConfig nobody = config();
    nobody.username = "nobody";
    EXPECT_EQ(refusal(nobody).errc(), StorageErrc::authentication);
    GraphDatabaseConfig none = config();
    none.password.clear();
    EXPECT_EQ(refusal(none).errc(), StorageErrc::authentication);
}

TEST_F(Neo4jFaults, CertificatesAreChecked)
{
    for (const std::string scheme : {"bolt+s", "neo4j+s"}) {
        GraphDatabaseConfig settings = config(scheme);
        settings.tls.ca_file = server.authority;
        const Manager graph = open(settings);
        run(graph->create_user_node("u"));
        EXPECT_EQ(run(graph->get_user_relationship_network("u")).nodes.size(), 1U);
        run(graph->cleanup());

        settings.tls.ca_file.clear(); // the system's authorities
        const StorageError unknown = refusal(settings);
        EXPECT_NE(std::string(unknown.what()).find("certificate"), std::string::npos) << unknown.what();
        const TestCertificates others;
        settings.tls.ca_file = others.authority();
        const StorageError strange = refusal(settings);
        EXPECT_NE(std::string(strange.what()).find("certificate"), std::string::npos) << strange.what();
    }
    // By parts, as NEO4J_HOST and NEO4J_TLS give them.
    GraphDatabaseConfig parts = config();
    parts.uri.clear();
    parts.host = "localhost";
    parts.port = server.port;
    parts.tls.enabled = true;
    parts.tls.ca_file = server.authority;
    run(open(parts)->cleanup());
    parts.tls.ca_file.clear();
    parts.tls.verify = false;
    run(open(parts)->cleanup());
}

TEST_F(Neo4jFaults, AnUnknownDatabaseIsNotFound)
{
    GraphDatabaseConfig settings = config();
    settings.database = "elsewhere";
    const StorageError error = refusal(settings);
    EXPECT_EQ(error.errc(), StorageErrc::not_found) << error.what();
    EXPECT_NE(std::string(error.what()).find("elsewhere"), std::string::npos) << error.what();
    settings.database = "neo4j";
    run(open(settings)->cleanup());
}

TEST_F(Neo4jFaults, AServerThatIsDownIsUnavailableAndComesBack)
{
    ChaosProxy proxy(server.port);
    const GraphDatabaseConfig settings = through(proxy);
    ChaosRule refuse;
    refuse.refuse = true;
    proxy.set_rule(refuse);
    const StorageError error = refusal(settings);
    EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
    EXPECT_TRUE(error.retryable());
    proxy.clear();
    const Manager graph = open(settings);
    run(graph->create_user_node("u"));
    proxy.cut_all();
    // A connection that has gone is noticed before it is used, or breaks a read; then a new one is made.
    EXPECT_TRUE(eventually([&] {
        try {
            run(graph->ping());
            return true;
        } catch (const StorageError& broken) {
            EXPECT_EQ(broken.errc(), StorageErrc::unavailable) << broken.what();
            return false;
        }
    }));
    run(graph->cleanup());
}

TEST_F(Neo4jFaults, AWriteWithoutAnAnswerIsOfUnknownOutcomeAndIsNotSentAgain)
{
    const Manager looking = open();
    run(looking->create_user_node("u"));
    run(looking->create_memory_node("m", "", owned_by("u")));
    ChaosProxy proxy(server.port);
    const Manager graph = open(through(proxy));
    run(graph->create_relationship("user:u", "memory:m", "REMEMBERS"));
    const auto count = [&] { return run(looking->get_user_relationship_network("u")).edges.at(0).interaction_count; };
    EXPECT_EQ(count(), 1);

    // The answer is swallowed; when the server has done it, the connection breaks.
    ChaosRule rule;
    rule.cut_answer_at = proxy.answer_bytes();
    rule.cut = ChaosRule::Cut::black_hole;
    proxy.set_rule(rule);
    std::future<void> writing = start(graph->create_relationship("user:u", "memory:m", "REMEMBERS"));
    EXPECT_TRUE(eventually([&] { return count() == 2; }));
    proxy.cut_all();
    const StorageError error = error_of([&] { wait(std::move(writing)); });
    EXPECT_EQ(error.errc(), StorageErrc::outcome_unknown) << error.what();
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    proxy.clear();
    run(graph->create_relationship("user:u", "memory:m", "REMEMBERS"));
    EXPECT_EQ(count(), 3); // not sent again meanwhile

    // A read may be told that it did not happen.
    rule.cut_answer_at = proxy.answer_bytes();
    rule.cut = ChaosRule::Cut::close;
    proxy.set_rule(rule);
    const StorageError read = error_of([&] { run(graph->find_connected_memories("u", "")); });
    EXPECT_EQ(read.errc(), StorageErrc::unavailable) << read.what();
    EXPECT_EQ(read.outcome(), Outcome::not_applied);
    EXPECT_TRUE(read.retryable());
    proxy.clear();
    EXPECT_EQ(run(graph->find_connected_memories("u", "")).size(), 1U);
    run(graph->cleanup());
    run(looking->cleanup());
}

TEST_F(Neo4jFaults, ADeadlineEndsACallAndTheNextOneWorks)
{
    ChaosProxy proxy(server.port);
    const Manager graph = open(through(proxy));
    run(graph->create_user_node("u"));
    ChaosRule hole;
    hole.cut_answer_at = proxy.answer_bytes();
    hole.cut = ChaosRule::Cut::black_hole;
    hole.connections = 1;
    proxy.set_rule(hole);
    const auto begun = std::chrono::steady_clock::now();
    const OperationContext soon = OperationContext::within(std::chrono::milliseconds(300));
    EXPECT_STORAGE_ERROR(run(graph->find_connected_memories("u", "", 3, 50, soon)), timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
    proxy.clear();
    EXPECT_EQ(run(graph->get_user_relationship_network("u")).nodes.size(), 1U);
    run(graph->cleanup());
}

} // namespace
} // namespace whisperstore::test

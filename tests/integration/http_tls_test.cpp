// TLS: who is trusted, and that an exchange is the same with it.

#include "integration/http_support.hpp"
#include "servers/test_certificates.hpp"

namespace whisperstore::test {

using http::Client;

namespace {

http::ClientConfig tls_config(const TestCertificates& certificates, const HttpStub& stub, std::string host)
{
    http::ClientConfig config = client_config({});
    config.nodes.push_back(HostPort{std::move(host), stub.port()});
    config.tls.enabled = true;
    config.tls.ca_file = certificates.authority();
    return config;
}

} // namespace

TEST(HttpTls, NamesAndAddressesAreChecked)
{
    const TestCertificates certificates;
    HttpStub stub(StubAnswer{.body = std::string(500'000, 'x')}, StubOptions{.certificate = certificates.server()});
    for (const char* host : {"localhost", "127.0.0.1"}) {
        Client client(tls_config(certificates, stub, host));
        for (int i = 0; i < 5; ++i)
            EXPECT_EQ(run(client.send(request("POST", "/", std::string(300'000, 'y')))).body.size(), 500'000U);
        EXPECT_EQ(client.health().front().pool.resting, 1U) << host;
    }
    EXPECT_EQ(stub.accepted(), 2U);
    EXPECT_EQ(stub.requests().back().body.size(), 300'000U);
}

TEST(HttpTls, V6AddressesWork)
{
    const TestCertificates certificates;
    HttpStub stub(echo, StubOptions{.certificate = certificates.server(), .v6 = true});
    Client client(tls_config(certificates, stub, "::1"));
    EXPECT_EQ(run(client.send(request("GET", "/"))).status, 200);
    EXPECT_EQ(stub.requests().back().header("Host"), "[::1]:" + std::to_string(stub.port()));
}

TEST(HttpTls, WhoIsNotTrustedGetsNothing)
{
    const TestCertificates certificates;
    const TestCertificates strangers;
    HttpStub other_name(echo, StubOptions{.certificate = certificates.issue("other.pem", "DNS:other.example")});
    HttpStub good(echo, StubOptions{.certificate = certificates.server()});
    HttpStub plain(echo);
    std::vector<http::ClientConfig> configs = {
        tls_config(certificates, other_name, "localhost"), tls_config(certificates, other_name, "127.0.0.1"),
        tls_config(strangers, good, "localhost"), tls_config(certificates, plain, "localhost")};
    configs.push_back(configs[2]);
    configs.back().tls.ca_file.clear(); // the system's authorities
    for (const http::ClientConfig& config : configs) {
        Client client(config);
        const StorageError error = error_of([&] { run(client.send(request("POST", "/", "x", http::Effect::write))); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
        EXPECT_EQ(error.outcome(), Outcome::not_applied) << error.what();
        EXPECT_EQ(in_use(client), 0U);
    }
    for (const HttpStub* stub : {&other_name, &good, &plain})
        EXPECT_TRUE(stub->requests().empty());
    http::ClientConfig unchecked = configs[0];
    unchecked.tls.verify = false;
    Client client(unchecked);
    EXPECT_EQ(run(client.send(request("GET", "/"))).status, 200);
}

TEST(HttpTls, ClientCertificates)
{
    const TestCertificates certificates;
    HttpStub stub(echo, StubOptions{.certificate = certificates.server(), .client_ca = certificates.authority()});
    http::ClientConfig config = tls_config(certificates, stub, "localhost");
    Client without(config);
    EXPECT_STORAGE_ERROR(run(without.send(request("GET", "/"))), unavailable);
    config.tls.cert_file = config.tls.key_file = certificates.issue("client.pem", "DNS:client");
    Client with(config);
    EXPECT_EQ(run(with.send(request("GET", "/"))).status, 200);
}

TEST(HttpTls, APlainClientOfATlsServerFailsCleanly)
{
    const TestCertificates certificates;
    HttpStub stub(echo, StubOptions{.certificate = certificates.server()});
    Client client(client_config({stub.port()}));
    EXPECT_STORAGE_ERROR(run(client.send(request("GET", "/"))), unavailable);
}

TEST(HttpTls, AServerThatAcceptsAndKeepsSilentTimesOut)
{
    const TestCertificates certificates;
    HttpStub stub(echo, StubOptions{.certificate = certificates.server()});
    ChaosProxy proxy(stub.port());
    proxy.set_rule(ChaosRule{.cut_answer_at = 0, .cut = ChaosRule::Cut::black_hole});
    http::ClientConfig config = tls_config(certificates, stub, "localhost");
    config.nodes = {HostPort{"127.0.0.1", proxy.port()}};
    config.connect_timeout = std::chrono::milliseconds(100);
    Client client(config);
    const StorageError error = error_of([&] { run(client.send(request("GET", "/"))); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
}

} // namespace whisperstore::test

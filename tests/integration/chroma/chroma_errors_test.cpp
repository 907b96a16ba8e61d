// What the managers say when a server does not do what it should; on scripted servers.

#include "chroma_support.hpp"
#include "servers/http_stub.hpp"
#include "servers/test_certificates.hpp"

#include <functional>

namespace whisperstore::test {
namespace {

constexpr std::string_view token = "token-of-the-tests";

StubAnswer json_answer(std::string body, int status = 200)
{
    StubAnswer answer;
    answer.status = status;
    answer.body = std::move(body);
    answer.headers.emplace_back("content-type", "application/json");
    return answer;
}

StubAnswer text_answer(std::string body, int status)
{
    StubAnswer answer;
    answer.status = status;
    answer.body = std::move(body);
    return answer;
}

/// What Chroma 1.5.9 answers to initialize(); everything else is the test's.
std::optional<StubAnswer> beginning(const StubRequest& request)
{
    if (request.target == "/api/v2/version")
        return json_answer(R"("1.0.0")");
    if (request.target == "/api/v2/pre-flight-checks")
        return json_answer(R"({"max_batch_size":5461,"supports_base64_encoding":true})");
    if (request.target == "/api/v2/tenants/default_tenant/databases/default_database")
        return json_answer(R"({"id":"0","name":"default_database","tenant":"default_tenant"})");
    if (request.target.starts_with("/api/v2/tenants/default_tenant/databases/default_database/collections?"))
        return json_answer("[]");
    return std::nullopt;
}

constexpr std::string_view collection =
    R"({"id":"3f0e6d84-0000-4000-8000-000000000001","name":"docs","configuration_json":{"hnsw":{"space":"cosine"}},)"
    R"("metadata":null,"dimension":4,"tenant":"default_tenant","database":"default_database","log_position":0,)"
    R"("version":0})";

bool ends_with(const StubRequest& request, std::string_view end) { return request.target.ends_with(end); }

HttpStub::Script script(std::function<StubAnswer(const StubRequest&)> rest)
{
    return [rest = std::move(rest)](const StubRequest& request) {
        if (auto answer = beginning(request))
            return *answer;
        if (request.method == "GET" && ends_with(request, "/collections/docs"))
            return json_answer(std::string(collection));
        return rest(request);
    };
}

std::shared_ptr<VectorDatabaseManager> manager_of(const std::string& url)
{
    VectorDatabaseConfig config;
    config.url = url;
    return std::make_shared<HTTPChromaDBManager>(config);
}

TEST(ChromaErrors, AServerThatIsNotThereSaysHowToStartOne)
{
    std::uint16_t port = 0;
    {
        HttpStub stub(StubAnswer{});
        port = stub.port();
    }
    const auto vectors = manager_of(numbered("http://127.0.0.1:", port));
    const StorageError error = error_of([&] { run(vectors->initialize()); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_NE(error.message().find("chroma run --path"), std::string::npos) << error.message();
    EXPECT_EQ(error.backend(), "http_chromadb");
    EXPECT_EQ(error.operation(), "initialize");
    EXPECT_STORAGE_ERROR(run(vectors->list_collections()), closed);
}

TEST(ChromaErrors, OldServersAreNamedAsWhatTheyAre)
{
    for (const int status : {404, 405, 410, 501}) {
        HttpStub old(json_answer(R"({"detail":"Not Found"})", status));
        const StorageError error = error_of([&] { run(manager_of(old.url())->initialize()); });
        EXPECT_EQ(error.errc(), StorageErrc::version_mismatch) << status;
        EXPECT_NE(error.message().find("1.0"), std::string::npos) << error.message();
    }
    for (const char* version : {R"("0.6.3")", R"("")"}) {
        HttpStub old(json_answer(version));
        EXPECT_STORAGE_ERROR(run(manager_of(old.url())->initialize()), version_mismatch) << version;
    }
    for (const char* other : {"<html>hello</html>", "{}", "3"}) {
        HttpStub stranger(json_answer(other));
        EXPECT_STORAGE_ERROR(run(manager_of(stranger.url())->initialize()), unavailable) << other;
    }
}

TEST(ChromaErrors, TokensGoOverTlsAndAreInNoMessage)
{
    const TestCertificates certificates;
    StubOptions options;
    options.certificate = certificates.server();
    HttpStub proxy(
        [](const StubRequest& request) {
            std::string expected = "Bearer ";
            if (request.header("authorization") != expected.append(token))
                return text_answer("who is " + request.header("authorization") + "?", 401);
            EXPECT_EQ(request.header("x-chroma-token"), token);
            return beginning(request).value_or(json_answer("[]"));
        },
        options);
    VectorDatabaseConfig config;
    config.url = proxy.url();
    config.tls.ca_file = certificates.authority();
    config.api_key = token;
    HTTPChromaDBManager right(config);
    run(right.initialize());
    EXPECT_TRUE(run(right.list_collections()).empty());
    run(right.cleanup());

    config.api_key = "another-token-of-the-tests";
    HTTPChromaDBManager wrong(config);
    const StorageError error = error_of([&] { run(wrong.initialize()); });
    EXPECT_EQ(error.errc(), StorageErrc::authentication);
    EXPECT_EQ(error.message().find("another-token"), std::string::npos) << error.message();

    config.tls.ca_file.clear();
    HTTPChromaDBManager trusting(config);
    EXPECT_STORAGE_ERROR(run(trusting.initialize()), unavailable);
}

TEST(ChromaErrors, AFailingBatchSaysHowManyDocumentsWereStored)
{
    std::atomic<int> upserts = 0;
    HttpStub server(script([&](const StubRequest& request) {
        if (ends_with(request, "/get"))
            return json_answer(R"({"ids":[],"metadatas":[]})");
        if (ends_with(request, "/upsert") && ++upserts > 2)
            return text_answer("length limit exceeded", 413);
        return json_answer("{}");
    }));
    const auto vectors = manager_of(server.url());
    run(vectors->initialize());
    std::vector<VectorDocument> documents;
    for (std::uint64_t i = 0; i < 2600; ++i)
        documents.push_back(document_number(i));
    const StorageError error = error_of([&] { run(vectors->store_documents("docs", documents)); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("1000 of 2600 documents were stored"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("length limit exceeded"), std::string::npos) << error.message();
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    EXPECT_EQ(error.native_code(), "413");
}

TEST(ChromaErrors, WhatChromaSaysIsInTheMessage)
{
    HttpStub server(script([](const StubRequest&) {
        return json_answer(R"({"error":"InvalidArgumentError","message":"Collection expecting something else"})", 400);
    }));
    const auto vectors = manager_of(server.url());
    run(vectors->initialize());
    const StorageError error = error_of([&] { run(vectors->count_documents("docs")); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("Collection expecting something else"), std::string::npos) << error.message();
}

TEST(ChromaErrors, ARecordThatGoesWhileItIsReadIsAskedForAgain)
{
    std::atomic<int> asked = 0;
    HttpStub server(script([&](const StubRequest& request) {
        if (ends_with(request, "/count"))
            return json_answer("5000");
        if (++asked < 4)
            return json_answer(
                R"({"error":"InternalError","message":"Error executing plan: Internal error: Error finding id"})", 500);
        return json_answer(R"({"ids":[["a","b"]],"documents":[["x","y"]],"metadatas":[[null,null]],)"
                           R"("distances":[[0.0,0.25]]})");
    }));
    const auto vectors = manager_of(server.url());
    run(vectors->initialize());
    const std::vector<SearchResult> found = run(vectors->search_similar("docs", vector_number(1), 1));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].id, "a");
    EXPECT_EQ(asked, 4);
}

TEST(ChromaErrors, AServerWhoseWriterStoppedIsToBeRestarted)
{
    HttpStub server(script([](const StubRequest& request) {
        if (ends_with(request, "/get"))
            return json_answer(R"({"ids":[],"metadatas":[]})");
        return json_answer(R"({"error":"InternalError","message":"Error sending message to compactor"})", 500);
    }));
    const auto vectors = manager_of(server.url());
    run(vectors->initialize());
    const StorageError error = error_of([&] { run(vectors->store_document("docs", "a", "x", vector_number(1))); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_NE(error.message().find("restart the server"), std::string::npos) << error.message();
}

TEST(ChromaErrors, ConfigurationsThatCannotWorkAreRefused)
{
    VectorDatabaseConfig several;
    several.url = "http://a,b";
    EXPECT_STORAGE_ERROR(HTTPChromaDBManager{several}, invalid_argument);
    VectorDatabaseConfig none;
    none.chroma_tenant.clear();
    EXPECT_STORAGE_ERROR(HTTPChromaDBManager{none}, invalid_argument);
    VectorDatabaseConfig lazy;
    lazy.chroma_ef_search = 0;
    EXPECT_STORAGE_ERROR(HTTPChromaDBManager{lazy}, invalid_argument);
    VectorDatabaseConfig both;
    both.url = "http://user:password@host";
    both.api_key = "key";
    EXPECT_STORAGE_ERROR(HTTPChromaDBManager{both}, invalid_argument);
}

class ChromaDatabases : public ChromaFixture
{
};

TEST_F(ChromaDatabases, OneThatIsNotThereIsNamed)
{
    VectorDatabaseConfig elsewhere = config();
    elsewhere.chroma_database = "nowhere-at-all";
    HTTPChromaDBManager manager(elsewhere);
    const StorageError error = error_of([&] { run(manager.initialize()); });
    EXPECT_EQ(error.errc(), StorageErrc::not_found);
    EXPECT_NE(error.message().find("nowhere-at-all"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("CHROMADB_DATABASE"), std::string::npos) << error.message();
}

} // namespace
} // namespace whisperstore::test

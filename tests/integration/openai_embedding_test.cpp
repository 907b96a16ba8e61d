// The provider for OpenAI's interface, against the answers of the servers that speak it.

#include "embedding/openai/embeddings_answer.hpp"
#include "protocol/http/float_text.hpp"
#include "servers/chaos_proxy.hpp"
#include "servers/http_stub.hpp"
#include "support/cancellable.hpp"
#include "support/run.hpp"

#include <whisperstore/core/json.hpp>
#include <whisperstore/embedding/openai_embedding_provider.hpp>

#include <atomic>
#include <cmath>

namespace whisperstore::test {

namespace {

constexpr std::size_t dimension = 4;

EmbeddingConfig config_for(const HttpStub& stub)
{
    EmbeddingConfig config;
    config.type = "openai";
    config.url = stub.url("/v1");
    config.model = "test-model";
    config.dimension = dimension;
    config.max_retries = 0;
    return config;
}

/// Of a text, the same for the same text; not of unit length.
std::vector<float> vector_of(std::string_view text)
{
    std::vector<float> out;
    for (std::size_t i = 0; i < dimension; ++i)
        out.push_back(static_cast<float>((std::hash<std::string_view>()(text) >> (8 * i)) % 100) + 1);
    return out;
}

std::vector<float> unit(std::vector<float> vector)
{
    double square = 0;
    for (const float value : vector)
        square += double(value) * double(value);
    for (float& value : vector)
        value = static_cast<float>(double(value) / std::sqrt(square));
    return vector;
}

/// As OpenAI, Ollama, llama.cpp and vLLM answer a request of proper form.
StubAnswer openai_answer(const StubRequest& seen)
{
    const json::object asked = parse_json_object(seen.body, "request");
    const json::value* format = asked.if_contains("encoding_format");
    std::string data;
    std::size_t index = 0;
    for (const json::value& text : asked.at("input").as_array()) {
        const std::vector<float> vector = vector_of(text.as_string());
        std::string item = index == 0 ? "" : ",";
        item += R"({"object":"embedding","index":)" + std::to_string(index++) + R"(,"embedding":)";
        if (format && format->as_string() == "base64")
            item += "\"" + http::encode_float_base64(vector) + "\"";
        else
            http::append_float_array(item, vector);
        data += item + "}";
    }
    return StubAnswer{.body = R"({"object":"list","data":[)" + data +
                              R"(],"model":"test-model","usage":{"prompt_tokens":8,"total_tokens":8}})"};
}

void expect_vectors_of(const std::vector<std::string>& texts, const std::vector<std::vector<float>>& vectors)
{
    ASSERT_EQ(vectors.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::vector<float> expected = unit(vector_of(texts[i]));
        ASSERT_EQ(vectors[i].size(), expected.size());
        for (std::size_t k = 0; k < expected.size(); ++k)
            EXPECT_NEAR(vectors[i][k], expected[k], 1e-6) << texts[i];
    }
}

std::vector<std::string> texts_of(std::size_t count)
{
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i)
        texts.push_back("text number " + std::to_string(i) + " \"quoted\" \xC3\xA9\n");
    return texts;
}

} // namespace

TEST(OpenAIEmbedding, EmbedsInEitherEncoding)
{
    HttpStub stub(openai_answer);
    for (const char* format : {"base64", "float", ""}) {
        EmbeddingConfig config = config_for(stub);
        config.encoding_format = format;
        config.api_key = "sk-test";
        OpenAIEmbeddingProvider provider(config);
        const std::vector<std::string> texts = texts_of(3);
        expect_vectors_of(texts, run(provider.embed(texts)));
        const StubRequest seen = stub.requests().back();
        EXPECT_EQ(seen.method + " " + seen.target, "POST /v1/embeddings");
        EXPECT_EQ(seen.header("Authorization"), "Bearer sk-test");
        EXPECT_EQ(seen.header("Content-Type"), "application/json");
        const json::object body = parse_json_object(seen.body, "request");
        EXPECT_EQ(body.at("model").as_string(), "test-model");
        EXPECT_EQ(body.contains("encoding_format"), *format != '\0');
    }
    OpenAIEmbeddingProvider provider(config_for(stub));
    EXPECT_TRUE(run(provider.embed({})).empty());
    EXPECT_EQ(run(provider.embed_one("x")), run(provider.embed({"x"})).front());
    EXPECT_EQ(provider.dimension(), dimension);
    EXPECT_EQ(provider.model_name(), "test-model");
    EXPECT_EQ(provider.provider_type(), "openai");
}

TEST(OpenAIEmbedding, BatchesKeepTheOrder)
{
    std::atomic<int> turn{0};
    HttpStub stub([&](const StubRequest& seen) {
        StubAnswer answer = openai_answer(seen);
        answer.delay = std::chrono::milliseconds(turn++ % 3 == 0 ? 30 : 0); // batches overtake one another
        answer.gzip = true;
        return answer;
    });
    EmbeddingConfig config = config_for(stub);
    config.batch_size = 7;
    config.requests_in_flight = 3;
    OpenAIEmbeddingProvider provider(config);
    const std::vector<std::string> texts = texts_of(100);
    expect_vectors_of(texts, run(provider.embed(texts)));
    EXPECT_EQ(stub.requests().size(), 15U);
    EXPECT_LE(stub.accepted(), 3U);
}

TEST(OpenAIEmbedding, ManyCallersAtOnce)
{
    HttpStub stub(openai_answer);
    EmbeddingConfig config = config_for(stub);
    config.batch_size = 5;
    OpenAIEmbeddingProvider provider(config);
    std::vector<std::future<std::vector<std::vector<float>>>> calls;
    for (std::size_t i = 0; i < 40; ++i)
        calls.push_back(start(provider.embed(texts_of(i))));
    for (std::size_t i = 0; i < calls.size(); ++i)
        expect_vectors_of(texts_of(i), wait(std::move(calls[i])));
}

TEST(OpenAIEmbedding, UnderstandsTheShapesOfAllServers)
{
    const std::vector<std::string> shapes = {
        // OpenAI, Ollama, vLLM
        R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[3,0,4,0]},{"object":"embedding","index":1,"embedding":[0,0,0,2]}],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}})",
        // out of order
        R"({"data":[{"index":1,"embedding":[0,0,0,2]},{"index":0,"embedding":[3,0,4,0]}]})",
        // llama.cpp with base64 names the encoding in each item
        R"({"model":"m","object":"list","usage":{"prompt_tokens":1,"total_tokens":1},"data":[{"embedding":"AABAQAAAAAAAAIBAAAAAAA==","index":0,"object":"embedding","encoding_format":"base64"},{"embedding":"AAAAAAAAAAAAAAAAAAAAQA==","index":1,"object":"embedding","encoding_format":"base64"}]})",
        // no object, no usage, no index
        R"({"data":[{"embedding":[3,0,4,0]},{"embedding":[0,0,0,2]}]})",
        // index null, exponents, unknown members, white space, escapes
        " {\n\"id\" : \"embd-1\\u00e9\", \"created\":1, \"data\" : [ {\"index\":null,\"embedding\": [ 3e0 , 0.0, "
        "4.0E+0, -0 ], "
        "\"x\":{\"y\":[1,[2]]}} , {\"embedding\":[0,0,0,2e-30]} ] } ",
    };
    for (const std::string& shape : shapes) {
        HttpStub stub(StubAnswer{.body = shape});
        OpenAIEmbeddingProvider provider(config_for(stub));
        const auto vectors = run(provider.embed({"a", "b"}));
        ASSERT_EQ(vectors.size(), 2U);
        for (std::size_t i = 0; i < dimension; ++i) {
            EXPECT_NEAR(vectors[0][i], (std::vector<float>{0.6F, 0, 0.8F, 0})[i], 1e-6) << shape;
            EXPECT_NEAR(vectors[1][i], (std::vector<float>{0, 0, 0, 1})[i], 1e-6) << shape;
        }
    }
}

TEST(OpenAIEmbedding, AnswersThatAreNotUnderstoodAreErrors)
{
    const std::vector<std::string> shapes = {
        "",
        "<html>hello</html>",
        "[]",
        "{}",
        R"({"data":null})",
        R"({"data":[]})",
        R"({"data":[{"index":0,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":0,"embedding":[1,2,3,4]},{"index":0,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":0,"embedding":[1,2,3,4]},{"index":2,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":-1,"embedding":[1,2,3,4]},{"index":1,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":0},{"index":1,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":0,"embedding":null},{"index":1,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":0,"embedding":[[1,2,3,4]]},{"index":1,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":0,"embedding":"no base64!"},{"index":1,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":0,"embedding":[0,0,0,0]},{"index":1,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":0,"embedding":"AADAfwAAAAAAAAAAAAAAAA=="},{"index":1,"embedding":[1,2,3,4]}]})",
        R"({"data":[{"index":0,"embedding":[1,2,3,4]},{"index":1,"embedding":[1,2,3,4]}])",
        R"({"embedding":[1,2,3,4]})",
    };
    for (const std::string& shape : shapes) {
        HttpStub stub(StubAnswer{.body = shape});
        EmbeddingConfig config = config_for(stub);
        config.max_retries = 3;
        OpenAIEmbeddingProvider provider(config);
        const StorageError error = error_of([&] { run(provider.embed({"a", "b"})); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable) << shape;
        EXPECT_FALSE(error.retryable()) << shape;
        EXPECT_EQ(error.backend(), "openai");
        EXPECT_EQ(stub.requests().size(), 1U) << shape;
    }
    HttpStub stub(StubAnswer{.body = R"({"error":"model is loading"})"});
    OpenAIEmbeddingProvider provider(config_for(stub));
    EXPECT_NE(error_of([&] { run(provider.embed_one("a")); }).message().find("model is loading"), std::string::npos);
}

TEST(OpenAIEmbedding, AnotherDimensionNamesBoth)
{
    HttpStub stub(StubAnswer{.body = R"({"data":[{"index":0,"embedding":[1,2,3]}]})"});
    OpenAIEmbeddingProvider provider(config_for(stub));
    const StorageError error = error_of([&] { run(provider.embed_one("a")); });
    EXPECT_EQ(error.errc(), StorageErrc::version_mismatch);
    EXPECT_NE(error.message().find("3 dimensions, 4"), std::string::npos) << error.message();
}

TEST(OpenAIEmbedding, RefusalsOfAllServersAreMapped)
{
    struct Refusal
    {
        int status;
        std::string body;
        StorageErrc code;
        std::string words;
    };
    using enum StorageErrc;
    const std::vector<Refusal> refusals = {
        {401,
         R"({"error":{"message":"Incorrect API key provided: sk-test.","type":"invalid_request_error","code":"invalid_api_key"}})",
         authentication, "Incorrect API key provided: ***."},
        {404,
         R"({"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","param":null,"code":null}})",
         not_found, "try pulling it first"},                                           // Ollama
        {404, R"({"error":"model 'x' not found"})", not_found, "model 'x' not found"}, // Ollama, older
        {500, R"({"error":{"code":500,"message":"input is too large to process","type":"server_error"}})", // llama.cpp
         unavailable, "input is too large"},
        {404,
         R"({"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404})",
         not_found, "The model `x` does not exist."}, // vLLM
        {400, R"({"detail":[{"loc":["body","input"],"msg":"field required","type":"value_error.missing"}]})",
         invalid_argument, "field required"}, // FastAPI
        {413, "Payload Too Large", invalid_argument, "Payload Too Large"},
        {403, "", permission, "403 Forbidden"},
        {301, "", unsupported, "redirect"},
    };
    for (const Refusal& refusal : refusals) {
        HttpStub stub(StubAnswer{.status = refusal.status, .body = refusal.body});
        EmbeddingConfig config = config_for(stub);
        config.api_key = "sk-test";
        config.max_retries = 2;
        OpenAIEmbeddingProvider provider(config);
        const StorageError error = error_of([&] { run(provider.embed_one("a")); });
        EXPECT_EQ(error.errc(), refusal.code) << refusal.body;
        EXPECT_NE(error.message().find(refusal.words), std::string::npos) << error.message();
        EXPECT_EQ(error.message().find("sk-test"), std::string::npos) << error.message();
        EXPECT_EQ(error.native_code(), std::to_string(refusal.status));
        EXPECT_EQ(error.outcome(), Outcome::not_applied);
        EXPECT_EQ(stub.requests().size(), 1U);
    }
}

TEST(OpenAIEmbedding, PassingFailuresAreTriedAgain)
{
    for (const int status : {429, 503, 502, 504, 408}) {
        std::atomic<int> left{1};
        HttpStub stub([&](const StubRequest& seen) {
            return left-- > 0 ? StubAnswer{.status = status, .headers = {{"Retry-After", "0"}}} : openai_answer(seen);
        });
        EmbeddingConfig config = config_for(stub);
        config.max_retries = 1;
        OpenAIEmbeddingProvider provider(config);
        EXPECT_EQ(run(provider.embed({"a"})).size(), 1U);
        EXPECT_EQ(stub.requests().size(), 2U);
    }
}

TEST(OpenAIEmbedding, RetriesAndTheirBudgetEnd)
{
    HttpStub stub(StubAnswer{.status = 503});
    EmbeddingConfig config = config_for(stub);
    config.max_retries = 2;
    OpenAIEmbeddingProvider provider(config);
    EXPECT_TRUE(error_of([&] { run(provider.embed({"a"})); }).retryable());
    EXPECT_EQ(stub.requests().size(), 3U);
    OperationContext context;
    context.retry_budget = std::make_shared<RetryBudget>(1);
    EXPECT_TRUE(error_of([&] { run(provider.embed({"a"}, context)); }).retryable());
    EXPECT_EQ(stub.requests().size(), 5U);
    EXPECT_EQ(context.retry_budget->left(), 0);
}

TEST(OpenAIEmbedding, AnAttemptThatTimesOutIsTriedAgain)
{
    std::atomic<int> left{1};
    HttpStub stub(
        [&](const StubRequest& seen) { return left-- > 0 ? StubAnswer{.black_hole = true} : openai_answer(seen); });
    EmbeddingConfig config = config_for(stub);
    config.attempt_timeout = std::chrono::milliseconds(100);
    config.max_retries = 1;
    OpenAIEmbeddingProvider provider(config);
    EXPECT_EQ(run(provider.embed({"a"})).size(), 1U);
}

TEST(OpenAIEmbedding, RetryAfterIsHonouredAndBounded)
{
    std::atomic<int> left{1};
    HttpStub stub([&](const StubRequest& seen) {
        return left-- > 0 ? StubAnswer{.status = 429, .headers = {{"Retry-After", "1"}}} : openai_answer(seen);
    });
    EmbeddingConfig config = config_for(stub);
    config.max_retries = 1;
    OpenAIEmbeddingProvider provider(config);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(run(provider.embed({"a"})).size(), 1U);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
    left = 1;
    EXPECT_STORAGE_ERROR(run(provider.embed({"a"}, OperationContext::within(std::chrono::milliseconds(500)))),
                         resource_exhausted); // it would be too late
    HttpStub patient(StubAnswer{.status = 429, .headers = {{"Retry-After", "3600"}}});
    config.url = patient.url("/v1");
    OpenAIEmbeddingProvider waiting(config);
    const StorageError error = error_of([&] { run(waiting.embed({"a"})); });
    EXPECT_NE(error.message().find("3600 s"), std::string::npos) << error.message();
    EXPECT_EQ(patient.requests().size(), 1U);
}

TEST(OpenAIEmbedding, DeadlineAndCancellationEndEveryBatch)
{
    HttpStub stub(StubAnswer{.black_hole = true});
    EmbeddingConfig config = config_for(stub);
    config.batch_size = 1;
    config.requests_in_flight = 4;
    config.max_retries = 5;
    OpenAIEmbeddingProvider provider(config);
    EXPECT_STORAGE_ERROR(run(provider.embed(texts_of(20), OperationContext::within(std::chrono::milliseconds(50)))),
                         timeout);
    Cancellable<std::vector<std::vector<float>>> call(provider.embed(texts_of(20)));
    ASSERT_TRUE(eventually([&] { return stub.requests().size() >= 8; }));
    call.cancel();
    const StorageError error = error_of([&] { call.get(); });
    EXPECT_EQ(error.errc(), StorageErrc::cancelled);
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
}

TEST(OpenAIEmbedding, CancellationEndsAPause)
{
    HttpStub stub(StubAnswer{.status = 429, .headers = {{"Retry-After", "50"}}});
    EmbeddingConfig config = config_for(stub);
    config.max_retries = 5;
    OpenAIEmbeddingProvider provider(config);
    Cancellable<std::vector<std::vector<float>>> call(provider.embed({"a"}));
    ASSERT_TRUE(eventually([&] { return !stub.requests().empty(); }));
    call.cancel();
    EXPECT_STORAGE_ERROR(call.get(), cancelled);
}

TEST(OpenAIEmbedding, OneFailedBatchFailsTheCallAndStopsTheOthers)
{
    HttpStub stub([](const StubRequest& seen) {
        return seen.body.find("text number 1 ") != std::string::npos ? StubAnswer{.status = 400, .body = "bad text"}
                                                                     : StubAnswer{.black_hole = true};
    });
    EmbeddingConfig config = config_for(stub);
    config.batch_size = 1;
    OpenAIEmbeddingProvider provider(config);
    const StorageError error = error_of([&] { run(provider.embed(texts_of(10))); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("bad text"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return stub.open() <= 1; })); // the refused one's is clean
}

TEST(OpenAIEmbedding, WrongTextsAreNamedAndNotSent)
{
    HttpStub stub(openai_answer);
    OpenAIEmbeddingProvider provider(config_for(stub));
    for (const std::string& text : {std::string(), std::string("\xFF"), std::string("a\0b", 3)}) {
        const StorageError error = error_of([&] { run(provider.embed({"good", text})); });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
        EXPECT_NE(error.message().find("text 2"), std::string::npos);
    }
    EXPECT_TRUE(stub.requests().empty());
}

TEST(OpenAIEmbedding, WrongConfigurationsAreRefused)
{
    HttpStub stub(openai_answer);
    const EmbeddingConfig good = config_for(stub);
    const auto refuses = [&](auto change) {
        EmbeddingConfig config = good;
        config.api_key = "sk-secret";
        change(config);
        const StorageError error = error_of([&] { OpenAIEmbeddingProvider{config}; });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << error.what();
        EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
    };
    refuses([](EmbeddingConfig& config) { config.url.clear(); });
    refuses([](EmbeddingConfig& config) { config.url = "localhost:11434/v1"; });
    refuses([](EmbeddingConfig& config) { config.url += "/embeddings/"; });
    refuses([](EmbeddingConfig& config) { config.url = "http://user:secret@host/v1"; });
    refuses([](EmbeddingConfig& config) { config.model.clear(); });
    refuses([](EmbeddingConfig& config) { config.dimension = 0; });
    refuses([](EmbeddingConfig& config) { config.batch_size = 0; });
    refuses([](EmbeddingConfig& config) { config.batch_size = 2049; });
    refuses([](EmbeddingConfig& config) { config.requests_in_flight = 0; });
    refuses([](EmbeddingConfig& config) { config.encoding_format = "int8"; });
    refuses([](EmbeddingConfig& config) { config.max_retries = -1; });
    refuses([](EmbeddingConfig& config) { config.api_key = "secret\n"; });
    refuses([](EmbeddingConfig& config) {
        config.url = "https://host/v1";
        config.tls.ca_file = "/nowhere/ca.pem";
    });
}

TEST(OpenAIEmbedding, ConnectionsThatBreakAnywhereGiveVectorsOrAnError)
{
    HttpStub stub(openai_answer);
    ChaosProxy proxy(stub.port());
    EmbeddingConfig config = config_for(stub);
    config.url = "http://127.0.0.1:" + std::to_string(proxy.port()) + "/v1";
    const std::vector<std::string> texts = texts_of(2);
    {
        OpenAIEmbeddingProvider provider(config);
        expect_vectors_of(texts, run(provider.embed(texts)));
    }
    const std::uint64_t whole = proxy.answer_bytes();
    for (std::uint64_t at = 0; at < whole; at += 3) {
        proxy.set_rule(ChaosRule{.cut_answer_at = at, .cut = ChaosRule::Cut::reset});
        OpenAIEmbeddingProvider provider(config);
        const StorageError error = error_of([&] { run(provider.embed(texts)); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable);
        EXPECT_TRUE(error.retryable());
        EXPECT_EQ(error.outcome(), Outcome::not_applied);
    }
}

} // namespace whisperstore::test

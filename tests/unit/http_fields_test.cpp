// What HTTP's texts mean: URLs, headers, statuses.

#include "protocol/http/base_url.hpp"
#include "protocol/http/header_fields.hpp"
#include "protocol/http/request_head.hpp"
#include "protocol/http/status.hpp"
#include "support/run.hpp"

namespace whisperstore::test {

using namespace whisperstore::http;

TEST(HttpBaseUrl, IsReadInItsParts)
{
    const BaseUrl url = parse_base_url("https://user:p%40ss@one:8443,[::1]/v1/", "the URL");
    EXPECT_TRUE(url.tls);
    EXPECT_EQ(url.nodes, (std::vector<HostPort>{{"one", 8443}, {"::1", 443}}));
    EXPECT_EQ(url.path, "/v1");
    EXPECT_EQ(url.credentials, "user:p@ss");
    EXPECT_EQ(parse_base_url("http://host", "the URL").nodes.front().port, 80);
    EXPECT_EQ(parse_base_url("http://host/a%20b", "the URL").path, "/a%20b");
}

TEST(HttpBaseUrl, IsRefusedWithoutBeingRepeated)
{
    for (const char* text : {"", "host:80", "ftp://secret@host", "http://", "http://host/v1?key=secret", "http:///path",
                             "http://host:0/secret"}) {
        const StorageError error = error_of([&] { parse_base_url(text, "QDRANT_URL"); });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << text;
        EXPECT_EQ(error.message().find("secret"), std::string::npos) << error.message();
        EXPECT_NE(error.message().find("QDRANT_URL"), std::string::npos) << error.message();
    }
}

TEST(HttpBaseUrl, HostFieldLeavesDefaultPortsAndZonesOut)
{
    EXPECT_EQ(host_field({"host", 80}, false), "host");
    EXPECT_EQ(host_field({"host", 80}, true), "host:80");
    EXPECT_EQ(host_field({"::1", 443}, true), "[::1]");
    EXPECT_EQ(host_field({"fe80::1%eth0", 6333}, false), "[fe80::1]:6333");
}

TEST(HttpHeaders, AreFoundInAnyCase)
{
    const Headers headers = {{"content-type", "text/plain"}, {"X", "1"}};
    EXPECT_EQ(find(headers, "Content-Type"), "text/plain");
    EXPECT_EQ(find(headers, "missing"), std::nullopt);
}

TEST(HttpHeaders, ThatWouldSplitTheMessageAreRefused)
{
    const std::vector<Header> wrong = {{"", "x"},
                                       {"a b", "x"},
                                       {"a:", "x"},
                                       {"a", "x\r\nb: c"},
                                       {"a", "x\n"},
                                       {"a\r\n", "x"},
                                       {"a", std::string(1, '\0')},
                                       {"a", "\x7F"}};
    for (const Header& header : wrong)
        EXPECT_STORAGE_ERROR(check_header(header), invalid_argument);
    EXPECT_NO_THROW(check_header({"api-key", "a\tb \xC3\xA9"}));
    const StorageError error = error_of([] { check_header({"api-key", "secret\n"}); });
    EXPECT_EQ(error.message().find("secret"), std::string::npos);
}

TEST(HttpRequest, IsRefusedWhereItCannotBeSent)
{
    const auto request = [](std::string method, std::string target, Headers headers = {}) {
        Request out;
        out.method = std::move(method);
        out.target = std::move(target);
        out.headers = std::move(headers);
        return out;
    };
    for (const char* target : {"", "x", "/a b", "/a\r\n", "/\xC3\xA9"})
        EXPECT_STORAGE_ERROR(check_request(request("GET", target)), invalid_argument);
    for (const char* method : {"", "GE T", "CONNECT"})
        EXPECT_STORAGE_ERROR(check_request(request(method, "/")), invalid_argument);
    for (const char* name : {"host", "Content-Length", "transfer-encoding", "Connection"})
        EXPECT_STORAGE_ERROR(check_request(request("GET", "/", {{name, "1"}})), invalid_argument);
    Request both = request("POST", "/");
    both.body = "x";
    both.open_body = [] { return BodySource(); };
    EXPECT_STORAGE_ERROR(check_request(both), invalid_argument);
}

TEST(HttpRequest, HeadIsWrittenAsItShouldBe)
{
    Request request;
    request.method = "POST";
    request.target = "/points?wait=true";
    request.headers = {{"X-Own", "1"}, {"api-key", "own"}};
    const RequestFrame frame{"host:6333", "/base", {{"api-key", "shared"}, {"User", "u"}}, true};
    EXPECT_EQ(request_head(request, frame, 12), "POST /base/points?wait=true HTTP/1.1\r\nHost: host:6333\r\nUser: u\r\n"
                                                "X-Own: 1\r\napi-key: own\r\nAccept-Encoding: gzip\r\n"
                                                "Content-Length: 12\r\n\r\n");
    EXPECT_NE(request_head(request, frame, std::nullopt).find("Transfer-Encoding: chunked\r\n"), std::string::npos);
    Request get;
    EXPECT_EQ(request_head(get, RequestFrame{"h", "", {}, false}, 0), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    get.method = "PUT";
    EXPECT_EQ(request_head(get, RequestFrame{"h", "", {}, false}, 0),
              "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(chunk(std::string(26, 'x')), "1a\r\n" + std::string(26, 'x') + "\r\n");
}

TEST(HttpRetryAfter, IsSecondsOrADate)
{
    using std::chrono::seconds;
    const auto now = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
    ASSERT_TRUE(now);
    EXPECT_EQ(std::chrono::duration_cast<seconds>(now->time_since_epoch()).count(), 784111777);
    const std::vector<std::pair<std::string, std::optional<seconds>>> cases = {
        {"0", seconds(0)},
        {" 120 ", seconds(120)},
        {"99999999999999999999", std::chrono::hours(366 * 24)},
        {"Sun, 06 Nov 1994 08:49:39 GMT", seconds(2)},
        {"Sun, 06 Nov 1994 08:00:00 GMT", seconds(0)},
        {"Sun, 32 Nov 1994 08:49:39 GMT", std::nullopt},
        {"Sun, 06 Nix 1994 08:49:39 GMT", std::nullopt},
        {"Sun, 06 Nov 1994 25:49:39 GMT", std::nullopt},
        {"-1", std::nullopt},
        {"1.5", std::nullopt},
        {"soon", std::nullopt},
        {"", std::nullopt},
    };
    for (const auto& [text, expected] : cases)
        EXPECT_EQ(parse_retry_after(text, *now), expected) << text;
}

TEST(HttpContentCoding, OfAnAnswer)
{
    const auto coding = [](std::string value) { return content_coding({{"content-encoding", std::move(value)}}); };
    EXPECT_EQ(content_coding({}), ContentCoding::identity);
    EXPECT_EQ(coding("identity"), ContentCoding::identity);
    EXPECT_EQ(coding(" GZIP"), ContentCoding::gzip);
    EXPECT_EQ(coding("x-gzip"), ContentCoding::gzip);
    EXPECT_EQ(coding("br"), ContentCoding::other);
    EXPECT_EQ(coding("gzip, gzip"), ContentCoding::other);
}

namespace {

struct StatusCase
{
    int status;
    StorageErrc code;
    bool retryable;
    Outcome of_write;
};

} // namespace

TEST(HttpStatus, HasOneMeaning)
{
    using enum StorageErrc;
    const std::vector<StatusCase> cases = {
        {301, unsupported, false, Outcome::not_applied},
        {400, invalid_argument, false, Outcome::not_applied},
        {401, authentication, false, Outcome::not_applied},
        {403, permission, false, Outcome::not_applied},
        {404, not_found, false, Outcome::not_applied},
        {408, timeout, true, Outcome::unknown},
        {409, already_exists, false, Outcome::not_applied},
        {412, conflict, false, Outcome::not_applied},
        {413, invalid_argument, false, Outcome::not_applied},
        {422, invalid_argument, false, Outcome::not_applied},
        {429, resource_exhausted, true, Outcome::not_applied},
        {500, unavailable, false, Outcome::unknown},
        {501, unsupported, false, Outcome::not_applied},
        {502, unavailable, true, Outcome::unknown},
        {503, unavailable, true, Outcome::unknown},
        {504, timeout, true, Outcome::unknown},
        {507, resource_exhausted, false, Outcome::unknown},
        {599, unavailable, false, Outcome::unknown},
        {418, invalid_argument, false, Outcome::not_applied},
    };
    for (const StatusCase& one : cases) {
        Response response;
        response.status = one.status;
        const StorageError write = status_error(response, Effect::repeatable_write, "PUT /x");
        const StorageError read = status_error(response, Effect::read, "GET /x");
        EXPECT_EQ(write.errc(), one.code) << one.status;
        EXPECT_EQ(write.retryable(), one.retryable) << one.status;
        EXPECT_EQ(write.outcome(), one.of_write) << one.status;
        EXPECT_EQ(read.outcome(), Outcome::not_applied) << one.status;
        EXPECT_EQ(write.native_code(), std::to_string(one.status));
    }
}

TEST(HttpStatus, MessageSaysWhatTheServerSays)
{
    Response response{429, {{"retry-after", "7"}}, R"({"error":{"message":"Rate limit reached","type":"x"}})"};
    EXPECT_EQ(
        status_error(response, Effect::read, "POST /v1/embeddings").message(),
        "POST /v1/embeddings was answered with 429 Too Many Requests: Rate limit reached; the server asks to wait "
        "7 s");
}

TEST(HttpErrorExcerpt, IsTheServersSentence)
{
    const std::vector<std::pair<std::string, std::string>> cases = {
        {R"({"error":"model 'x' not found"})", "model 'x' not found"},
        {R"({"error":{"message":"m","code":404}})", "m"},
        {R"({"object":"error","message":"The model does not exist.","code":404})", "The model does not exist."},
        {R"({"status":{"error":"Wrong input: Vector dimension error"},"time":0.1})",
         "Wrong input: Vector dimension error"},
        {R"({"detail":"Not Found"})", "Not Found"},
        {R"({"detail":[{"loc":["body"],"msg":"field required"}]})", "field required"},
        {R"({"error":"ChromaError","message":"detail"})", "ChromaError"},
        {R"({"other":1})", R"({"other":1})"},
        {"plain\r\n  text\t\x1B[31m", "plain text [31m"},
        {"", ""},
        {"bad \xFF\xC3 utf-8 \xC2\x85 x", "bad ?? utf-8 x"},
        {"a\xE2\x80\xAE b", "a b"},
        {std::string(1, '\0') + "x", "x"},
    };
    for (const auto& [body, expected] : cases)
        EXPECT_EQ(error_excerpt(body), expected) << body;
    const std::string long_text = error_excerpt(std::string(1000, 'x'));
    EXPECT_EQ(long_text, std::string(300, 'x') + "…");
    EXPECT_EQ(error_excerpt(std::string(300, 'x')), std::string(300, 'x'));
}

} // namespace whisperstore::test

// Answers read from bytes: whole, in pieces, broken.

#include "protocol/http/failure.hpp"
#include "protocol/http/inflater.hpp"
#include "protocol/http/response_reader.hpp"
#include "servers/http_stub.hpp"

#include <gtest/gtest.h>

#include <random>

namespace whisperstore::test {

using namespace whisperstore::http;

namespace {

struct Parsed
{
    int status = 0;
    std::string body;
    std::size_t unread = 0;
    bool done = false;
    bool keep_alive = false;
};

/// Reads in pieces of at most `piece` bytes, as a connection would bring them.
Parsed parse(const std::string& bytes, std::size_t piece, bool at_end = true, bool head_request = false)
{
    ResponseReader reader(head_request);
    Parsed out;
    std::string input;
    for (std::size_t at = 0; at < bytes.size() && !reader.done(); at += piece) {
        input += bytes.substr(at, piece);
        input.erase(0, reader.feed(input, out.body));
        out.unread = bytes.size() - std::min(bytes.size(), at + piece);
    }
    if (at_end)
        reader.finish(true);
    out.unread += input.size();
    out.done = reader.done();
    out.keep_alive = reader.keep_alive();
    out.status = reader.head_done() ? reader.head().status : 0;
    return out;
}

FailureKind failure_of(const std::string& bytes, std::size_t piece = 1'000'000)
{
    try {
        parse(bytes, piece);
    } catch (const Failure& failure) {
        EXPECT_FALSE(failure.text.empty());
        return failure.kind;
    }
    ADD_FAILURE() << "it was read: " << bytes;
    return FailureKind::cancelled;
}

} // namespace

TEST(HttpResponseReader, ReadsAnswersInPiecesOfAnySize)
{
    const std::string body = "hello, world; hello again";
    for (const StubAnswer& answer :
         {StubAnswer{.body = body}, StubAnswer{.body = body, .chunked = true},
          StubAnswer{.body = body, .until_close = true}, StubAnswer{.status = 404, .body = body},
          StubAnswer{.body = "", .headers = {{"X", "y"}}}, StubAnswer{.body = "", .chunked = true}}) {
        const std::string bytes = render(answer);
        for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
            const Parsed parsed = parse(bytes, piece);
            ASSERT_TRUE(parsed.done) << piece;
            EXPECT_EQ(parsed.status, answer.status);
            EXPECT_EQ(parsed.body, answer.body);
            EXPECT_EQ(parsed.keep_alive, !answer.until_close);
        }
    }
}

TEST(HttpResponseReader, PassesInterimAnswersOver)
{
    const std::string bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
                              render(StubAnswer{.body = "final"});
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece)
        EXPECT_EQ(parse(bytes, piece).body, "final");
    EXPECT_EQ(failure_of("HTTP/1.1 101 Switching Protocols\r\n\r\n"), FailureKind::malformed);
    std::string many;
    for (int i = 0; i < 100; ++i)
        many += "HTTP/1.1 100 Continue\r\n\r\n";
    EXPECT_EQ(failure_of(many), FailureKind::malformed);
}

TEST(HttpResponseReader, LeavesWhatFollowsUnread)
{
    EXPECT_EQ(parse(render(StubAnswer{.body = "x"}) + "HTTP/1.1", 1'000).unread, 8U);
}

TEST(HttpResponseReader, AnswersWithoutBody)
{
    EXPECT_TRUE(parse(render(StubAnswer{.body = "not sent"}, true), 1000, false, true).done);
    EXPECT_TRUE(parse("HTTP/1.1 204 No Content\r\n\r\n", 1000, false).done);
    EXPECT_TRUE(parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 1000, false).done);
}

TEST(HttpResponseReader, EveryTruncationIsSeen)
{
    for (const StubAnswer& answer :
         {StubAnswer{.body = "hello"}, StubAnswer{.body = "hello, world", .chunked = true}}) {
        const std::string bytes = render(answer);
        for (std::size_t size = 0; size < bytes.size(); ++size)
            EXPECT_EQ(failure_of(bytes.substr(0, size), 3), FailureKind::lost) << size;
    }
    ResponseReader reader(false);
    std::string body;
    reader.feed(render(StubAnswer{.body = "x", .until_close = true}), body);
    EXPECT_THROW(reader.finish(false), Failure); // TLS that was cut off
}

TEST(HttpResponseReader, RefusesWhatIsNoHttp)
{
    for (const char* bytes :
         {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
          "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "\x16\x03\x01\x02garbage garbage"})
        EXPECT_EQ(failure_of(bytes), FailureKind::malformed) << bytes;
    EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\nX: " + std::string(2 * largest_head, 'x'), 4096), FailureKind::malformed);
}

TEST(HttpInflater, InflatesInPiecesOfAnySizeIntoLittleRoom)
{
    std::string text;
    for (int i = 0; i < 500; ++i)
        text += "line " + std::to_string(i) + "\n";
    const std::string packed = gzip(text) + gzip("and a second member");
    for (const std::size_t piece : {std::size_t(1), std::size_t(7), packed.size()}) {
        Inflater inflater;
        std::string out;
        for (std::size_t at = 0; at < packed.size(); at += piece) {
            const std::string bytes = packed.substr(at, piece); // a copy of exactly its size
            std::string_view input = bytes;
            std::size_t before = 0;
            do {
                before = out.size();
                inflater.run(input, out, 100);
                ASSERT_LE(out.size() - before, 100U);
            } while (!input.empty() || out.size() - before == 100);
        }
        EXPECT_EQ(out, text + "and a second member");
        EXPECT_TRUE(inflater.at_end());
    }
}

TEST(HttpInflater, SeesDamage)
{
    const std::string packed = gzip("hello, hello, hello, hello");
    for (std::size_t size = 1; size < packed.size(); ++size) {
        Inflater inflater;
        std::string out;
        std::string_view input(packed.data(), size);
        inflater.run(input, out, 1000);
        EXPECT_FALSE(inflater.at_end()) << size;
    }
    for (const std::size_t at : {std::size_t(0), std::size_t(2), packed.size() - 5, packed.size() - 1}) {
        std::string broken = packed;
        broken[at] = static_cast<char>(broken[at] ^ 1);
        Inflater inflater;
        std::string out;
        std::string_view input = broken;
        EXPECT_THROW(inflater.run(input, out, 1000), Failure) << at;
    }
    Inflater inflater;
    std::string out;
    const std::string trailing = packed + "trailing text";
    std::string_view input = trailing;
    EXPECT_THROW(inflater.run(input, out, 1000), Failure);
}

} // namespace whisperstore::test

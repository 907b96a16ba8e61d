// Answers of HTTP servers: head, body, gzip, and what their errors say. The first byte tells the size of the pieces.

#include "core/text.hpp"
#include "fuzz/fuzz_target.hpp"
#include "protocol/http/failure.hpp"
#include "protocol/http/header_fields.hpp"
#include "protocol/http/inflater.hpp"
#include "protocol/http/response_reader.hpp"
#include "protocol/http/status.hpp"

#include <algorithm>
#include <optional>

namespace whisperstore::fuzz {

namespace {

struct Read
{
    http::Response response;
    bool head = false;
    bool done = false;
    bool failed = false;
};

Read read(std::string_view bytes, std::size_t piece)
{
    Read out;
    http::ResponseReader reader(false);
    std::string input;
    std::string body;
    try {
        for (std::size_t at = 0; at < bytes.size() && !reader.done(); at += piece) {
            input.append(bytes.substr(at, piece));
            const std::size_t used = reader.feed(input, body);
            require(used <= input.size(), "no more is used than given");
            input.erase(0, used);
        }
        if (!reader.done())
            reader.finish(true);
    } catch (const http::Failure& failure) {
        require(!failure.text.empty(), "a failure says what is wrong");
        out.failed = true;
    }
    out.head = reader.head_done();
    out.done = reader.done();
    if (out.head)
        out.response = reader.head();
    out.response.body = std::move(body);
    return out;
}

/// What it holds, with little room at a time; nothing where it is no gzip. Stops beyond 1 MiB.
std::optional<std::string> inflate(std::string_view packed, std::size_t piece)
{
    http::Inflater inflater;
    std::string out;
    constexpr std::size_t room = 512;
    constexpr std::size_t most = std::size_t(1) << 20U;
    try {
        for (std::size_t at = 0; at < packed.size() && out.size() < most; at += piece) {
            std::string_view input = packed.substr(at, piece);
            for (std::size_t got = room; (got == room || !input.empty()) && out.size() < most;) {
                const std::size_t before = out.size();
                inflater.run(input, out, room);
                got = out.size() - before;
                require(got <= room, "no more is inflated than there is room for");
            }
        }
    } catch (const http::Failure&) {
        return std::nullopt;
    }
    return out;
}

void check_words(std::string_view body)
{
    const std::string words = http::error_excerpt(body);
    require(text::is_valid_utf8(words), "an excerpt is UTF-8");
    require(words.size() <= 4 * http::longest_excerpt + 3, "an excerpt is short");
    require(std::none_of(words.begin(), words.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }),
            "an excerpt is one line");
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    if (size == 0)
        return 0;
    const std::size_t piece = std::max<std::size_t>(1, data[0]);
    const std::string_view bytes = fuzz::as_text(data + 1, size - 1);
    const fuzz::Read whole = fuzz::read(bytes, bytes.size() + 1);
    const fuzz::Read pieces = fuzz::read(bytes, piece);
    fuzz::require(whole.failed == pieces.failed && whole.done == pieces.done, "pieces and whole end alike");
    if (whole.done && !whole.failed)
        fuzz::require(whole.response.body == pieces.response.body && whole.response.status == pieces.response.status,
                      "pieces and whole are read alike");
    if (whole.head) {
        static_cast<void>(http::content_coding(whole.response.headers));
        static_cast<void>(http::retry_after(whole.response));
        fuzz::require(!http::status_error(whole.response, http::Effect::write, "GET /").message().empty(),
                      "an error says what is wrong");
    }
    for (const std::string_view packed : {bytes, std::string_view(whole.response.body)})
        fuzz::require(fuzz::inflate(packed, packed.size() + 1) == fuzz::inflate(packed, piece),
                      "gzip in pieces is as whole");
    fuzz::check_words(bytes);
    fuzz::check_words(whole.response.body);
    return 0;
}

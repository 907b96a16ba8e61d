#pragma once
// Requests and answers of HTTP/1.1 as plain values.

#include <whisperstore/core/async.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::http {

struct Header
{
    std::string name;
    std::string value;
};
using Headers = std::vector<Header>;

/// The value of the first header of that name (in any case).
std::optional<std::string_view> find(const Headers& headers, std::string_view name) noexcept;

/// What a request does to the server: whether it may be sent again, and what is known when its answer is missing.
enum class Effect : std::uint8_t
{
    read,             ///< changes nothing (a search by POST, too): may be sent again, a failure is "not applied"
    repeatable_write, ///< twice is as good as once (an upsert): may be sent again, a failure may have happened
    write,            ///< never sent again once a byte of it was written
};

/// A body that is made while it is sent.
struct BodySource
{
    std::optional<std::uint64_t> size; ///< bytes in all; nothing: sent in chunks
    /// The next piece; empty: the end. Runs on the call's strand, one at a time.
    std::function<awaitable<std::string>()> next;
};

struct Request
{
    std::string method = "GET";
    std::string target = "/"; ///< path and query as they are sent, after the client's base path; percent-encoded
    Headers headers = {};     ///< beside those the client adds (Host, lengths, Accept-Encoding, its own headers)
    std::string body = {};
    /// In the place of `body`; called once for each time the request is sent.
    std::function<BodySource()> open_body = {};
    Effect effect = Effect::read;
    /// Bytes of the answer's decompressed body; nothing: the client's limit.
    std::optional<std::size_t> response_limit = std::nullopt;
    /// Of one attempt; nothing: the client's.
    std::optional<std::chrono::milliseconds> attempt_timeout = std::nullopt;
};

struct Response
{
    int status = 0;
    Headers headers = {};
    std::string body = {}; ///< decompressed
    bool ok() const noexcept { return status >= 200 && status < 300; }
};

/// Takes the body of an answer piece by piece, decompressed; the head is complete. Runs on the call's strand.
using BodySink = std::function<awaitable<void>(const Response& head, std::string_view piece)>;

} // namespace whisperstore::http

#pragma once
// Reads requests from bytes in any pieces, without I/O. Boost.Beast's parser does the reading.

#include "serve/refusal.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore::serve {

/// The head of a request, as far as it matters here.
struct RequestHead
{
    std::string method;        ///< "GET"
    std::string path;          ///< without the query
    std::string authority;     ///< of the Host header, or of a target in absolute form
    std::string authorization; ///< as it is; empty: none
    std::string last_event_id; ///< of Last-Event-ID
    bool keep_alive = false;
};

/// Holds at most `head_limit` bytes, and what came with the last of them.
class RequestReader
{
public:
    enum class State
    {
        incomplete, ///< wants more bytes
        complete,   ///< request() is there
        refused,    ///< refusal() says why; nothing more can be read
    };

    explicit RequestReader(std::size_t head_limit);
    ~RequestReader();
    RequestReader(const RequestReader&) = delete;
    RequestReader& operator=(const RequestReader&) = delete;

    State state() const noexcept { return state_; }
    State feed(std::string_view bytes);
    /// No more bytes will come: an unfinished request is refused.
    State finish();
    /// Goes on to what follows the request that is complete.
    State next();

    const RequestHead& request() const noexcept { return request_; }
    const Refusal& refusal() const noexcept { return refusal_; }
    /// Whether nothing of a request is there.
    bool is_empty() const noexcept { return state_ == State::incomplete && buffer_.empty(); }

private:
    class Parser;
    State parse();
    State take();
    State refuse(int status, std::string message);

    const std::size_t limit_;
    std::unique_ptr<Parser> parser_;
    std::string buffer_;
    State state_ = State::incomplete;
    RequestHead request_;
    Refusal refusal_;
};

} // namespace whisperstore::serve

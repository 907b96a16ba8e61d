#pragma once
// Reads an answer from bytes in any pieces, without I/O. Boost.Beast's parser does the reading.

#include "protocol/http/message.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::http {

/// One answer (RFC 9112). Interim answers (1xx) before it are passed over. Throws Failure malformed where the bytes are
/// no HTTP, and lost where they end too early; it cannot be used then.
class ResponseReader
{
public:
    /// \param head_request the answer has headers only, whatever they say of a body
    explicit ResponseReader(bool head_request);
    ~ResponseReader();
    ResponseReader(const ResponseReader&) = delete;
    ResponseReader& operator=(const ResponseReader&) = delete;

    /// Reads from the beginning of `input` and returns how many bytes it needs no more; the others are to be given
    /// again, with more behind them. What they hold of the body, without its framing, is appended to `body`.
    std::size_t feed(std::string_view input, std::string& body);
    /// The server sends no more. `clean` is false where it may have been cut off (TLS without its farewell).
    void finish(bool clean);

    bool head_done() const noexcept;
    bool done() const noexcept;
    /// Status and headers, when head_done().
    const Response& head() const noexcept;
    Response& head() noexcept;
    /// What the head says about the size of the body.
    std::optional<std::uint64_t> body_size() const;
    /// Whether the connection may carry another request, when done().
    bool keep_alive() const;

private:
    class Parser;
    std::unique_ptr<Parser> parser_;
    bool head_request_;
    int interim_ = 0;
};

/// Bytes of an answer's head, interim ones included one by one.
inline constexpr std::uint32_t largest_head = 64 * 1024;

} // namespace whisperstore::http

#pragma once
// The bytes of a request before and around its body.

#include "protocol/http/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::http {

/// What the client adds to every request.
struct RequestFrame
{
    std::string host;      ///< of the Host header: host[:port]
    std::string base_path; ///< "" or "/v1"
    Headers headers;       ///< of every request; a request's own header of the same name wins
    bool accept_gzip = true;
};

/// Throws StorageError invalid_argument for a method, target or header that must not be sent.
void check_request(const Request& request);

/// The request line and headers, with the empty line. `body_size` is nothing where the body is sent in chunks.
/// The request was checked.
std::string request_head(const Request& request, const RequestFrame& frame, std::optional<std::uint64_t> body_size);

/// A piece of a body, framed as a chunk (RFC 9112, section 7.1). The piece is not empty.
std::string chunk(std::string_view piece);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

} // namespace whisperstore::http

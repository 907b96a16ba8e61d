#pragma once
// Header fields: what may be sent, and how the values that matter are read (RFC 9110).

#include "protocol/http/message.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace whisperstore::http {

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// Whether the text is a token (RFC 9110, section 5.6.2): a method or a header's name.
bool is_token(std::string_view text) noexcept;

/// Throws StorageError invalid_argument for a name that is no token, or a value with line ends, NUL or other control
/// characters. The message names the header, never its value.
void check_header(const Header& header);
/// Throws StorageError invalid_argument unless the text can stand in a request line: it begins with '/' and has neither
/// spaces nor control characters.
void check_target(std::string_view target);

/// Retry-After (RFC 9110, section 10.2.3): seconds or an HTTP date, as seconds from `now`, at least 0. Nothing for
/// anything else.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::system_clock::time_point now) noexcept;

/// An HTTP date in its preferred form, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
std::optional<std::chrono::system_clock::time_point> parse_http_date(std::string_view text) noexcept;

/// How the body of an answer is packed.
enum class ContentCoding : std::uint8_t
{
    identity,
    gzip,
    other
};
ContentCoding content_coding(const Headers& headers) noexcept;

} // namespace whisperstore::http

#pragma once
// What a server's refusal means as a StorageError.

#include "protocol/http/message.hpp"

#include <whisperstore/core/error.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::http {

/// What a status says, whoever sent it. docs/http.md has the table.
struct StatusMeaning
{
    StorageErrc code = StorageErrc::unavailable;
    bool retryable = false;
    bool applied_unknown = false; ///< a write may have happened although it was answered so
};
StatusMeaning meaning_of(int status) noexcept;

/// Name of a status (RFC 9110, section 15), e.g. "Not Found"; empty for one without.
std::string_view status_name(int status) noexcept;

/// Characters of a server's own words that go into a message.
inline constexpr std::size_t longest_excerpt = 300;

/// What the body of a refusal says: of JSON the text of `error`, `error.message`, `message`, `status.error`, `detail`
/// or `detail[0].msg`; anything else as it is. One line of valid UTF-8, without control characters, at most
/// longest_excerpt characters.
std::string error_excerpt(std::string_view body);

/// The Retry-After header, at least 0 seconds.
std::optional<std::chrono::seconds> retry_after(const Response& response);

/// The error of an answer whose status is no success; native_code is the status.
/// \param what the call, e.g. "POST /v1/embeddings"
StorageError status_error(const Response& response, Effect effect, std::string_view what);

} // namespace whisperstore::http

#include "protocol/http/status.hpp"

#include "core/text.hpp"
#include "protocol/http/header_fields.hpp"

#include <whisperstore/core/json.hpp>

namespace whisperstore::http {

StatusMeaning meaning_of(int status) noexcept
{
    switch (status) {
    case 401:
    case 407:
        return {StorageErrc::authentication, false, false};
    case 403:
        return {StorageErrc::permission, false, false};
    case 404:
    case 410:
        return {StorageErrc::not_found, false, false};
    case 408:
        return {StorageErrc::timeout, true, true};
    case 409:
        return {StorageErrc::already_exists, false, false};
    case 412:
        return {StorageErrc::conflict, false, false};
    case 423:
        return {StorageErrc::unavailable, true, false};
    case 429:
        return {StorageErrc::resource_exhausted, true, false};
    case 500:
        return {StorageErrc::unavailable, false, true};
    case 501:
    case 505:
        return {StorageErrc::unsupported, false, false};
    case 502:
    case 503:
        return {StorageErrc::unavailable, true, true};
    case 504:
        return {StorageErrc::timeout, true, true};
    case 507:
        return {StorageErrc::resource_exhausted, false, true};
    default:
        break;
    }
    if (status >= 400 && status < 500)
        return {StorageErrc::invalid_argument, false, false};
    if (status >= 300 && status < 400)
        return {StorageErrc::unsupported, false, false};
    return {StorageErrc::unavailable, false, true};
}

std::string_view status_name(int status) noexcept
{
    switch (status) {
    case 301:
        return "Moved Permanently";
    case 302:
        return "Found";
    case 307:
        return "Temporary Redirect";
    case 308:
        return "Permanent Redirect";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 410:
        return "Gone";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 423:
        return "Locked";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 507:
        return "Insufficient Storage";
    default:
        return {};
    }
}

namespace {

/// Beyond this an error's body is taken as plain text.
constexpr std::size_t largest_error_document = 64 * 1024;

std::optional<std::string> text_of(const json::value* value)
{
    if (value && value->is_string() && !value->get_string().empty())
        return std::string(value->get_string());
    return std::nullopt;
}

const json::value* member(const json::value* value, std::string_view key)
{
    return value && value->is_object() ? value->get_object().if_contains(key) : nullptr;
}

/// The sentence in the documents of the servers we know: OpenAI, llama.cpp and newer vLLM write error.message, older
/// vLLM message, Ollama's own interface and Chroma error, Qdrant status.error, FastAPI detail.
std::optional<std::string> sentence(const json::value& document)
{
    const json::value* error = member(&document, "error");
    for (const json::value* place : {member(error, "message"), error, member(&document, "message"),
                                     member(member(&document, "status"), "error"), member(&document, "detail")})
        if (auto text = text_of(place))
            return text;
    const json::value* detail = member(&document, "detail");
    if (detail && detail->is_array() && !detail->get_array().empty())
        return text_of(member(&detail->get_array().front(), "msg"));
    return std::nullopt;
}

/// Bytes of the UTF-8 character at the beginning of the text; 0 where it is none.
std::size_t character_size(std::string_view text) noexcept
{
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
    return size > 0 && size <= text.size() && text::is_valid_utf8(text.substr(0, size)) ? size : 0;
}

bool is_control(std::string_view character) noexcept
{
    const auto first = static_cast<unsigned char>(character.front());
    if (character.size() == 1)
        return first < 0x20 || first == 0x7F;
    // C1 controls, and the separators and direction marks a terminal might obey.
    if (character.size() == 2)
        return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
    if (character.size() != 3 || first != 0xE2)
        return false;
    const auto second = static_cast<unsigned char>(character[1]);
    const auto third = static_cast<unsigned char>(character[2]);
    return (second == 0x80 && third >= 0xA8 && third <= 0xAE) || (second == 0x81 && third >= 0xA6 && third <= 0xA9);
}

/// One line of at most `most` characters; what is no text becomes a question mark.
std::string one_line(std::string_view text, std::size_t most)
{
    std::string out;
    bool gap = false;
    for (std::size_t count = 0; !text.empty();) {
        const std::size_t size = character_size(text);
        const std::string_view character = size == 0 ? std::string_view("?") : text.substr(0, size);
        text.remove_prefix(std::max<std::size_t>(size, 1));
        if (character == " " || is_control(character)) {
            gap = true;
            continue;
        }
        const bool spaced = gap && !out.empty();
        gap = false;
        if (count + (spaced ? 2 : 1) > most)
            return out.append("…");
        out.append(spaced ? " " : "").append(character);
        count += spaced ? 2 : 1;
    }
    return out;
}

} // namespace

std::string error_excerpt(std::string_view body)
{
    if (body.size() <= largest_error_document && body.find('{') != std::string_view::npos) {
        try {
            if (const auto text = sentence(parse_json(body, "error")))
                return one_line(*text, longest_excerpt);
        } catch (const StorageError&) {
            // Not JSON: shown as it is.
        }
    }
    return one_line(body.substr(0, largest_error_document), longest_excerpt);
}

std::optional<std::chrono::seconds> retry_after(const Response& response)
{
    const auto value = find(response.headers, "Retry-After");
    return value ? parse_retry_after(*value, std::chrono::system_clock::now()) : std::nullopt;
}

StorageError status_error(const Response& response, Effect effect, std::string_view what)
{
    const StatusMeaning meaning = meaning_of(response.status);
    std::string message = std::string(what) + " was answered with " + std::to_string(response.status);
    if (const std::string_view name = status_name(response.status); !name.empty())
        message.append(" ").append(name);
    if (response.status >= 300 && response.status < 400)
        message.append(" (redirects are not followed: set the address it should go to)");
    if (const std::string excerpt = error_excerpt(response.body); !excerpt.empty())
        message.append(": ").append(excerpt);
    if (const auto delay = retry_after(response))
        message.append("; the server asks to wait ").append(std::to_string(delay->count())).append(" s");
    ErrorDetails details;
    details.native_code = std::to_string(response.status);
    details.retryable = meaning.retryable;
    details.outcome = meaning.applied_unknown && effect != Effect::read ? Outcome::unknown : Outcome::not_applied;
    return StorageError(meaning.code, std::move(message), std::move(details));
}

} // namespace whisperstore::http

#include "protocol/http/request_head.hpp"

#include "protocol/http/header_fields.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace whisperstore::http {

namespace {

/// Headers that say how the message is framed: only the client may set them.
constexpr std::array<std::string_view, 6> own_headers = {"Host",       "Content-Length", "Transfer-Encoding",
                                                         "Connection", "Expect",         "Upgrade"};

void append(std::string& out, std::string_view name, std::string_view value)
{
    out.append(name).append(": ").append(value).append("\r\n");
}

bool has_body(const Request& request) noexcept
{
    return request.open_body || !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
           request.method == "PATCH";
}

} // namespace

void check_request(const Request& request)
{
    if (!is_token(request.method) || request.method == "CONNECT")
        throw StorageError(StorageErrc::invalid_argument,
                           "the method of an HTTP request is a name such as GET or POST");
    check_target(request.target);
    for (const Header& header : request.headers) {
        check_header(header);
        if (std::any_of(own_headers.begin(), own_headers.end(),
                        [&](std::string_view own) { return equal_ignoring_case(own, header.name); }))
            throw StorageError(StorageErrc::invalid_argument,
                               "the HTTP header " + header.name + " is set by the client itself");
    }
    if (request.open_body && !request.body.empty())
        throw StorageError(StorageErrc::invalid_argument, "an HTTP request has a body or a source of it, not both");
}

std::string request_head(const Request& request, const RequestFrame& frame, std::optional<std::uint64_t> body_size)
{
    std::string head;
    head.reserve(512);
    head.append(request.method).append(1, ' ').append(frame.base_path).append(request.target).append(" HTTP/1.1\r\n");
    append(head, "Host", frame.host);
    for (const Header& header : frame.headers)
        if (!find(request.headers, header.name))
            append(head, header.name, header.value);
    for (const Header& header : request.headers)
        append(head, header.name, header.value);
    if (frame.accept_gzip && !find(request.headers, "Accept-Encoding"))
        append(head, "Accept-Encoding", "gzip");
    if (!body_size)
        append(head, "Transfer-Encoding", "chunked");
    else if (has_body(request))
        append(head, "Content-Length", std::to_string(*body_size));
    head.append("\r\n");
    return head;
}

std::string chunk(std::string_view piece)
{
    std::array<char, 2 * sizeof(std::size_t)> digits{};
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16);
    std::string out;
    out.reserve(piece.size() + digits.size() + 4);
    out.append(digits.data(), written.ptr).append("\r\n").append(piece).append("\r\n");
    return out;
}

} // namespace whisperstore::http

#include "serve/answer.hpp"

#include "protocol/http/status.hpp"

#include <whisperstore/serve/monitoring_server.hpp>

#include <array>
#include <ctime>

namespace whisperstore::serve {

namespace {

/// RFC 9110, section 5.6.7.
std::string http_date(std::chrono::system_clock::time_point time)
{
    constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    const auto two = [](int number) {
        std::string digits = std::to_string(number);
        return digits.size() < 2 ? digits.insert(0, 1, '0') : digits;
    };
    std::string out = days[static_cast<std::size_t>(parts.tm_wday)];
    out.append(", ").append(two(parts.tm_mday)).append(" ").append(months[static_cast<std::size_t>(parts.tm_mon)]);
    out.append(" ").append(std::to_string(parts.tm_year + 1900)).append(" ").append(two(parts.tm_hour));
    return out.append(":").append(two(parts.tm_min)).append(":").append(two(parts.tm_sec)).append(" GMT");
}

// What is told here is for the one who asked: not for other sites, frames, caches, or guesses about its type.
constexpr std::string_view security_headers = "Cache-Control: no-store\r\n"
                                              "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
                                              "Cross-Origin-Resource-Policy: same-origin\r\n"
                                              "Referrer-Policy: no-referrer\r\n"
                                              "X-Content-Type-Options: nosniff\r\n"
                                              "X-Frame-Options: DENY\r\n";

std::string_view reason_of(int status)
{
    switch (status) { // those the client's table has no need of
    case 200:
        return "OK";
    case 421:
        return "Misdirected Request";
    case 431:
        return "Request Header Fields Too Large";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return http::status_name(status);
    }
}

} // namespace

Answer json_answer(int status, const json::value& document)
{
    Answer answer;
    answer.status = status;
    answer.body = std::make_shared<const std::string>(json::serialize(document) + "\n");
    return answer;
}

Answer refusal_answer(const Refusal& refusal)
{
    json::object error;
    error["status"] = refusal.status;
    error["message"] = refusal.message;
    json::object document;
    document["error"] = std::move(error);
    Answer answer = json_answer(refusal.status, document);
    if (refusal.status == 405)
        answer.allow = "GET, HEAD";
    answer.authenticate = refusal.status == 401;
    if (refusal.status == 429 || refusal.status == 503)
        answer.retry_after = 1;
    return answer;
}

Answer failure_answer(const StorageError& error)
{
    json::object details;
    details["status"] = 503;
    details["code"] = to_string(error.errc());
    details["message"] = error.what();
    json::object document;
    document["error"] = std::move(details);
    Answer answer = json_answer(503, document);
    answer.retry_after = 1;
    return answer;
}

Answer index_answer()
{
    std::string page =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>whisperstore</title></head>\n"
        "<body>\n<h1>whisperstore</h1>\n<ul>\n";
    for (const MonitoringRoute& route : monitoring_routes()) {
        page.append("<li><a href=\"").append(route.path).append("\">").append(route.path).append("</a> ");
        page.append(route.description).append("</li>\n");
    }
    page.append("</ul>\n</body>\n</html>\n");
    Answer answer;
    answer.content_type = html_type;
    answer.body = std::make_shared<const std::string>(std::move(page));
    return answer;
}

std::string answer_head(const Answer& answer, bool close, bool has_length, std::chrono::system_clock::time_point now)
{
    std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " ";
    head.append(reason_of(answer.status)).append("\r\nDate: ").append(http_date(now));
    head.append("\r\nContent-Type: ").append(answer.content_type).append("\r\n");
    if (has_length)
        head.append("Content-Length: ").append(std::to_string(answer.body ? answer.body->size() : 0)).append("\r\n");
    if (close)
        head.append("Connection: close\r\n");
    if (!answer.allow.empty())
        head.append("Allow: ").append(answer.allow).append("\r\n");
    if (answer.authenticate)
        head.append("WWW-Authenticate: Bearer realm=\"whisperstore\"\r\n");
    if (answer.retry_after > 0)
        head.append("Retry-After: ").append(std::to_string(answer.retry_after)).append("\r\n");
    return head.append(security_headers).append("\r\n");
}

} // namespace whisperstore::serve

#include "protocol/http/header_fields.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace whisperstore::http {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_control(char c) noexcept { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

std::string_view trimmed(std::string_view text) noexcept
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

/// A number of exactly the text's digits.
std::optional<int> number(std::string_view text) noexcept
{
    int value = 0;
    for (const char c : text) {
        if (!is_digit(c))
            return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

} // namespace

std::optional<std::string_view> find(const Headers& headers, std::string_view name) noexcept
{
    for (const Header& header : headers)
        if (equal_ignoring_case(header.name, name))
            return std::string_view(header.value);
    return std::nullopt;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view text) noexcept
{
    static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || marks.find(c) != std::string_view::npos;
    });
}

void check_header(const Header& header)
{
    if (!is_token(header.name))
        throw StorageError(StorageErrc::invalid_argument,
                           "the name of an HTTP header may hold letters, digits and !#$%&'*+-.^_`|~ only");
    if (std::any_of(header.value.begin(), header.value.end(), is_control))
        throw StorageError(StorageErrc::invalid_argument,
                           "the value of the HTTP header " + header.name + " holds a line end or control character");
}

void check_target(std::string_view target)
{
    const auto bad = [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F;
    };
    if (!target.starts_with('/') || std::any_of(target.begin(), target.end(), bad))
        throw StorageError(StorageErrc::invalid_argument,
                           "the target of an HTTP request begins with '/' and is percent-encoded ASCII");
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::system_clock::time_point now) noexcept
{
    const std::string_view text = trimmed(value);
    if (text.empty())
        return std::nullopt;
    if (std::all_of(text.begin(), text.end(), is_digit)) {
        constexpr std::int64_t longest = 366LL * 24 * 60 * 60;
        std::int64_t seconds = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
        return std::chrono::seconds(error == std::errc() ? std::min(seconds, longest) : longest);
    }
    const auto date = parse_http_date(text);
    if (!date)
        return std::nullopt;
    return std::max(std::chrono::seconds(0), std::chrono::ceil<std::chrono::seconds>(*date - now));
}

std::optional<std::chrono::system_clock::time_point> parse_http_date(std::string_view text) noexcept
{
    // Sun, 06 Nov 1994 08:49:37 GMT
    constexpr std::string_view form = "xxx, dd xxx dddd dd:dd:dd GMT";
    if (text.size() != form.size())
        return std::nullopt;
    for (std::size_t i = 0; i < form.size(); ++i)
        if (form[i] == 'd' ? !is_digit(text[i]) : form[i] != 'x' && form[i] != text[i])
            return std::nullopt;
    const auto month = std::find(month_names.begin(), month_names.end(), text.substr(8, 3));
    if (month == month_names.end())
        return std::nullopt;
    const auto day =
        std::chrono::year_month_day(std::chrono::year(*number(text.substr(12, 4))),
                                    std::chrono::month(static_cast<unsigned>(month - month_names.begin()) + 1),
                                    std::chrono::day(static_cast<unsigned>(*number(text.substr(5, 2)))));
    const int hour = *number(text.substr(17, 2));
    const int minute = *number(text.substr(20, 2));
    const int second = *number(text.substr(23, 2));
    if (!day.ok() || hour > 23 || minute > 59 || second > 60)
        return std::nullopt;
    return std::chrono::sys_days(day) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
}

ContentCoding content_coding(const Headers& headers) noexcept
{
    const std::string_view coding = trimmed(find(headers, "Content-Encoding").value_or(""));
    if (coding.empty() || equal_ignoring_case(coding, "identity"))
        return ContentCoding::identity;
    if (equal_ignoring_case(coding, "gzip") || equal_ignoring_case(coding, "x-gzip"))
        return ContentCoding::gzip;
    return ContentCoding::other;
}

} // namespace whisperstore::http

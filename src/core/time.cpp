#include <whisperstore/core/error.hpp>
#include <whisperstore/core/time.hpp>

#include <cstdio>

namespace whisperstore {

using namespace std::chrono;

Timestamp now() noexcept { return floor<microseconds>(system_clock::now()); }

namespace {

void put_digits(char*& out, unsigned value, int digits) noexcept
{
    for (int i = digits - 1; i >= 0; --i) {
        out[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    out += digits;
}

/// Reads exactly `digits` decimal digits at `at`; -1 when there are none.
int take_digits(std::string_view text, std::size_t& at, std::size_t digits) noexcept
{
    if (at + digits > text.size())
        return -1;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        const char c = text[at + i];
        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    at += digits;
    return value;
}

bool take(std::string_view text, std::size_t& at, std::string_view allowed) noexcept
{
    if (at >= text.size() || allowed.find(text[at]) == std::string_view::npos)
        return false;
    ++at;
    return true;
}

} // namespace

std::string format_timestamp(Timestamp time)
{
    const auto days_part = floor<days>(time);
    const year_month_day date{days_part};
    if (static_cast<int>(date.year()) < 0 || static_cast<int>(date.year()) > 9999)
        throw StorageError(StorageErrc::invalid_argument, "a timestamp must lie in the years 0000 to 9999");
    const hh_mm_ss clock{time - days_part};

    std::string text(27, '\0');
    char* out = text.data();
    put_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    *out++ = '-';
    put_digits(out, static_cast<unsigned>(date.month()), 2);
    *out++ = '-';
    put_digits(out, static_cast<unsigned>(date.day()), 2);
    *out++ = 'T';
    put_digits(out, static_cast<unsigned>(clock.hours().count()), 2);
    *out++ = ':';
    put_digits(out, static_cast<unsigned>(clock.minutes().count()), 2);
    *out++ = ':';
    put_digits(out, static_cast<unsigned>(clock.seconds().count()), 2);
    *out++ = '.';
    put_digits(out, static_cast<unsigned>(clock.subseconds().count()), 6);
    *out = 'Z';
    return text;
}

std::optional<Timestamp> try_parse_timestamp(std::string_view text) noexcept
{
    std::size_t at = 0;
    const int y = take_digits(text, at, 4);
    if (y < 0 || !take(text, at, "-"))
        return std::nullopt;
    const int mo = take_digits(text, at, 2);
    if (mo < 1 || mo > 12 || !take(text, at, "-"))
        return std::nullopt;
    const int d = take_digits(text, at, 2);
    const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d < 0 ? 0 : d)}};
    if (!date.ok() || !take(text, at, "Tt "))
        return std::nullopt;
    const int h = take_digits(text, at, 2);
    if (h < 0 || h > 23 || !take(text, at, ":"))
        return std::nullopt;
    const int mi = take_digits(text, at, 2);
    if (mi < 0 || mi > 59 || !take(text, at, ":"))
        return std::nullopt;
    const int s = take_digits(text, at, 2);
    if (s < 0 || s > 60)
        return std::nullopt;

    int micros = 0;
    if (take(text, at, ".")) {
        int digits = 0;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits)
            if (digits < 6)
                micros = micros * 10 + (text[at] - '0');
        if (digits == 0 || digits > 9)
            return std::nullopt;
        for (; digits < 6; ++digits)
            micros *= 10;
    }

    minutes offset{0};
    if (!take(text, at, "Zz")) {
        if (at >= text.size())
            return std::nullopt;
        const bool negative = text[at] == '-';
        if (!take(text, at, "+-"))
            return std::nullopt;
        const int oh = take_digits(text, at, 2);
        if (oh < 0 || oh > 23 || !take(text, at, ":"))
            return std::nullopt;
        const int om = take_digits(text, at, 2);
        if (om < 0 || om > 59)
            return std::nullopt;
        offset = hours{oh} + minutes{om};
        if (negative)
            offset = -offset;
    }
    if (at != text.size())
        return std::nullopt;

    const Timestamp time = sys_days{date} + hours{h} + minutes{mi} + seconds{s} + microseconds{micros} - offset;
    const year_month_day utc{floor<days>(time)};
    if (static_cast<int>(utc.year()) < 0 || static_cast<int>(utc.year()) > 9999)
        return std::nullopt;
    return time;
}

Timestamp parse_timestamp(std::string_view text)
{
    if (auto time = try_parse_timestamp(text))
        return *time;
    throw StorageError(StorageErrc::invalid_argument, "'" + std::string(text.substr(0, 64)) +
                                                          "' is not an RFC 3339 time such as 2026-01-31T09:05:00Z");
}

} // namespace whisperstore

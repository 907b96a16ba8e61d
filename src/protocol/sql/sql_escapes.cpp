#include "protocol/sql/sql_escapes.hpp"

#include <whisperstore/core/error.hpp>

#include <cstdint>

namespace whisperstore::sql {

namespace {

StorageError bad_escape(const std::string& message)
{
    return StorageError(StorageErrc::syntax, "an escape in an E'' string " + message);
}

unsigned digit_value(char c) noexcept
{
    if (c >= '0' && c <= '9')
        return static_cast<unsigned>(c - '0');
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a') + 10 : 99;
}

/// Reads digits from `at` on and leaves it behind them.
std::uint32_t take_digits(std::string_view body, std::size_t& at, unsigned base, std::size_t least, std::size_t most)
{
    std::uint32_t value = 0;
    std::size_t count = 0;
    for (; count < most && at < body.size() && digit_value(body[at]) < base; ++count, ++at)
        value = value * base + digit_value(body[at]);
    if (count < least)
        throw bad_escape("needs " + std::to_string(least) + " digits");
    return value;
}

void put_code_point(std::string& out, std::uint32_t point)
{
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        throw bad_escape("is not a Unicode code point");
    const auto tail = [&](int shift) { out.push_back(static_cast<char>(0x80U | ((point >> shift) & 0x3FU))); };
    if (point < 0x80) {
        out.push_back(static_cast<char>(point));
    } else if (point < 0x800) {
        out.push_back(static_cast<char>(0xC0U | (point >> 6)));
        tail(0);
    } else if (point < 0x10000) {
        out.push_back(static_cast<char>(0xE0U | (point >> 12)));
        tail(6);
        tail(0);
    } else {
        out.push_back(static_cast<char>(0xF0U | (point >> 18)));
        tail(12);
        tail(6);
        tail(0);
    }
}

/// Reads one escape, `at` being behind its backslash, and leaves `at` behind it.
void take_escape(std::string& out, std::string_view body, std::size_t& at)
{
    const char c = body[at++];
    switch (c) {
    case 'b':
        out.push_back('\b');
        return;
    case 'f':
        out.push_back('\f');
        return;
    case 'n':
        out.push_back('\n');
        return;
    case 'r':
        out.push_back('\r');
        return;
    case 't':
        out.push_back('\t');
        return;
    case 'u':
        put_code_point(out, take_digits(body, at, 16, 4, 4));
        return;
    case 'U':
        put_code_point(out, take_digits(body, at, 16, 8, 8));
        return;
    default:
        break;
    }
    if (c >= '0' && c <= '7') {
        --at;
        out.push_back(static_cast<char>(take_digits(body, at, 8, 1, 3)));
    } else if (c == 'x' && at < body.size() && digit_value(body[at]) < 16) {
        out.push_back(static_cast<char>(take_digits(body, at, 16, 1, 2)));
    } else {
        out.push_back(c);
    }
}

} // namespace

std::string unescape_string(std::string_view body)
{
    std::string out;
    out.reserve(body.size());
    for (std::size_t at = 0; at < body.size();) {
        const char c = body[at++];
        if (c == '\\' && at < body.size())
            take_escape(out, body, at);
        else
            out.push_back(c);
        if (c == '\'' && at < body.size() && body[at] == '\'')
            ++at; // doubled
    }
    return out;
}

} // namespace whisperstore::sql

#include "database/archive/copy_lines.hpp"

#include <sqlite3.h>

#include <array>
#include <charconv>
#include <cmath>

namespace whisperstore::archive {

namespace {

/// What follows the backslash; 0 for a character that stays as it is.
char escape_of(char c) noexcept
{
    switch (c) {
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\v':
        return 'v';
    default:
        return 0;
    }
}

template <typename Number>
void add_number(std::string& line, Number value)
{
    std::array<char, 32> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    line.append(digits.data(), error == std::errc() ? end : digits.data());
}

} // namespace

void add_copy_text(std::string& line, std::string_view text)
{
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char escape = escape_of(text[i]);
        if (escape == 0)
            continue;
        line.append(text, begin, i - begin).push_back('\\');
        line.push_back(escape);
        begin = i + 1;
    }
    line.append(text, begin);
}

void add_copy_real(std::string& line, double value)
{
    if (std::isinf(value))
        line += value < 0 ? "-Infinity" : "Infinity";
    else
        add_number(line, value);
}

void add_copy_blob(std::string& line, std::span<const std::byte> blob)
{
    constexpr std::string_view digits = "0123456789abcdef";
    line += "\\\\x"; // a backslash, escaped
    for (const std::byte byte : blob) {
        line.push_back(digits[std::to_integer<unsigned>(byte) >> 4U]);
        line.push_back(digits[std::to_integer<unsigned>(byte) & 15U]);
    }
}

void add_copy_line(std::string& line, const sqlite::Statement& row)
{
    const int columns = row.column_count();
    for (int i = 0; i < columns; ++i) {
        if (i > 0)
            line.push_back('\t');
        switch (sqlite3_column_type(row.handle(), i)) {
        case SQLITE_INTEGER:
            add_number(line, row.column_int(i));
            break;
        case SQLITE_FLOAT:
            add_copy_real(line, row.column_real(i));
            break;
        case SQLITE_TEXT:
            add_copy_text(line, row.column_text(i));
            break;
        case SQLITE_BLOB:
            add_copy_blob(line, row.column_blob(i));
            break;
        default:
            line += "\\N";
        }
    }
    line.push_back('\n');
}

} // namespace whisperstore::archive

#include "display/text_layout.hpp"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace whisperstore::cli {

namespace {

constexpr std::string_view ellipsis = "…";
constexpr std::string_view replacement = "\xEF\xBF\xBD"; // U+FFFD

/// Reads one code point and moves on; negative for a byte that is not UTF-8.
UChar32 next(std::string_view text, std::size_t& position) noexcept
{
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto size = static_cast<std::int32_t>(text.size());
    auto index = static_cast<std::int32_t>(position);
    UChar32 point = 0;
    U8_NEXT(bytes, index, size, point);
    position = static_cast<std::size_t>(index);
    return point;
}

bool is_control(UChar32 point) noexcept
{
    const auto type = u_charType(point);
    // Directional overrides (format characters too) could make a line read as something else.
    return type == U_CONTROL_CHAR || (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) ||
           type == U_LINE_SEPARATOR || type == U_PARAGRAPH_SEPARATOR;
}

std::size_t width_of(UChar32 point) noexcept
{
    if (point >= 0x20 && point < 0x7F)
        return 1;
    switch (u_charType(point)) {
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_FORMAT_CHAR:
    case U_CONTROL_CHAR:
        return 0;
    default:
        break;
    }
    const int east_asian = u_getIntPropertyValue(point, UCHAR_EAST_ASIAN_WIDTH);
    return east_asian == U_EA_WIDE || east_asian == U_EA_FULLWIDTH ? 2 : 1;
}

/// Bytes of the longest beginning that fits into `width` columns.
std::size_t bytes_within(std::string_view text, std::size_t width) noexcept
{
    std::size_t position = 0;
    std::size_t used = 0;
    while (position < text.size()) {
        std::size_t after = position;
        used += width_of(next(text, after));
        if (used > width)
            break;
        position = after;
    }
    return position;
}

} // namespace

std::size_t display_width(std::string_view text) noexcept
{
    std::size_t width = 0;
    for (std::size_t position = 0; position < text.size();)
        width += width_of(next(text, position));
    return width;
}

std::string one_line(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t position = 0; position < text.size();) {
        const std::size_t start = position;
        const UChar32 point = next(text, position);
        if (point < 0)
            out.append(replacement);
        else if (is_control(point))
            out.push_back(' ');
        else
            out.append(text.substr(start, position - start));
    }
    return out;
}

std::string fit(std::string_view text, std::size_t width)
{
    if (display_width(text) <= width)
        return std::string(text);
    if (width == 0)
        return {};
    std::string out(text.substr(0, bytes_within(text, width - 1)));
    while (out.ends_with(' '))
        out.pop_back();
    return out.append(ellipsis);
}

std::string pad_right(std::string_view text, std::size_t width)
{
    std::string out(text);
    const std::size_t used = display_width(text);
    return used < width ? out.append(width - used, ' ') : out;
}

std::string pad_left(std::string_view text, std::size_t width)
{
    const std::size_t used = display_width(text);
    return std::string(used < width ? width - used : 0, ' ').append(text);
}

std::vector<std::string> wrap(std::string_view text, std::size_t width)
{
    width = std::max<std::size_t>(width, 1);
    std::vector<std::string> lines(1);
    for (std::size_t position = 0; position < text.size();) {
        const std::size_t start = text.find_first_not_of(' ', position);
        if (start == std::string_view::npos)
            break;
        position = std::min(text.find(' ', start), text.size());
        std::string_view word = text.substr(start, position - start);
        const std::size_t used = display_width(lines.back());
        if (used > 0 && used + 1 + display_width(word) <= width) {
            lines.back().append(" ").append(word);
            continue;
        }
        if (used > 0)
            lines.emplace_back();
        while (display_width(word) > width) {
            const std::size_t cut = std::max<std::size_t>(bytes_within(word, width), 1);
            lines.back() = word.substr(0, cut);
            lines.emplace_back();
            word.remove_prefix(cut);
        }
        lines.back() = word;
    }
    return lines;
}

std::string repeat(std::string_view text, std::size_t count)
{
    std::string out;
    out.reserve(text.size() * count);
    for (std::size_t i = 0; i < count; ++i)
        out.append(text);
    return out;
}

std::string bar(double part, std::size_t width)
{
    static constexpr std::array<std::string_view, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const double columns = std::clamp(std::isfinite(part) ? part : 0.0, 0.0, 1.0) * static_cast<double>(width);
    const auto total = static_cast<std::size_t>(std::lround(columns * 8));
    return pad_right(repeat("█", total / 8).append(eighths[total % 8]), width);
}

std::string grouped(std::uint64_t number)
{
    const std::string digits = std::to_string(number);
    std::string out;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0)
            out.push_back(',');
        out.push_back(digits[i]);
    }
    return out;
}

std::string counted(std::uint64_t number, std::string_view noun)
{
    std::string out = grouped(number).append(" ").append(noun);
    if (number == 1)
        return out;
    if (out.ends_with('y')) // memory, reply, query
        return out.replace(out.size() - 1, 1, "ies");
    return out.append("s");
}

std::string file_size(std::uint64_t bytes)
{
    static constexpr std::array<std::string_view, 5> units = {"B", "kB", "MB", "GB", "TB"};
    auto size = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (size >= 999.5 && unit + 1 < units.size()) {
        size /= 1000;
        ++unit;
    }
    return fixed(size, unit == 0 || size >= 99.95 ? 0 : 1).append(" ").append(units[unit]);
}

std::string duration(double seconds)
{
    if (seconds < 0.0995)
        return fixed(seconds * 1000, seconds < 0.00995 ? 2 : 0).append(" ms");
    if (seconds < 99.95)
        return fixed(seconds, 1).append(" s");
    const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
    return std::to_string(whole / 60).append(" min ").append(std::to_string(whole % 60)).append(" s");
}

std::string fixed(double number, int digits)
{
    std::array<char, 64> buffer{};
    const int size = std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, number);
    return size > 0 && static_cast<std::size_t>(size) < buffer.size()
               ? std::string(buffer.data(), static_cast<std::size_t>(size))
               : std::string("?");
}

} // namespace whisperstore::cli

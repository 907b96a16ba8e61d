#include "database/postgresql/log_position.hpp"

#include <charconv>
#include <cstdio>

namespace whisperstore::postgresql {

namespace {

/// All of `text` as hexadecimal digits, one at least.
std::optional<std::uint32_t> parse_hex(std::string_view text) noexcept
{
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

} // namespace

std::optional<LogSequenceNumber> LogSequenceNumber::parse(std::string_view text) noexcept
{
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos)
        return std::nullopt;
    const auto high = parse_hex(text.substr(0, slash));
    const auto low = parse_hex(text.substr(slash + 1));
    if (!high || !low)
        return std::nullopt;
    return LogSequenceNumber{static_cast<std::uint64_t>(*high) << 32U | *low};
}

std::string LogSequenceNumber::to_string() const
{
    char text[32];
    std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(value >> 32U), static_cast<unsigned>(value));
    return text;
}

namespace {

std::uint64_t microseconds(std::chrono::steady_clock::time_point time) noexcept
{
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

} // namespace

LogPosition LogPosition::unknown_since(std::uint32_t timeline, std::chrono::steady_clock::time_point time) noexcept
{
    // Rounded up, so that nothing asked before it seems to come after it.
    return LogPosition{timeline, LogSequenceNumber{unknown_bit | (microseconds(time) + 1)}};
}

bool LogPosition::is_settled_by(std::chrono::steady_clock::time_point asked) const noexcept
{
    return is_unknown() && microseconds(asked) >= (lsn.value & ~unknown_bit);
}

std::optional<LogPosition> LogPosition::parse(std::string_view text) noexcept
{
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    const auto timeline = parse_hex(text.substr(0, colon));
    const auto lsn = LogSequenceNumber::parse(text.substr(colon + 1));
    if (!timeline || !lsn)
        return std::nullopt;
    return LogPosition{*timeline, *lsn};
}

std::string LogPosition::to_string() const
{
    char text[16];
    std::snprintf(text, sizeof text, "%08X:", timeline);
    return text + lsn.to_string();
}

std::string later_token(std::string_view token, const LogPosition& position)
{
    const auto known = LogPosition::parse(token);
    return known && *known >= position ? std::string(token) : position.to_string();
}

} // namespace whisperstore::postgresql

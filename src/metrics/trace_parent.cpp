#include "metrics/trace_parent.hpp"

namespace whisperstore::metrics {

namespace {

constexpr std::size_t length = 55;

/// Lower-case digits only, as the specification wants them.
bool read_hex(std::string_view digits, std::uint64_t& number) noexcept
{
    number = 0;
    for (const char c : digits) {
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        number = number << 4U | static_cast<std::uint64_t>(digit);
    }
    return true;
}

} // namespace

void append_hex(std::string& out, std::uint64_t number)
{
    constexpr std::string_view digits = "0123456789abcdef";
    for (int shift = 60; shift >= 0; shift -= 4)
        out.push_back(digits[number >> static_cast<unsigned>(shift) & 15U]);
}

std::string TraceParent::to_string() const
{
    std::string out;
    out.reserve(length);
    out.append("00-");
    append_hex(out, trace_high);
    append_hex(out, trace_low);
    out.push_back('-');
    append_hex(out, span);
    return out.append(sampled ? "-01" : "-00");
}

std::optional<TraceParent> parse_trace_parent(std::string_view text) noexcept
{
    if (text.size() < length || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return std::nullopt;
    TraceParent out;
    std::uint64_t version = 0;
    std::uint64_t flags = 0;
    if (!read_hex(text.substr(0, 2), version) || !read_hex(text.substr(3, 16), out.trace_high) ||
        !read_hex(text.substr(19, 16), out.trace_low) || !read_hex(text.substr(36, 16), out.span) ||
        !read_hex(text.substr(53, 2), flags))
        return std::nullopt;
    const bool is_longer = text.size() > length;
    if (version == 255 || (version == 0 && is_longer) || (is_longer && text[length] != '-'))
        return std::nullopt;
    if ((out.trace_high == 0 && out.trace_low == 0) || out.span == 0)
        return std::nullopt;
    out.sampled = (flags & 1U) != 0;
    return out;
}

} // namespace whisperstore::metrics

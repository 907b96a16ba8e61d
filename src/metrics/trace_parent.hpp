#pragma once
// The traceparent of W3C Trace Context, level 1.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::metrics {

struct TraceParent
{
    std::uint64_t trace_high = 0;
    std::uint64_t trace_low = 0;
    std::uint64_t span = 0;
    bool sampled = false;

    /// "00-<32 hex digits>-<16 hex digits>-<2 hex digits>", 55 characters.
    std::string to_string() const;
};

/// Nothing for any other text: a trace begins anew then, as the specification says. Later versions may say more behind
/// it.
std::optional<TraceParent> parse_trace_parent(std::string_view text) noexcept;

/// Appends 16 lower-case hex digits.
void append_hex(std::string& out, std::uint64_t number);

} // namespace whisperstore::metrics

#pragma once
/// \file
/// Points in time. Always UTC, microsecond resolution, ISO-8601 with `Z` and six fractional digits:
/// `2026-01-31T09:05:00.000250Z`. Canonical text sorts like the times themselves (years 0000-9999).

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore {

/// A UTC time with microsecond resolution.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// The current time, truncated to microseconds.
Timestamp now() noexcept;

/// Canonical text, always 27 characters.
/// \throws StorageError invalid_argument outside the years 0000-9999.
std::string format_timestamp(Timestamp time);

/// Reads RFC 3339 text (`T`, `t` or a space between date and time, `Z` or an offset, up to nine
/// fractional digits of which six are kept). Leap second 60 is read as the following second.
/// Returns nothing for any other text; never throws.
std::optional<Timestamp> try_parse_timestamp(std::string_view text) noexcept;

/// As try_parse_timestamp, but \throws StorageError invalid_argument naming the text.
Timestamp parse_timestamp(std::string_view text);

} // namespace whisperstore

#pragma once
// Places in PostgreSQL's write-ahead log, as sessions carry them and replicas report them.

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::postgresql {

/// A log sequence number: a byte's place in the log, written `16/B374D848` (manual, "pg_lsn Type").
struct LogSequenceNumber
{
    std::uint64_t value = 0;

    static std::optional<LogSequenceNumber> parse(std::string_view text) noexcept;
    std::string to_string() const;
    friend auto operator<=>(const LogSequenceNumber&, const LogSequenceNumber&) = default;
};

/// A place in the log of one timeline. Every promotion begins a new timeline, whose log is the old one's up to the
/// point where the new primary left it; later places are in the higher timeline first.
struct LogPosition
{
    std::uint32_t timeline = 0;
    LogSequenceNumber lsn;

    /// A place that nobody will reach: what stands for a write whose place could not be learnt. It says when that was,
    /// so that a later answer of the primary can take its place.
    static LogPosition unknown_since(std::uint32_t timeline, std::chrono::steady_clock::time_point time) noexcept;
    bool is_unknown() const noexcept { return lsn.value >= unknown_bit; }
    /// Whether an answer that was asked for at that time covers the write that it stands for.
    bool is_settled_by(std::chrono::steady_clock::time_point asked) const noexcept;

    /// Reads `00000002:16/B374D848`, the token that a session carries and the answer of log_position_sql.
    static std::optional<LogPosition> parse(std::string_view text) noexcept;
    std::string to_string() const;
    friend auto operator<=>(const LogPosition&, const LogPosition&) = default;

private:
    static constexpr std::uint64_t unknown_bit = 1ULL << 63U;
};

/// Asks a primary for a position at or after everything it has committed so far. It is the place of insertion, not
/// what was flushed: with `synchronous_commit` off a commit is answered before it is flushed.
inline constexpr std::string_view log_position_sql =
    "SELECT left(pg_walfile_name(l), 8) || ':' || l FROM pg_current_wal_insert_lsn() AS l";

/// The later of a session's token and a new position, as the session's next token: of two writes that end at once
/// the earlier must not hide the later. Empty or foreign text counts as no token.
std::string later_token(std::string_view token, const LogPosition& position);

} // namespace whisperstore::postgresql

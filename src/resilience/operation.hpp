#pragma once
// What the layers must know about an operation.

#include <cstdint>
#include <string_view>

namespace whisperstore {

/// Whether a second run, after a first that may have happened, leaves the same state and gives the same
/// answer. A delete that tells whether something was there does not: its second answer is another.
enum class Repeatable : std::uint8_t
{
    yes,
    no,
    depends, ///< on the arguments
};

/// Which layers an operation passes through. The others it goes past.
struct Passes
{
    bool default_deadline = false;
    bool retry = false;
    bool breaker = false; ///< may be refused by it
    bool reports = false; ///< its failures tell about the endpoint
    bool limit = false;
    bool attempt_timeout = false;
};

/// Ordinary calls.
inline constexpr Passes every_layer{true, true, true, true, true, true};
/// Calls that take as long as there is data, and streams, whose context lives on after the call.
inline constexpr Passes without_time_limits{false, true, true, true, true, false};
/// connect() and initialize(): the way back to a backend that was gone is never barred.
inline constexpr Passes opening{true, true, false, true, false, true};
/// Inside a transaction: a part cannot be run again by itself, and must neither wait for a place that
/// those who wait for this very transaction hold, nor be refused half way.
inline constexpr Passes inside{true, false, false, true, false, false};
/// Commands that end something or bring the next piece of a stream.
inline constexpr Passes observed{false, false, false, true, false, false};
/// The history source of a cache: it calls another store, which has decorators of its own, and every
/// caller that waits for it has a deadline of its own.
inline constexpr Passes foreign{false, false, false, false, false, false};

struct Operation
{
    std::string_view name;
    std::uint8_t index = 0; ///< its place among its layer's
    Repeatable repeatable = Repeatable::no;
    Passes passes = every_layer;
};

/// What a decorated history source's errors carry as their operation.
inline constexpr std::string_view read_history_operation = "read_history";

} // namespace whisperstore

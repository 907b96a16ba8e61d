#pragma once
// What can go wrong between this process and a server, before it becomes a StorageError: the client adds what was sent
// already, and decides whether another connection or node may try.

#include <cstdint>
#include <string>
#include <utility>

namespace whisperstore::http {

enum class FailureKind : std::uint8_t
{
    lost,      ///< refused, closed, reset, or an address that cannot be found
    untrusted, ///< TLS could not be agreed on
    timed_out,
    cancelled,
    malformed, ///< an answer that is no HTTP, or not what its headers say
    too_large, ///< an answer beyond its limit
    no_room,   ///< no connection is free, and the line is full
};

/// Thrown inside the HTTP part only. The text never repeats what was sent.
struct Failure
{
    FailureKind kind = FailureKind::lost;
    std::string text;
    std::string native_code = {};
};

} // namespace whisperstore::http

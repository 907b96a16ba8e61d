#pragma once
// Clients of a monitoring server, good and bad ones, in a process of their own.

#include <cstdint>

namespace whisperstore::bench {

/// Sends `per_second` requests over a few connections until the process is killed.
[[noreturn]] void run_steady_clients(std::uint16_t port, int per_second);

/// Slow, oversized, malformed, unfinished and unread requests, and slow readers of events, until the process is killed.
[[noreturn]] void run_bad_clients(std::uint16_t port);

} // namespace whisperstore::bench

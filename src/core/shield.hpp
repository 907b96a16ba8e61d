#pragma once
// Finishing something although the caller was cancelled.

#include <whisperstore/core/async.hpp>

namespace whisperstore {

/// Runs `work` to its end whether or not the calling coroutine is or gets cancelled, and leaves the
/// caller's own cancellation as it was.
awaitable<void> shielded(awaitable<void> work);

} // namespace whisperstore

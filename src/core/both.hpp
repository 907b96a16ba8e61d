#pragma once
// Two things at once.

#include <whisperstore/core/async.hpp>

namespace whisperstore {

/// Runs both by turns on the caller's executor, on a strand, and returns when both have ended. What fails first is
/// thrown, and cancels the other; so does cancelling the caller.
awaitable<void> both(awaitable<void> first, awaitable<void> second);

} // namespace whisperstore

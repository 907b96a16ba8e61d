#pragma once
// Finishing something although the caller was cancelled.

#include <whisperstore/core/async.hpp>

#include <exception>

namespace whisperstore {

/// Runs `work` to its end although the calling coroutine gets cancelled; returns what it threw.
///
/// In a coroutine that was cancelled already every `co_await` throws, this one too: the caller turns
/// that off before, with `co_await asio::this_coro::throw_if_cancelled(false)`, and back on afterwards.
awaitable<std::exception_ptr> shielded(awaitable<void> work);

} // namespace whisperstore

#pragma once
// Blocking work on a thread of its own that a caller's cancellation or deadline stops.

#include "sqlite/stopper.hpp"
#include "sqlite/store.hpp"

#include <functional>

namespace whisperstore::local_qdrant {

/// Throws when a stop was asked for: for the parts of the work without statements.
void check_stop(const sqlite::Stopper& stopper);

/// sqlite::run_on_thread with a stopper.
awaitable<void> run_stoppable(std::function<void(sqlite::Stopper&)> work, OperationContext context);

} // namespace whisperstore::local_qdrant

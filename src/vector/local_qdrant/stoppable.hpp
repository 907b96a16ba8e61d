#pragma once
// Blocking work on a thread of its own that a caller's cancellation or deadline stops.

#include "vector/local_qdrant/collection_file.hpp"

namespace whisperstore::local_qdrant {

using vector_archive::run_stoppable;

/// Throws when a stop was asked for: for the parts of the work without statements.
inline void check_stop(const sqlite::Stopper& stopper) { vector_archive::check_stop(stopper, backend); }

} // namespace whisperstore::local_qdrant

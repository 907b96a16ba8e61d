#pragma once
// Bookmarks in a caller's Session. Pure.

#include <whisperstore/bolt/config.hpp>
#include <whisperstore/core/operation_context.hpp>

namespace whisperstore::graph::neo4j {

bolt::Bookmarks bookmarks_of(const Session& session);

/// A transaction that began with `before` has left `after`: the new ones take the place of those it began with; what
/// others have left meanwhile stays.
void leave_bookmarks(Session& session, const bolt::Bookmarks& before, const bolt::Bookmarks& after);

} // namespace whisperstore::graph::neo4j

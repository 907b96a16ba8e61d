#pragma once
// Searches on a server that knows our filters and our order only in part.

#include <whisperstore/core/async.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <cstddef>
#include <functional>
#include <vector>

namespace whisperstore::vector_server {

/// The `count` most similar documents that a server finds, best first; fewer: there are no more. Called again with
/// larger counts, one call at a time.
using FetchBest = std::function<awaitable<std::vector<SearchResult>>(std::size_t count)>;

/// The `limit` most similar documents that match, best first, ties by id.
///
/// Asks for one more than `limit`, to see whether there is a tie at the cut; and for more as long as there is one, or
/// as too few of the answer pass `verify`. Scores are brought into [-1, 1].
/// \param verify what the server's own condition does not tell exactly; the empty filter where it does
awaitable<std::vector<SearchResult>> best_matches(std::size_t limit, Filter verify, FetchBest fetch);

} // namespace whisperstore::vector_server

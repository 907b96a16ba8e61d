#pragma once
// The messages before and after those that were found.

#include "storage/hybrid_ranking.hpp"

namespace whisperstore {

class AbstractDatabaseAdapter;

/// Adds the messages up to two before and after each document of a conversation, as far as the collection has them, and
/// links them. A message is no neighbour of one in another session (`session` in the metadata), nor of one more than an
/// hour away. The order is that of `messages`: two reads, whatever the vector database is.
awaitable<void> add_neighbours(std::vector<RankingDocument>& documents, AbstractDatabaseAdapter& database,
                               VectorDatabaseManager& vector_db, std::string collection, Filter filters,
                               OperationContext context);

} // namespace whisperstore

#pragma once
// Storing many documents: in batches that the server takes, several at once.

#include "vector/chroma/api.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

#include <memory>
#include <string>
#include <vector>

namespace whisperstore::chroma {

/// Stores documents that have passed their checks, in any length of their vectors. Of equal ids the last counts.
/// Throws the first failure, saying how many documents were stored, when no batch is under way any more.
awaitable<void> upload(std::shared_ptr<Api> api, std::string collection, std::vector<VectorDocument> documents,
                       OperationContext context);

} // namespace whisperstore::chroma

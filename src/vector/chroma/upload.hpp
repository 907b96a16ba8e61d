#pragma once
// Storing many documents: in batches that the server takes, several at once.

#include "vector/chroma/api.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

#include <memory>
#include <string>
#include <vector>

namespace whisperstore::chroma {

/// Stores documents that have passed their checks, with vectors of any length, which are stored with unit length. Of
/// equal ids the last counts. The documents stay where they are until it ends.
/// Throws the first failure, saying how many documents were stored, when no batch is under way any more.
awaitable<void> upload(std::shared_ptr<Api> api, std::string collection, const std::vector<VectorDocument>& documents,
                       OperationContext context);

} // namespace whisperstore::chroma

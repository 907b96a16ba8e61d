#pragma once
// A Chroma server of our own, over a folder.

#include "vector/chroma/server.hpp"

namespace whisperstore::chroma {

/// Throws StorageError invalid_argument for a configuration without a folder.
std::shared_ptr<Server> local_server(const VectorDatabaseConfig& config);

} // namespace whisperstore::chroma

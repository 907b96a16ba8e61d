#pragma once
// What is compared when the content of two stores is compared. Pure code without I/O.

#include "core/content_hash.hpp"

#include <whisperstore/core/json.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <string>

namespace whisperstore::migration {

/// JSON whose text is the same whatever the order of the keys: sorted by their bytes, at every depth.
std::string canonical(const json::value& value);

/// Id, content and metadata. Vectors are compared by themselves, as stores round them.
void add_document(ContentHash& hash, const VectorDocument& document);
/// The same document: equal but for vectors whose components differ by 1e-6 at most.
bool same_document(const VectorDocument& one, const VectorDocument& other);

/// \name What tells a node or relationship from the others, and all else that it is, as canonical JSON
///@{
std::string key_of(const GraphNode& node);
std::string key_of(const NetworkEdge& edge);
json::object content_of(const GraphNode& node);
json::object content_of(const NetworkEdge& edge);
///@}

} // namespace whisperstore::migration

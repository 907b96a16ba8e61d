#pragma once
// How documents and collections lie in Qdrant (docs/qdrant.md, "Layout").

#include "vector/qdrant/words.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

#include <string>
#include <string_view>

namespace whisperstore::qdrant {

/// The sparse vector of a document's words.
inline constexpr std::string_view words_vector = "words";

/// \name The payload
///@{
inline constexpr std::string_view id_key = "doc_id";
inline constexpr std::string_view content_key = "content";
inline constexpr std::string_view metadata_key = "metadata";
/// The metadata as text, where Qdrant would not give its numbers back exactly.
inline constexpr std::string_view exact_key = "metadata_text";
/// Paths of empty lists, which Qdrant's filters cannot tell from missing keys.
inline constexpr std::string_view empty_lists_key = "empty_lists";
///@}

/// What manages the collections of whisperstore: no document can be in it, since no collection may have its name.
inline constexpr std::string_view catalogue = "whisperstore.catalogue";

/// UUID version 5 (RFC 9562, section 5.5) of the id in the namespace of URLs.
std::string point_id(std::string_view document_id);

/// A path as it stands in `empty_lists`.
std::string path_text(const std::vector<std::string>& path);

/// Whether Qdrant returns these numbers bit by bit. It reads JSON with a parser that may miss the last bit of doubles
/// of more than 15 digits.
bool survives_as_json(const json::value& metadata) noexcept;

/// Appends a point for an upsert. The document was checked, its vector has unit length. \param words null: the
/// collection has no such vector
void append_point(std::string& body, const VectorDocument& document, const SparseVector* words);

void append_sparse(std::string& body, const SparseVector& sparse);

} // namespace whisperstore::qdrant

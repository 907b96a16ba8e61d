#pragma once
// What Chroma's /get and /query answer with, as plain values.

#include "vector/chroma/layout.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::chroma {

/// One record of an answer; what was not asked for is empty.
struct Record
{
    std::string id;
    std::string content; ///< empty for a record without a document
    json::object metadata;
    std::vector<float> embedding;
    double distance = 0;
    bool bare = false; ///< it has neither document nor metadata: so does one that was deleted while it was searched for
};

/// Throws StorageError unavailable, not retryable, for what is no such answer; corrupt for a record of ours whose
/// metadata is no JSON.
///@{
std::vector<Record> parse_get(std::string_view text);
/// Of a query by one vector.
std::vector<Record> parse_query(std::string_view text);
///@}

/// The metadata keys of each record of a /get, ours and those kept for comparing.
struct RecordKeys
{
    std::string id;
    std::set<std::string, std::less<>> keys;
};
std::vector<RecordKeys> parse_keys(std::string_view text);

/// A stored vector as our documents have it: of unit length, whoever wrote it.
VectorDocument document_of(Record record);

} // namespace whisperstore::chroma

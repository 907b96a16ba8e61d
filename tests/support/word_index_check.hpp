#pragma once
// Whether a collection's index of words says what its documents do.

#include <filesystem>
#include <string>

namespace whisperstore::test {

/// Compares every word of the index with those of the documents' texts, names and days. Empty when they agree, else the
/// first difference. The collection must be closed.
std::string word_index_difference(const std::filesystem::path& collection_file);

} // namespace whisperstore::test

#pragma once
// A BERT model small enough to be made in a test, and its vectors by the textbook.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace whisperstore::test {

inline constexpr std::size_t small_model_dimension = 8;

/// Writes the standard folder: two layers, two heads, the words hello, world, a and un.
void write_small_model(const std::filesystem::path& folder);

/// What the model answers for a text of its words separated by spaces, computed in double.
std::vector<float> small_model_vector(const std::string& text);

} // namespace whisperstore::test

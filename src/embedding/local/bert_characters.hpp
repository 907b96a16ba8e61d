#pragma once
// What an uncased BERT tokenizer asks about characters, by ICU's Unicode data. Hugging Face's `tokenizers` brings its
// own tables of other Unicode versions: docs/embeddings.md says where they differ.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace whisperstore::local_embedding {

/// The code point at text[at]; `at` moves behind it. The text must be valid UTF-8.
char32_t next_character(std::string_view text, std::size_t& at) noexcept;
std::string_view to_utf8(char32_t character, std::array<char, 4>& buffer) noexcept;

/// Left out of texts: control, format, private and replacement characters, but not white space among them.
bool is_removed(char32_t character) noexcept;
bool is_space(char32_t character) noexcept;
/// A word of its own: the ideographs BERT puts spaces around.
bool is_chinese(char32_t character) noexcept;
/// ASCII's punctuation and symbols, and Unicode's punctuation (categories P).
bool is_punctuation(char32_t character) noexcept;
/// A nonspacing mark (category Mn), which goes after decomposition.
bool is_accent(char32_t character) noexcept;
/// Canonical_Combining_Class.
unsigned combining_class(char32_t character) noexcept;
/// Simple lower case: of decomposed characters, the full one.
char32_t lower_case(char32_t character) noexcept;

inline constexpr std::size_t maximum_decomposition = 8;
/// The full canonical decomposition (NFD) of one code point; returns how many there are.
std::size_t canonical_decomposition(char32_t character, std::span<char32_t, maximum_decomposition> parts) noexcept;

} // namespace whisperstore::local_embedding

#pragma once
// Texts to the token ids of an uncased BERT model, as Hugging Face's `tokenizers` makes them: BertNormalizer,
// BertPreTokenizer, WordPiece, and the special tokens around. Pure code.

#include "embedding/local/vocabulary.hpp"

namespace whisperstore::local_embedding {

/// Words of more characters are one unknown token (`max_input_chars_per_word`).
inline constexpr std::size_t maximum_word_characters = 100;

/// Tokenizes with one vocabulary. Thread safe: it keeps nothing between calls.
class WordPiece
{
public:
    explicit WordPiece(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

    /// [CLS], the word pieces of a text, [SEP]: at most `maximum` ids (at least 2) in all; what comes later is cut off.
    /// The text must be valid UTF-8. Of a long text no more is read than is needed.
    std::vector<TokenId> encode(std::string_view text, std::size_t maximum) const;

    const Vocabulary& vocabulary() const noexcept { return vocabulary_; }

private:
    Vocabulary vocabulary_;
};

} // namespace whisperstore::local_embedding

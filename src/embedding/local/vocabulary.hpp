#pragma once
// The word pieces of a BERT model and the search for the longest one that a word begins with.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::local_embedding {

using TokenId = std::int32_t;

/// A trie of word pieces: those that begin a word, and those that continue one ("##" in the vocabulary).
class Vocabulary
{
public:
    /// `tokens` by their ids; an empty one is a hole. Throws StorageError corrupt for a vocabulary without the special
    /// tokens.
    explicit Vocabulary(const std::vector<std::string>& tokens);

    /// vocab.txt: a token a line, the line's number is its id. Throws StorageError corrupt; messages do not name a
    /// file.
    static Vocabulary from_lines(std::string_view text);
    /// tokenizer.json of Hugging Face: `model.vocab`, in a model of type WordPiece.
    static Vocabulary from_tokenizer_json(std::string_view text);

    struct Match
    {
        TokenId id = 0;
        std::size_t length = 0; ///< bytes; 0: nothing matches
    };
    /// The longest token that `text` begins with, as the first piece of a word or a further one.
    Match longest(std::string_view text, bool continues) const noexcept;
    std::optional<TokenId> find(std::string_view token) const noexcept;

    std::size_t size() const noexcept { return size_; }
    TokenId unknown() const noexcept { return unknown_; }
    TokenId begin_of_text() const noexcept { return begin_; }
    TokenId end_of_text() const noexcept { return end_; }
    TokenId padding() const noexcept { return padding_; }
    std::optional<TokenId> mask() const noexcept { return mask_; }

private:
    using Node = std::uint32_t;
    static constexpr Node first_root = 0;
    static constexpr Node further_root = 1;
    static constexpr Node none = 0; // no edge leads to the first root

    struct Edge
    {
        std::uint32_t key = 0; // (node << 8 | byte) + 1; 0: free
        Node target = none;
    };

    void insert(Node root, std::string_view piece, TokenId id);
    Node child(Node node, unsigned char byte) const noexcept;
    Node add_child(Node node, unsigned char byte);
    void grow();
    std::size_t slot_of(std::uint32_t key) const noexcept;
    TokenId required(std::string_view token) const;

    std::vector<Edge> edges_; // an open hash table, at most half full
    std::size_t edge_count_ = 0;
    std::vector<TokenId> ids_; // of each node; -1: no token ends here
    std::size_t size_ = 0;
    TokenId unknown_ = 0;
    TokenId begin_ = 0;
    TokenId end_ = 0;
    TokenId padding_ = 0;
    std::optional<TokenId> mask_;
};

} // namespace whisperstore::local_embedding

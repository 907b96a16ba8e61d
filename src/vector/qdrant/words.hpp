#pragma once
// The words of texts as sparse vectors.

#include "sqlite/words.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace whisperstore::qdrant {

/// Term numbers, each once, ascending, and what each weighs.
struct SparseVector
{
    std::vector<std::uint32_t> indices;
    std::vector<float> values;
    bool empty() const noexcept { return indices.empty(); }
};

/// Takes texts apart as the local engine's index of words does. Thread safe.
class WordMaker
{
public:
    /// A document: the term frequencies of BM25 with k1 = 1.2 and b = 0 (f (k1 + 1) / (f + k1)): how rare a word is, is
    /// the server's part.
    SparseVector of_document(std::string_view content, std::string_view about);
    /// The terms of one word of a query; several where it is taken apart.
    std::vector<std::uint32_t> of_word(std::string_view word);

private:
    std::unique_ptr<sqlite::Words> take();
    void give_back(std::unique_ptr<sqlite::Words> words);

    std::mutex mutex_;
    std::vector<std::unique_ptr<sqlite::Words>> resting_;
};

/// The number of a term: FNV-1a with 64 bits, folded to 32. Part of the layout in the server: never changes.
std::uint32_t term_number(std::string_view term) noexcept;

} // namespace whisperstore::qdrant

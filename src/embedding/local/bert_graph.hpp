#pragma once
// A BERT encoder as a network for OpenVINO. Pure code.

#include "embedding/local/model_folder.hpp"
#include "embedding/local/safetensors.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace whisperstore::local_embedding {

/// The layers above the embeddings. Inputs: "embeddings" [texts, tokens, hidden], the sum of word, position and type
/// embeddings before their normalization, and "mask" [texts, 1, 1, tokens], 0 for tokens and -30,000 for padding.
/// Output: the hidden states [texts, tokens, hidden].
struct BertGraph
{
    std::string xml;
    std::vector<std::byte> weights; ///< what the XML refers to
};

inline constexpr float padding_mask = -30'000; // far below any score, and finite in every precision

/// Throws StorageError corrupt when a tensor is missing or has another shape. With int8 the matrices are kept as 8-bit
/// numbers with a scale for each row.
BertGraph make_bert_graph(const SafeTensors& tensors, const BertShape& shape, Precision precision);

/// The rows added up for a token: word + position + type 0.
class InputEmbeddings
{
public:
    InputEmbeddings(const SafeTensors& tensors, const BertShape& shape);

    /// Writes the sum of one token at one place to out[0 … hidden).
    void write(std::size_t token, std::size_t position, float* out) const noexcept;

private:
    std::size_t hidden_;
    std::vector<float> words_;
    std::vector<float> places_; // with the type added
};

/// The prefix of the tensors' names: "" or "bert.". Throws corrupt when the file holds no BERT encoder.
std::string tensor_prefix(const SafeTensors& tensors);

} // namespace whisperstore::local_embedding

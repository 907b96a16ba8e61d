#pragma once
// A loaded model: texts to tokens, batches of tokens to unit vectors. Blocking.

#include "embedding/local/bert_graph.hpp"
#include "embedding/local/openvino.hpp"

#include <optional>
#include <span>
#include <vector>

namespace whisperstore::local_embedding {

/// What a process shares: the same key is the same model.
struct ModelKey
{
    std::filesystem::path folder;
    Precision precision = Precision::float32;
    std::size_t threads = 1;

    auto operator<=>(const ModelKey&) const = default;
};

class EmbeddingModel
{
public:
    /// Loads everything, about a second. Throws StorageError: see LocalEmbeddingProvider.
    explicit EmbeddingModel(const ModelKey& key);

    std::size_t dimension() const noexcept { return dimension_; }

    /// Thread safe.
    std::vector<TokenId> tokenize(std::string_view text) const { return tokenizer_.encode(text, maximum_tokens_); }

    /// One inference: all texts are padded to the longest. One vector for each. One thread at a time.
    std::vector<std::vector<float>> embed(std::span<const std::vector<TokenId>* const> texts);

private:
    void load_bert(const ModelFolder& folder, const CompileOptions& options);
    void load_onnx(const ModelFolder& folder, const CompileOptions& options);
    CompiledNetwork::Output run_bert(std::span<const std::vector<TokenId>* const> texts, std::size_t longest);
    CompiledNetwork::Output run_onnx(std::span<const std::vector<TokenId>* const> texts, std::size_t longest);

    WordPiece tokenizer_;
    std::size_t maximum_tokens_ = 0;
    std::size_t dimension_ = 0;
    std::optional<InputEmbeddings> embeddings_; // of a BERT network of our own
    std::optional<CompiledNetwork> network_;
    bool wants_types_ = false;
    std::vector<float> floats_; // inputs, kept between inferences
    std::vector<float> mask_;
    std::vector<std::int64_t> ids_;
    std::vector<std::int64_t> whole_mask_;
    std::vector<std::int64_t> types_;
};

} // namespace whisperstore::local_embedding

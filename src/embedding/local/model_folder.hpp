#pragma once
// The standard folder of a sentence-transformers model: which files there are and what its small ones say.

#include "embedding/local/wordpiece.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace whisperstore::local_embedding {

/// Where tools/quickstart puts the model: $XDG_CACHE_HOME/whisperstore/models/all-MiniLM-L6-v2, else below ~/.cache.
std::filesystem::path default_model_folder();

/// How the numbers of a model are stored and multiplied.
enum class Precision
{
    float32,
    bfloat16,
    int8
};
/// Throws StorageError invalid_argument that lists what is allowed.
Precision parse_precision(std::string_view name);

/// The numbers of config.json, checked: a BERT encoder.
struct BertShape
{
    std::size_t vocabulary = 0;
    std::size_t hidden = 0;
    std::size_t layers = 0;
    std::size_t heads = 0;
    std::size_t intermediate = 0;
    std::size_t positions = 0;
    std::size_t types = 0;
    double epsilon = 1e-12;
    bool tanh_gelu = false;
};

/// A folder that was found to hold a model.
struct ModelFolder
{
    std::filesystem::path path;
    std::filesystem::path weights; ///< model.safetensors, or an ONNX file
    bool onnx = false;

    /// Throws StorageError not_found that says where was searched and what to do.
    static ModelFolder find(const std::filesystem::path& folder, Precision precision);

    /// \name What the other files say. Throws StorageError corrupt or unsupported naming the file.
    ///@{
    BertShape shape() const;
    WordPiece tokenizer() const;
    std::size_t maximum_tokens() const; ///< `max_seq_length` of sentence_bert_config.json; 256 without one
    void check_pooling() const;         ///< that tokens are averaged
    ///@}
};

/// A whole file. Throws StorageError not_found, permission, …
std::string read_whole_file(const std::filesystem::path& file);

} // namespace whisperstore::local_embedding

#pragma once
/// \file
/// Embeddings by a model in this process.

#include <whisperstore/embedding/embedding_config.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>

#include <memory>
#include <string>

namespace whisperstore {

namespace local_embedding {
class ModelService;
}

/// sentence-transformers/all-MiniLM-L6-v2, or another BERT encoder with its folder layout, run by OpenVINO on the
/// processor: no server, no Python, no network. docs/embeddings.md has its folder, precisions and figures.
///
/// The vectors are those of sentence-transformers: texts are cut after `max_seq_length` word pieces (256), the token
/// vectors averaged and the mean brought to unit length.
///
/// The constructor reads nothing. The first embed() loads OpenVINO and the model (a second or so), on a thread of the
/// model's own, and so does all other work: the caller's executor is never kept. All providers of a process
/// with the same folder, precision and number of threads share one model and its thread; it goes with the last
/// of them. A load that failed is tried again by the next embed().
///
/// Thread safe. Calls that wait at the same time are embedded together; a call with many texts takes turns with others.
/// A cancelled or expired call ends at once while it waits, else after the inference under way (some ten
/// milliseconds). Destroying the last provider of a model waits for an inference or load under way.
///
/// embed() throws, beside what EmbeddingProvider says: not_found (no model, the message names where it was looked for
/// and how to get it), corrupt (a file of it is damaged, the message names the file), unsupported (a model of another
/// kind, OpenVINO cannot be loaded), version_mismatch (its vectors have another dimension than the configuration says),
/// resource_exhausted (no memory, no thread).
class LocalEmbeddingProvider final : public EmbeddingProvider
{
public:
    /// Uses `model`, `dimension`, `batch_size`, `model_dir`, `precision` and `threads` of the configuration.
    /// \throws StorageError invalid_argument for a setting outside its range.
    explicit LocalEmbeddingProvider(EmbeddingConfig config);
    ~LocalEmbeddingProvider() override;

    awaitable<std::vector<std::vector<float>>> embed(std::vector<std::string> texts,
                                                     OperationContext context = OperationContext()) override;
    std::size_t dimension() const noexcept override { return config_.dimension; }
    std::string_view model_name() const noexcept override { return config_.model; }
    std::string_view provider_type() const noexcept override { return "local"; }

    /// The folder the model is looked for in: `model_dir`, or where tools/quickstart puts it.
    const std::filesystem::path& model_directory() const noexcept { return config_.model_dir; }

private:
    EmbeddingConfig config_;
    std::shared_ptr<local_embedding::ModelService> service_;
};

} // namespace whisperstore

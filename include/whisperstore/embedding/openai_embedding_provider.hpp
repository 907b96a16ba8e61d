#pragma once
/// \file
/// Vectors of any server with OpenAI's `/v1/embeddings`.

#include <whisperstore/embedding/embedding_config.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>

#include <memory>

namespace whisperstore {

/// Asks `POST {url}/embeddings`. Works with OpenAI, Ollama, llama.cpp's server, vLLM and what else speaks the same:
/// vectors as numbers or base64, in any order where the items are numbered.
///
/// Texts go in batches of `batch_size`, some of them at once, over connections that are kept. A request that fails in
/// passing (unavailable, 429, a timeout of the attempt) is sent again up to `max_retries` times within the call's
/// deadline and retry budget, after a random part of a time that doubles (from 200 ms to 5 s), or as long as the
/// server asks for; when it asks for more than is left, or than 60 s, the error is thrown at once. Embedding changes
/// nothing on the server, so every failure's outcome is "not applied".
///
/// The vectors are scaled to unit length. Thread safe; destroying it while calls are under way is safe, too.
/// \note the API key goes to the server as bearer token and is never in a message.
class OpenAIEmbeddingProvider final : public EmbeddingProvider
{
public:
    /// Does not connect. \throws StorageError invalid_argument, naming the setting that cannot work.
    explicit OpenAIEmbeddingProvider(EmbeddingConfig config);
    ~OpenAIEmbeddingProvider() override;

    /// Beyond what the interface says: \throws StorageError not_found where the server does not know the model or the
    /// URL; permission; invalid_argument where it refuses the texts; unavailable, not retryable, where its answer is
    /// not understood or holds a vector of zeros.
    awaitable<std::vector<std::vector<float>>> embed(std::vector<std::string> texts,
                                                     OperationContext context = OperationContext()) override;
    std::size_t dimension() const noexcept override;
    std::string_view model_name() const noexcept override;
    std::string_view provider_type() const noexcept override;

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace whisperstore

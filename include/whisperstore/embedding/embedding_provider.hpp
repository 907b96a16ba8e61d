#pragma once
/// \file
/// The interface of everything that turns texts into vectors.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// Turns texts into unit vectors whose cosine says how alike the texts are.
///
/// Thread safe: many coroutines may embed at once. Deadlines and cancellation as everywhere: a cancelled call's work
/// is given up at the next batch at the latest.
class EmbeddingProvider
{
public:
    virtual ~EmbeddingProvider() = default;

    /// One vector of unit length and dimension() floats for each text, in order. No texts: no vectors. Any number of
    /// texts of any length: batching is the provider's, and models cut texts that are too long for them.
    /// \throws StorageError invalid_argument: a text that is empty or not UTF-8 without NUL (the message says which);
    /// not_found: the local model is missing; unavailable, authentication, timeout, resource_exhausted: of a server;
    /// version_mismatch: the model answers with another dimension. Nothing is returned when any text fails.
    virtual awaitable<std::vector<std::vector<float>>> embed(std::vector<std::string> texts,
                                                             OperationContext context = OperationContext()) = 0;
    /// embed() of one text.
    awaitable<std::vector<float>> embed_one(std::string text, OperationContext context = OperationContext());

    /// Floats of a vector.
    virtual std::size_t dimension() const noexcept = 0;
    /// The model's name: a collection that was filled with one model refuses the vectors of another. Independent of
    /// the precision, since the vectors of one model in different precisions can be compared.
    virtual std::string_view model_name() const noexcept = 0;
    /// "local", "openai", …
    virtual std::string_view provider_type() const noexcept = 0;
    /// Share of texts that did not have to be embedded, 0-1; 0 without a cache.
    virtual double cache_hit_rate() const noexcept { return 0; }
};

/// What embed() demands of texts. \throws StorageError invalid_argument that names the first wrong text's place.
void check_texts(const std::vector<std::string>& texts);

} // namespace whisperstore

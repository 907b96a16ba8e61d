#pragma once
// What goes to `/v1/embeddings` and what comes back, without I/O.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::openai {

/// The body of a request. \param encoding_format empty: left out
std::string embeddings_request(std::string_view model, std::span<const std::string> texts,
                               std::string_view encoding_format);

/// The vectors of an answer, in the order of the request's texts. Members that are not needed may be missing or new;
/// items without `index` are taken in their order.
/// Throws StorageError unavailable, not retryable, where the text is no such answer, or not one of `count` vectors.
std::vector<std::vector<float>> parse_embeddings_answer(std::string_view text, std::size_t count);

/// Scales to unit length. Throws StorageError version_mismatch for another dimension (naming both), unavailable for a
/// vector without direction.
void check_and_normalise(std::vector<float>& vector, std::size_t dimension, std::string_view model);

} // namespace whisperstore::openai

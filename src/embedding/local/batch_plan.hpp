#pragma once
// Which texts go into one inference. Pure code.

#include <cstddef>
#include <span>
#include <vector>

namespace whisperstore::local_embedding {

/// More padded tokens than this at once make an inference no faster, only its memory larger and its end later.
inline constexpr std::size_t maximum_tokens_at_once = 2'048;

/// Splits texts (by their numbers of tokens) into inferences, each a list of places: texts of like length together,
/// since all are padded to the longest, and no more than maximum_tokens_at_once unless a single text is longer.
std::vector<std::vector<std::size_t>> plan_inferences(std::span<const std::size_t> lengths);

} // namespace whisperstore::local_embedding

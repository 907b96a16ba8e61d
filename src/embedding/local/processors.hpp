#pragma once
// How many threads are worth having.

#include <cstddef>
#include <filesystem>

namespace whisperstore::local_embedding {

/// Processors this process may run on, and no more than its control group's share of them, rounded up. `root` is where
/// /sys is.
std::size_t usable_processors(const std::filesystem::path& root = "/");

} // namespace whisperstore::local_embedding

#pragma once
// Rows of a .f32 file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace whisperstore::cli {

/// Reads row `row` (from 0) of a file of little-endian 32-bit floats, `dimension` of them a row.
/// Throws StorageError not_found for a missing file; invalid_argument when the file is no such file
/// or has no such row.
std::vector<float> read_vector(const std::filesystem::path& file, std::uint64_t row, std::size_t dimension);

/// The number of rows; throws as above.
std::uint64_t count_vectors(const std::filesystem::path& file, std::size_t dimension);

} // namespace whisperstore::cli

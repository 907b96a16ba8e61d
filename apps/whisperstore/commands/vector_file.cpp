#include "commands/vector_file.hpp"

#include "display/text_layout.hpp"

#include <whisperstore/core/error.hpp>

#include <bit>
#include <cstring>
#include <fstream>
#include <string>

namespace whisperstore::cli {

static_assert(std::endian::native == std::endian::little, "rows are read as they stand in the file");

std::uint64_t count_vectors(const std::filesystem::path& file, std::size_t dimension)
{
    std::error_code error;
    const bool exists = std::filesystem::exists(file, error);
    const std::uintmax_t size = exists ? std::filesystem::file_size(file, error) : 0;
    if (!exists || error)
        throw StorageError(StorageErrc::not_found,
                           file.string() + " is not there or cannot be read" + (error ? ": " + error.message() : ""));
    const std::size_t row_size = dimension * sizeof(float);
    if (size % row_size != 0)
        throw StorageError(StorageErrc::invalid_argument,
                           file.string() + " has " + grouped(size) + " bytes, which is no whole number of rows of " +
                               std::to_string(dimension) + " floats (" + grouped(row_size) + " bytes)");
    return size / row_size;
}

std::vector<float> read_vector(const std::filesystem::path& file, std::uint64_t row, std::size_t dimension)
{
    const std::uint64_t rows = count_vectors(file, dimension);
    if (row >= rows)
        throw StorageError(StorageErrc::invalid_argument,
                           "there is no row " + std::to_string(row) + " in " + file.string() + ": " +
                               (rows == 0 ? "it is empty" : "its rows are 0 to " + std::to_string(rows - 1)));
    std::vector<float> vector(dimension);
    std::ifstream stream(file, std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(row * dimension * sizeof(float)));
    std::string bytes(dimension * sizeof(float), '\0');
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!stream)
        throw StorageError(StorageErrc::permission, file.string() + " cannot be read");
    std::memcpy(vector.data(), bytes.data(), bytes.size());
    return vector;
}

} // namespace whisperstore::cli

#pragma once
// SHA-256 (OpenSSL).

#include <filesystem>
#include <string>
#include <string_view>

namespace whisperstore {

/// Lower-case hex SHA-256.
std::string sha256_hex(std::string_view data);
/// Of a file's content. Throws StorageError not_found or unavailable.
std::string sha256_hex_of_file(const std::filesystem::path& path);

} // namespace whisperstore

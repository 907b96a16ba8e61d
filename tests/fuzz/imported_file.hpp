#pragma once
// What must hold of any file that is given to the importer.

#include "fuzz/fuzz_target.hpp"
#include "storage/import_file.hpp"

#include <filesystem>
#include <string_view>

namespace whisperstore::fuzz {

/// A file in memory that holds the input.
std::filesystem::path as_file(std::string_view text);
/// Reads it to its end, or to its first mistake.
void check_import(const std::filesystem::path& path, const ImportOptions& options);

} // namespace whisperstore::fuzz

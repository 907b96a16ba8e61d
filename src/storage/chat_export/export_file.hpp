#pragma once
// Reading the files of an export.

#include <whisperstore/core/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace whisperstore {

/// Throws StorageError not_found.
std::ifstream open_export_file(const std::filesystem::path& path);
/// The next line without its line break (LF or CRLF); false at the end. Throws StorageError unavailable when reading
/// fails.
bool next_line(std::ifstream& stream, std::string& line, const std::filesystem::path& path);
/// A whole file, at most 64 MiB. Throws StorageError not_found, or invalid_argument for a larger one.
std::string read_export_file(const std::filesystem::path& path);

/// \name Fields of a foreign object
///@{
/// A text; empty where it is missing or null. Throws StorageError invalid_argument for another type.
std::string text_field(const json::object& object, std::string_view name);
/// The same, but it must be there and not be empty.
std::string needed_text_field(const json::object& object, std::string_view name);
/// An object, or null where it is missing. Throws StorageError invalid_argument for another type.
const json::object* object_field(const json::object& object, std::string_view name);
/// A list, or null where it is missing. Throws StorageError invalid_argument for another type.
const json::array* list_field(const json::object& object, std::string_view name);
///@}

} // namespace whisperstore

#pragma once
/// \file
/// `.env` files: `NAME=value` lines.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// One assignment of a `.env` file.
struct DotenvEntry
{
    std::string name;
    std::string value;
    int line = 0; ///< where the assignment begins, from 1
    friend bool operator==(const DotenvEntry&, const DotenvEntry&) = default;
};

/// Reads the text of a `.env` file, in order; a name given twice appears twice (the last one counts).
///
/// - `NAME=value`, with an optional `export ` before it and spaces around `=`; names are
///   `[A-Za-z_][A-Za-z0-9_]*`. A `#` at the start of a line, or after white space, begins a comment.
/// - An unquoted value ends with the line and is trimmed; nothing in it is special.
/// - `'single quoted'`: literal, but `\'` and `\\`. `"double quoted"`: `\n \r \t \\ \" \' \$`.
///   Quoted values may span lines.
/// - Nothing is expanded (`$HOME` stays as it is) and nothing is ever executed.
///
/// \param file names the text in errors.
/// \throws StorageError syntax with the line number, or invalid_argument for text that is not UTF-8.
/// Messages never repeat a value.
std::vector<DotenvEntry> parse_dotenv(std::string_view text, std::string_view file = ".env");

/// Reads a file of at most 1 MiB as parse_dotenv() does.
/// \throws StorageError not_found, permission, resource_exhausted, and those of parse_dotenv().
std::vector<DotenvEntry> read_dotenv(const std::filesystem::path& file);

} // namespace whisperstore

#pragma once
// Rows in the text format of PostgreSQL's COPY (manual, "COPY", "Text Format"). Pure code without I/O.

#include "sqlite/connection.hpp"

#include <string>
#include <string_view>

namespace whisperstore::archive {

/// A text field: its backslashes and control characters escaped.
void add_copy_text(std::string& line, std::string_view text);
/// A number in the shortest form that gives it back, or Infinity, -Infinity.
void add_copy_real(std::string& line, double value);
/// A blob as the type bytea reads it.
void add_copy_blob(std::string& line, std::span<const std::byte> blob);

/// The current row of a statement as a line, with its end.
void add_copy_line(std::string& line, const sqlite::Statement& row);

} // namespace whisperstore::archive

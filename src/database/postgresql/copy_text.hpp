#pragma once
// The text format of COPY. Pure code without I/O.

#include <whisperstore/core/value.hpp>

#include <span>
#include <string>
#include <string_view>

namespace whisperstore::postgresql {

/// An identifier in double quotes. Throws StorageError invalid_argument for an empty one, one that is no UTF-8 or holds
/// NUL.
std::string quoted_identifier(std::string_view name, std::string_view what);

/// Adds a row: values separated by tabs, escaped (manual, COPY, "Text Format"). Throws StorageError invalid_argument
/// for text that is no UTF-8 or holds NUL.
void append_copy_row(std::string& out, std::span<const Value> values);
/// One value of a row.
void append_copy_value(std::string& out, const ValueView& value);

} // namespace whisperstore::postgresql

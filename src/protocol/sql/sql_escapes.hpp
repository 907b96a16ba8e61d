#pragma once
// E'' string literals.

#include <string>
#include <string_view>

namespace whisperstore::sql {

/// The text of the body of an E'…' literal, as PostgreSQL reads it (manual, "String Constants with
/// C-Style Escapes"). Throws StorageError syntax for an escape without its digits or that is no
/// Unicode code point. The result may hold invalid UTF-8 or NUL (\xff, \0): check it.
std::string unescape_string(std::string_view body);

} // namespace whisperstore::sql

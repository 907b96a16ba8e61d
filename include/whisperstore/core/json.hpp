#pragma once
/// \file
/// JSON (Boost.JSON) and the rules for JSON that leaves the process: ids, and integers beyond 2^53,
/// are strings; blobs are base64; times are canonical text.

#include <whisperstore/core/value.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace whisperstore {

namespace json = boost::json;

/// Parses a complete JSON text with exact numbers (nesting at most 64 deep).
/// \param what names the text in the error message, e.g. "filter".
/// \throws StorageError syntax with the byte offset.
json::value parse_json(std::string_view text, std::string_view what);
/// As parse_json, but \throws StorageError invalid_argument unless it is an object.
json::object parse_json_object(std::string_view text, std::string_view what);

/// A 64-bit id as JSON: always a string, so that no reader rounds it.
json::value json_id(std::int64_t id);
/// An integer as JSON: a number up to 2^53 in magnitude, else a string.
json::value json_integer(std::int64_t value);
/// A database value as JSON under the rules above. Non-finite numbers become strings.
json::value to_json(const ValueView& value);

/// \throws StorageError invalid_argument when the document holds a NaN or infinity, invalid UTF-8,
/// an embedded NUL, or nests deeper than 64.
void check_json(const json::value& document, std::string_view what);

std::string base64_encode(std::span<const std::byte> bytes);
/// \throws StorageError syntax.
Blob base64_decode(std::string_view text);

} // namespace whisperstore

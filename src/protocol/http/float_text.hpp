#pragma once
// Vectors and texts as JSON, written straight into the request's body.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::http {

/// Appends `[0.1,-2,…]`: each number in the fewest digits that give the same float again.
/// Throws StorageError invalid_argument for NaN and infinity, which JSON cannot carry.
void append_float_array(std::string& out, std::span<const float> values);

/// Appends the text as a JSON string. The text is valid UTF-8.
void append_json_string(std::string& out, std::string_view text);

/// Little-endian float32 in base64, as OpenAI's `encoding_format` base64 and Chroma have it.
std::string encode_float_base64(std::span<const float> values);
/// Throws StorageError syntax where the text is no base64 of whole floats.
std::vector<float> decode_float_base64(std::string_view text);

} // namespace whisperstore::http

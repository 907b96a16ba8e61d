#pragma once
// UTF-8 checks and Unicode case folding (ICU) shared by the layers.

#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::text {

bool is_valid_utf8(std::string_view text) noexcept;

/// Throws StorageError invalid_argument ("<what> ...") for invalid UTF-8 or an embedded NUL.
void check(std::string_view text, std::string_view what);

/// Full case folding after NFC, so that "Straße" and "STRASSE" fold alike. Input must be valid UTF-8.
std::string fold_case(std::string_view text);

/// The words of a text (split at Unicode white space), each case-folded, without empties.
std::vector<std::string> folded_words(std::string_view text);

} // namespace whisperstore::text

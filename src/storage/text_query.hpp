#pragma once
// The words of a question.

#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// What of a question is worth looking up: its words in lower case and without accents, each once, in order, without
/// those that say nothing ("the", "did", "who"); all of them where no other is left. At most 32.
std::vector<std::string> query_words(std::string_view question);

} // namespace whisperstore

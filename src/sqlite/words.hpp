#pragma once
// FTS5's own tokenizers: what takes a text apart as an index of words does.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::sqlite {

/// How an index of words is made, and how Words takes texts apart: English word forms become one, letters lose their
/// accents and their case.
inline constexpr std::string_view word_index_tokenizer = "porter unicode61 remove_diacritics 2";

/// Takes texts apart. For one thread at a time.
class Words
{
public:
    enum class Forms
    {
        kept,  ///< words as they are written, in lower case and without accents
        joined ///< the forms of a word become one: "painted" and "painting" are "paint"
    };
    /// Throws StorageError unsupported where SQLite has no FTS5.
    explicit Words(Forms forms);
    ~Words();
    Words(const Words&) = delete;
    Words& operator=(const Words&) = delete;

    /// Calls `take(word)` for each word of a text, in order; a word is valid during the call.
    void each(std::string_view text, const std::function<void(std::string_view word)>& take) const;
    /// The words of a text, in order.
    std::vector<std::string> of(std::string_view text) const;

private:
    struct Tokenizer;
    std::unique_ptr<Tokenizer> tokenizer_;
};

} // namespace whisperstore::sqlite

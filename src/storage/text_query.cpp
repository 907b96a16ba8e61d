#include "storage/text_query.hpp"

#include "sqlite/words.hpp"

#include <algorithm>
#include <array>

namespace whisperstore {

namespace {

constexpr std::size_t most_words = 32;

// Sorted. Without "may", "march", "will" and the like, which are names and months as well.
constexpr std::array<std::string_view, 134> stop_words{
    "a",       "about", "above",  "after",  "again",   "all",    "also",    "am",      "an",     "and",     "any",
    "are",     "as",    "at",     "be",     "because", "been",   "before",  "being",   "below",  "between", "both",
    "but",     "by",    "can",    "could",  "d",       "did",    "do",      "does",    "doing",  "don",     "down",
    "during",  "each",  "ever",   "few",    "for",     "from",   "further", "get",     "go",     "got",     "had",
    "has",     "have",  "having", "he",     "her",     "here",   "hers",    "herself", "him",    "himself", "his",
    "how",     "i",     "if",     "in",     "into",    "is",     "it",      "its",     "itself", "just",    "ll",
    "m",       "me",    "more",   "most",   "must",    "my",     "myself",  "no",      "nor",    "not",     "now",
    "of",      "off",   "on",     "once",   "only",    "or",     "other",   "our",     "ours",   "out",     "over",
    "own",     "re",    "s",      "same",   "she",     "should", "so",      "some",    "such",   "t",       "than",
    "that",    "the",   "their",  "theirs", "them",    "then",   "there",   "these",   "they",   "this",    "those",
    "through", "to",    "too",    "under",  "until",   "up",     "us",      "ve",      "very",   "was",     "we",
    "were",    "what",  "when",   "where",  "which",   "while",  "who",     "whom",    "whose",  "why",     "with",
    "would",   "you"};
static_assert(std::ranges::is_sorted(stop_words));

bool is_stop_word(std::string_view word) { return std::ranges::binary_search(stop_words, word); }

/// "7th" as dates are kept: "7".
std::string as_kept(std::string word)
{
    const auto digits = static_cast<std::size_t>(
        std::ranges::find_if_not(word, [](char c) { return c >= '0' && c <= '9'; }) - word.begin());
    const std::string_view rest = std::string_view(word).substr(digits);
    if (digits > 0 && digits <= 2 && (rest == "st" || rest == "nd" || rest == "rd" || rest == "th"))
        word.resize(digits);
    return word;
}

} // namespace

std::vector<std::string> query_words(std::string_view question)
{
    std::vector<std::string> all;
    std::vector<std::string> telling;
    const auto add = [](std::vector<std::string>& list, const std::string& word) {
        if (list.size() < most_words && std::ranges::find(list, word) == list.end())
            list.push_back(word);
    };
    for (std::string& part : sqlite::Words(sqlite::Words::Forms::kept).of(question)) {
        const std::string word = as_kept(std::move(part));
        add(all, word);
        if (!is_stop_word(word))
            add(telling, word);
    }
    return telling.empty() ? all : telling;
}

} // namespace whisperstore

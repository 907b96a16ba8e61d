#include "vector/qdrant/words.hpp"

#include <algorithm>

namespace whisperstore::qdrant {

namespace {

constexpr float k1 = 1.2F;

} // namespace

std::uint32_t term_number(std::string_view term) noexcept
{
    std::uint64_t hash = 0xCBF29CE484222325U;
    for (const char c : term)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

std::unique_ptr<sqlite::Words> WordMaker::take()
{
    {
        const std::lock_guard lock(mutex_);
        if (!resting_.empty()) {
            std::unique_ptr<sqlite::Words> words = std::move(resting_.back());
            resting_.pop_back();
            return words;
        }
    }
    return std::make_unique<sqlite::Words>(sqlite::Words::Forms::joined);
}

void WordMaker::give_back(std::unique_ptr<sqlite::Words> words)
{
    const std::lock_guard lock(mutex_);
    resting_.push_back(std::move(words));
}

SparseVector WordMaker::of_document(std::string_view content, std::string_view about)
{
    std::vector<std::uint32_t> terms;
    const auto note = [&](std::string_view word) { terms.push_back(term_number(word)); };
    std::unique_ptr<sqlite::Words> words = take();
    words->each(content, note);
    words->each(about, note);
    give_back(std::move(words));
    std::ranges::sort(terms);
    SparseVector sparse;
    for (std::size_t i = 0; i < terms.size();) {
        std::size_t end = i;
        while (end < terms.size() && terms[end] == terms[i])
            ++end;
        const auto frequency = static_cast<float>(end - i);
        sparse.indices.push_back(terms[i]);
        sparse.values.push_back(frequency * (k1 + 1) / (frequency + k1));
        i = end;
    }
    return sparse;
}

std::vector<std::uint32_t> WordMaker::of_word(std::string_view word)
{
    std::vector<std::uint32_t> terms;
    std::unique_ptr<sqlite::Words> words = take();
    words->each(word, [&](std::string_view form) { terms.push_back(term_number(form)); });
    give_back(std::move(words));
    std::ranges::sort(terms);
    terms.erase(std::ranges::unique(terms).begin(), terms.end());
    return terms;
}

} // namespace whisperstore::qdrant

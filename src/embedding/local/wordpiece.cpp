#include "embedding/local/wordpiece.hpp"

#include "embedding/local/bert_characters.hpp"

#include <array>

namespace whisperstore::local_embedding {

namespace {

/// What is done with a byte below 128.
enum class AsciiKind : std::uint8_t
{
    word,
    space,
    punctuation,
    removed
};

struct AsciiTable
{
    std::array<AsciiKind, 128> kinds{};
    std::array<char, 128> lower{};

    constexpr AsciiTable()
    {
        for (std::size_t i = 0; i < 128; ++i) {
            const auto c = static_cast<char>(i);
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            const bool digit = c >= '0' && c <= '9';
            lower[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
                kinds[i] = AsciiKind::space;
            else if (i < 32 || i == 127)
                kinds[i] = AsciiKind::removed;
            else
                kinds[i] = letter || digit ? AsciiKind::word : AsciiKind::punctuation;
        }
    }
};
constexpr AsciiTable ascii;

/// The pass over one text. Everything streams: characters are normalized one by one and fall into words, words into
/// pieces.
class Encoder
{
public:
    Encoder(const Vocabulary& vocabulary, std::size_t maximum) : vocabulary_(vocabulary), maximum_(maximum)
    {
        ids_.reserve(std::min<std::size_t>(maximum, 64));
        ids_.push_back(vocabulary.begin_of_text());
    }

    std::vector<TokenId> run(std::string_view text)
    {
        while (!text.empty() && !full()) {
            // Special tokens stand for themselves where a text spells them, before anything is normalized.
            const Special special = next_special(text);
            normalize(text.substr(0, special.at));
            if (special.length != 0 && !full())
                ids_.push_back(special.id);
            text.remove_prefix(special.at + special.length);
        }
        ids_.push_back(vocabulary_.end_of_text());
        return std::move(ids_);
    }

private:
    struct Special
    {
        std::size_t at;
        std::size_t length = 0;
        TokenId id = 0;
    };

    bool full() const noexcept { return ids_.size() + 1 >= maximum_; }

    Special next_special(std::string_view text) const
    {
        for (std::size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1)) {
            const std::string_view rest = text.substr(at);
            for (const std::string_view name : {"[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"})
                if (rest.starts_with(name))
                    if (const auto id = vocabulary_.find(name))
                        return {at, name.size(), *id};
        }
        return {text.size()};
    }

    void normalize(std::string_view text)
    {
        std::size_t i = 0;
        while (i < text.size() && !full()) {
            const auto byte = static_cast<unsigned char>(text[i]);
            if (byte >= 128) {
                normalize_character(next_character(text, i));
                continue;
            }
            ++i;
            flush_marks();
            switch (ascii.kinds[byte]) {
            case AsciiKind::word:
                append(ascii.lower[byte]);
                break;
            case AsciiKind::space:
                end_word();
                break;
            case AsciiKind::punctuation:
                punctuation(text.substr(i - 1, 1));
                break;
            case AsciiKind::removed:
                break;
            }
        }
        flush_marks();
        end_word();
    }

    /// One code point from outside ASCII: cleaned, decomposed, without accents, lower case.
    void normalize_character(char32_t character)
    {
        if (is_removed(character))
            return;
        if (is_chinese(character)) {
            flush_marks();
            end_word();
            decompose(character);
            flush_marks();
            end_word();
            return;
        }
        decompose(character);
    }

    void decompose(char32_t character)
    {
        std::array<char32_t, maximum_decomposition> parts;
        const std::size_t count = canonical_decomposition(character, parts);
        for (std::size_t i = 0; i < count; ++i) {
            const unsigned order = combining_class(parts[i]);
            if (order == 0)
                flush_marks();
            if (is_accent(parts[i]))
                continue;
            if (order == 0)
                place(parts[i]);
            else
                keep_mark(parts[i], order);
        }
    }

    // Marks that are no accents (a handful) are put into their canonical order, those of equal class as they came.
    void keep_mark(char32_t character, unsigned order)
    {
        auto after = marks_.end();
        while (after != marks_.begin() && std::prev(after)->order > order)
            --after;
        marks_.insert(after, {character, order});
    }

    void flush_marks()
    {
        if (marks_.empty())
            return;
        for (const Mark& mark : marks_)
            place(mark.character);
        marks_.clear();
    }

    void place(char32_t character)
    {
        character = lower_case(character);
        std::array<char, 4> buffer;
        const std::string_view bytes = to_utf8(character, buffer);
        if (is_space(character)) {
            end_word();
        } else if (is_punctuation(character)) {
            punctuation(bytes);
        } else if (characters_++ < maximum_word_characters) {
            word_ += bytes;
        }
    }

    void append(char letter)
    {
        if (characters_++ < maximum_word_characters)
            word_ += letter;
    }

    void punctuation(std::string_view character)
    {
        end_word();
        word_ += character;
        characters_ = 1;
        end_word();
    }

    /// The longest piece first, again and again; a word with a part that is no piece is unknown as a whole.
    void end_word()
    {
        if (characters_ == 0)
            return;
        const std::size_t before = ids_.size();
        const bool too_long = characters_ > maximum_word_characters;
        std::string_view rest = word_;
        while (!too_long && !rest.empty()) {
            const Vocabulary::Match match = vocabulary_.longest(rest, ids_.size() != before);
            if (match.length == 0)
                break;
            ids_.push_back(match.id);
            rest.remove_prefix(match.length);
        }
        if (too_long || !rest.empty()) {
            ids_.resize(before);
            ids_.push_back(vocabulary_.unknown());
        }
        if (ids_.size() + 1 > maximum_)
            ids_.resize(maximum_ - 1);
        word_.clear();
        characters_ = 0;
    }

    struct Mark
    {
        char32_t character;
        unsigned order;
    };

    const Vocabulary& vocabulary_;
    const std::size_t maximum_;
    std::vector<TokenId> ids_;
    std::string word_;
    std::size_t characters_ = 0; // of the word, also those beyond its maximum
    std::vector<Mark> marks_;
};

} // namespace

std::vector<TokenId> WordPiece::encode(std::string_view text, std::size_t maximum) const
{
    return Encoder(vocabulary_, std::max<std::size_t>(maximum, 2)).run(text);
}

} // namespace whisperstore::local_embedding

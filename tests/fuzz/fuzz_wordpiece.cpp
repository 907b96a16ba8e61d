// Texts to be embedded, and vocabularies. The first byte chooses how many tokens are allowed, and whether the rest is a
// text or a vocabulary.

#include "core/text.hpp"
#include "embedding/local/wordpiece.hpp"
#include "fuzz/fuzz_target.hpp"

namespace whisperstore::fuzz {

namespace {

using namespace local_embedding;

const WordPiece& tokenizer()
{
    static const WordPiece made(
        Vocabulary::from_lines("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##a\n##b\nab\n##ab\n.\n"
                               "e\n##e\n中\nᄒ\n##ᅡ\n##ᆫ\n[\n]\n"));
    return made;
}

void check_text(const std::string& text, std::size_t maximum)
{
    if (!text::is_valid_utf8(text))
        return; // refused before
    const std::vector<TokenId> ids = tokenizer().encode(text, maximum);
    const Vocabulary& vocabulary = tokenizer().vocabulary();
    require(ids.size() >= 2 && ids.size() <= std::max<std::size_t>(maximum, 2), "no more tokens than allowed");
    require(ids.front() == vocabulary.begin_of_text() && ids.back() == vocabulary.end_of_text(), "they are framed");
    for (const TokenId id : ids)
        require(id >= 0 && static_cast<std::size_t>(id) < vocabulary.size(), "an id is the vocabulary's");
    // What is cut off does not change what comes before.
    const std::vector<TokenId> longer = tokenizer().encode(text, 2 * maximum + 2);
    require(std::equal(ids.begin(), ids.end() - 1, longer.begin()), "a cut text begins like the whole");
    require(tokenizer().encode(" " + text + "\n", maximum) == ids, "white space around a text says nothing");
}

void check_vocabulary(std::string_view text)
{
    accepts([&] {
        const WordPiece made(Vocabulary::from_lines(text));
        require(made.encode("abba [UNK] \u00E9", 64).size() >= 2, "any vocabulary tokenizes");
    });
    accepts([&] { static_cast<void>(Vocabulary::from_tokenizer_json(text)); });
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    if (size == 0)
        return 0;
    const std::string_view text = fuzz::as_text(data + 1, size - 1);
    if ((data[0] & 1U) == 0)
        fuzz::check_text(std::string(text), data[0] / 2U);
    else
        fuzz::check_vocabulary(text);
    return 0;
}

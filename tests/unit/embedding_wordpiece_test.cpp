#include "embedding/local/wordpiece.hpp"
#include "support/run.hpp"

namespace whisperstore::local_embedding {
namespace {

using test::error_of;

// Ids are the places in this list.
const std::vector<std::string> tokens = {
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world", "un", "##aff",   "##able", ",",  "!",
    "cafe",  "a",     "##b",   "b",     "中",     "文",    "ı",     "i",  "ας",      "##ας",   "οδ", "σ",
    "οδοσ",  "##σ",   "ᄒ",    "##ᅡ",   "##ᆫ",    "😀",    "[",     "]",  "strasse", "ß",      "x",  "##x"};

std::vector<std::string> pieces(std::string_view text, std::size_t maximum = 256)
{
    static const WordPiece tokenizer{Vocabulary(tokens)};
    std::vector<std::string> out;
    for (const TokenId id : tokenizer.encode(text, maximum))
        out.push_back(tokens.at(static_cast<std::size_t>(id)));
    EXPECT_EQ(out.front(), "[CLS]");
    EXPECT_EQ(out.back(), "[SEP]");
    return {out.begin() + 1, out.end() - 1};
}

struct Case
{
    const char* what;
    std::string text;
    std::vector<std::string> expected;
};

TEST(WordPiece, SplitsAsTheUncasedTokenizerOfBert)
{
    const std::vector<Case> cases = {
        {"upper case", "HELLO World", {"hello", "world"}},
        {"pieces", "unaffable", {"un", "##aff", "##able"}},
        {"an unknown word is one token", "unaffablez hello", {"[UNK]", "hello"}},
        {"punctuation stands alone", "hello,world!!", {"hello", ",", "world", "!", "!"}},
        {"accents go, composed", "caf\u00E9", {"cafe"}},
        {"accents go, decomposed", "cafe\u0301", {"cafe"}},
        {"ideographs stand alone", "a中文b", {"a", "中", "文", "b"}},
        {"compatibility ideographs are decomposed", "\uF9D3", {"[UNK]"}},
        {"tabs and newlines", "hello\t\r\nworld", {"hello", "world"}},
        {"other control characters go", "he\u0001l\u000Bl\u007Fo", {"hello"}},
        {"next line is a control character", "hel\u0085lo", {"hello"}},
        {"Unicode's spaces", "hello\u00A0world\u3000a\u2028b", {"hello", "world", "a", "b"}},
        {"the zero width joiner goes", "a\u200Db", {"a", "##b"}},
        {"the soft hyphen goes", "hel\u00ADlo", {"hello"}},
        {"the replacement character goes", "hel\uFFFDlo", {"hello"}},
        {"private characters go", "hel\uE000lo", {"hello"}},
        {"emoji are words", "😀 a😀", {"😀", "[UNK]"}},
        {"a dotless i is not an i", "ı I i İ", {"ı", "i", "i", "i"}},
        {"a sigma is lowered without its context", "ΟΔΟΣ", {"οδοσ"}},
        {"a final sigma stays", "ΑΣ ας", {"[UNK]", "ας"}},
        {"sharp s is not folded", "ß STRASSE", {"ß", "strasse"}},
        {"Hangul is decomposed", "한", {"ᄒ", "##ᅡ", "##ᆫ"}},
        {"marks alone are nothing", "\u0301\u0302", {}},
        {"marks of nothing", " \u0301 a", {"a"}},
        {"special tokens stand for themselves", "a[SEP]b[MASK]", {"a", "[SEP]", "b", "[MASK]"}},
        {"only when spelled exactly", "[sep] [[CLS]", {"[", "[UNK]", "]", "[", "[CLS]"}},
        {"spaces only", " \n ", {}},
    };
    for (const Case& one : cases)
        EXPECT_EQ(pieces(one.text), one.expected) << one.what;
}

TEST(WordPiece, WordsOfMoreThanAHundredCharactersAreUnknown)
{
    EXPECT_EQ(pieces(std::string(100, 'x')).size(), 100U);
    EXPECT_EQ(pieces(std::string(101, 'x')), std::vector<std::string>{"[UNK]"});
    EXPECT_EQ(pieces(std::string(1'000'000, 'x')), std::vector<std::string>{"[UNK]"});
    // Characters, not bytes.
    std::string ideographs;
    for (int i = 0; i < 200; ++i)
        ideographs += "中";
    EXPECT_EQ(pieces(ideographs).size(), 200U);
}

TEST(WordPiece, LongTextsAreCutWithTheSpecialTokensInside)
{
    std::string text;
    for (int i = 0; i < 1000; ++i)
        text += "hello ";
    EXPECT_EQ(pieces(text, 256).size(), 254U);
    EXPECT_EQ(pieces("hello unaffable", 5), (std::vector<std::string>{"hello", "un", "##aff"}));
    EXPECT_EQ(pieces("hello", 2).size(), 0U);
    EXPECT_EQ(pieces("hello", 0).size(), 0U);
    EXPECT_EQ(pieces("[SEP][SEP][SEP]", 4).size(), 2U);
}

TEST(WordPiece, MarksThatAreNoAccentsComeInCanonicalOrder)
{
    // U+302E (class 224) and U+1D165 (class 216) are spacing marks: the lower class comes first, whatever was written.
    const WordPiece tokenizer{Vocabulary({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a\U0001D165\u302E"})};
    EXPECT_EQ(tokenizer.encode("a\u302E\U0001D165", 9), (std::vector<TokenId>{2, 4, 3}));
    EXPECT_EQ(tokenizer.encode("a\u302E\u0301\U0001D165", 9), (std::vector<TokenId>{2, 4, 3}));
    EXPECT_EQ(tokenizer.encode("a\U0001D165\u302E", 9), (std::vector<TokenId>{2, 4, 3}));
}

TEST(Vocabulary, IsReadFromLinesAndFromTokenizerJson)
{
    const Vocabulary lines = Vocabulary::from_lines("[PAD]\r\n[UNK]\n[CLS]\n[SEP]\nhello\n##x");
    EXPECT_EQ(lines.size(), 6U);
    EXPECT_EQ(lines.find("hello"), 4);
    EXPECT_EQ(lines.longest("xx", true).id, 5);
    EXPECT_EQ(lines.mask(), std::nullopt);
    const Vocabulary json = Vocabulary::from_tokenizer_json(
        R"({"model": {"type": "WordPiece", "vocab": {"hello": 4, "[SEP]": 3, "[CLS]": 2, "[UNK]": 1, "[PAD]": 0}}})");
    EXPECT_EQ(json.find("hello"), 4);
    EXPECT_EQ(json.end_of_text(), 3);
}

TEST(Vocabulary, DamagedOnesAreRefused)
{
    EXPECT_STORAGE_ERROR(Vocabulary::from_lines(""), corrupt);
    EXPECT_STORAGE_ERROR(Vocabulary::from_lines("[PAD]\n[UNK]\n[CLS]\n"), corrupt);
    EXPECT_STORAGE_ERROR(Vocabulary::from_tokenizer_json("{"), corrupt);
    EXPECT_STORAGE_ERROR(Vocabulary::from_tokenizer_json("[]"), corrupt);
    EXPECT_STORAGE_ERROR(Vocabulary::from_tokenizer_json(R"({"model": {"vocab": {"a": -1}}})"), corrupt);
    EXPECT_STORAGE_ERROR(Vocabulary::from_tokenizer_json(R"({"model": {"vocab": {"a": 99999999999}}})"), corrupt);
    EXPECT_STORAGE_ERROR(Vocabulary::from_tokenizer_json(R"({"model": {"type": "BPE", "vocab": {}}})"), unsupported);
}

} // namespace
} // namespace whisperstore::local_embedding

#include "core/hash.hpp"
#include "core/text.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

namespace whisperstore {
namespace {

TEST(Text, Utf8IsCheckedByTheStandard)
{
    for (const char* good : {"", "a", "\x7f", "ä", "€", "🌒", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF", "e\xCC\x81"})
        EXPECT_TRUE(text::is_valid_utf8(good)) << good;
    for (const char* bad : {"\x80", "\xC3", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                            "\xF8\x88\x80\x80\x80", "\xFF", "a\xC3", "\xE2\x82", "\xC3\x28"})
        EXPECT_FALSE(text::is_valid_utf8(bad)) << bad;
}

TEST(Text, ChecksNameTheTextAndThePlace)
{
    EXPECT_NO_THROW(text::check("fine ü", "it"));
    const StorageError nul = test::error_of([] { text::check(std::string_view("ab\0c", 4), "argument 'x'"); });
    EXPECT_EQ(nul.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(nul.message().find("argument 'x'"), std::string::npos);
    EXPECT_NE(nul.message().find("byte 2"), std::string::npos);
    EXPECT_STORAGE_ERROR(text::check("\xFF", "it"), invalid_argument);
}

TEST(Text, CaseFoldingIsThatOfUnicode)
{
    const std::pair<const char*, const char*> equal[] = {
        {"HELLO", "hello"}, {"Straße", "STRASSE"}, {"ÀÉÎ", "àéî"},       {"ΣΊΣΥΦΟΣ", "σίσυφος"},
        {"É", "E\u0301"},   {"ﬁ", "FI"},           {"ПРИВЕТ", "привет"},
    };
    for (const auto& [a, b] : equal)
        EXPECT_EQ(text::fold_case(a), text::fold_case(b)) << a;
    EXPECT_NE(text::fold_case("a"), text::fold_case("ä"));
    EXPECT_EQ(text::fold_case(""), "");
}

TEST(Text, WordsAreSplitAtUnicodeSpace)
{
    EXPECT_EQ(text::folded_words("  Zwei\u00a0Wörter\tund\u3000DREI \n"),
              (std::vector<std::string>{"zwei", "wörter", "und", "drei"}));
    EXPECT_TRUE(text::folded_words(" \t ").empty());
    EXPECT_TRUE(text::folded_words("").empty());
}

TEST(Hash, Sha256IsThatOfTheStandard)
{
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const test::TestDirectory folder;
    const std::string large(200000, 'x');
    test::write_file(folder / "large", large);
    EXPECT_EQ(sha256_hex_of_file(folder / "large"), sha256_hex(large));
    EXPECT_STORAGE_ERROR(sha256_hex_of_file(folder / "absent"), not_found);
}

} // namespace
} // namespace whisperstore

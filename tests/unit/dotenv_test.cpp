#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/config/dotenv.hpp>

#include <gtest/gtest.h>

namespace whisperstore {
namespace {

std::string value_of(std::string_view text)
{
    const std::vector<DotenvEntry> entries = parse_dotenv(text);
    EXPECT_EQ(entries.size(), 1U) << text;
    return entries.empty() ? "" : entries.front().value;
}

TEST(Dotenv, ValuesAreReadAsWritten)
{
    const std::pair<const char*, const char*> cases[] = {
        {"A=b", "b"},
        {"A=", ""},
        {"A = b c  ", "b c"},
        {"  export A=b", "b"},
        {"export=b", "b"},
        {"A=b # comment", "b"},
        {"A=b#c", "b#c"},
        {"A=#c", "#c"},
        {"A= # comment", ""},
        {"A=b=c==", "b=c=="},
        {"A='b # c'", "b # c"},
        {"A=\"b # c\" # d", "b # c"},
        {R"(A='it\'s \\ \n')", R"(it's \ \n)"},
        {R"(A="a\n\t\r\\\"\'\$b")", "a\n\t\r\\\"'$b"},
        {"A=\"two\nlines\"", "two\nlines"},
        {"A=''", ""},
        {"A=b\r\n", "b"},
        {"A=p\"q'r", "p\"q'r"},
        {"A=\xC3\xA9", "\xC3\xA9"},
        {"\xEF\xBB\xBF"
         "A=b",
         "b"},
    };
    for (const auto& [text, expected] : cases)
        EXPECT_EQ(value_of(text), expected) << text;
}

TEST(Dotenv, NothingIsExpandedOrExecuted)
{
    for (const char* value : {"$HOME", "${HOME}", "$(touch /tmp/x)", "`id`", "~/x", "%PATH%", "a;b|c&d"}) {
        EXPECT_EQ(value_of(std::string("A=") + value), value);
        EXPECT_EQ(value_of(std::string("A='") + value + "'"), value);
        EXPECT_EQ(value_of(std::string("A=\"") + value + "\""), value);
    }
}

TEST(Dotenv, LinesAreCounted)
{
    const std::vector<DotenvEntry> entries = parse_dotenv("# head\n\nA=1\r\n\tB=\"x\ny\"  # c\n#D=4\nC=3\nA=5");
    EXPECT_EQ(entries, (std::vector<DotenvEntry>{{"A", "1", 3}, {"B", "x\ny", 4}, {"C", "3", 7}, {"A", "5", 8}}));
    EXPECT_TRUE(parse_dotenv("").empty());
    EXPECT_TRUE(parse_dotenv("\n \n# only\n").empty());
}

TEST(Dotenv, ErrorsNameTheLineAndNeverTheValue)
{
    const std::pair<const char*, const char*> cases[] = {{"A=1\nB\n", "line 2"},
                                                         {"A=1\n\nexport B\n", "line 3"},
                                                         {"1A=sesame", "line 1"},
                                                         {"A-B=sesame", "line 1"},
                                                         {"=sesame", "line 1"},
                                                         {"A='sesame", "line 1"},
                                                         {"A=1\nB=\"sesame\n\n", "line 2"},
                                                         {"A=\"sesame\\q\"", "line 1"},
                                                         {"A=\"x\ny\" sesame", "line 2"},
                                                         {"A='a'sesame", "line 1"},
                                                         {"A=\"sesame\\", "line 1"},
                                                         {"export 9=sesame", "line 1"}};
    for (const auto& [text, line] : cases) {
        const StorageError error = test::error_of([&] { parse_dotenv(text, "prod.env"); });
        EXPECT_EQ(error.errc(), StorageErrc::syntax) << text;
        EXPECT_NE(error.message().find(std::string("prod.env ") + line), std::string::npos) << error.what();
        EXPECT_EQ(error.message().find("sesame"), std::string::npos) << error.what();
    }
    EXPECT_STORAGE_ERROR(parse_dotenv(std::string_view("A=a\0b", 5)), invalid_argument);
    EXPECT_STORAGE_ERROR(parse_dotenv("A=\xFF"), invalid_argument);
}

TEST(Dotenv, FilesThatCannotBeReadAreErrors)
{
    const test::TestDirectory folder;
    EXPECT_STORAGE_ERROR(read_dotenv(folder / "absent"), not_found);
    EXPECT_STORAGE_ERROR(read_dotenv(folder.path()), invalid_argument);
    test::write_file(folder / "large", std::string(1024 * 1024 + 1, '#'));
    EXPECT_STORAGE_ERROR(read_dotenv(folder / "large"), resource_exhausted);
    test::write_file(folder / "good", "A=1");
    EXPECT_EQ(read_dotenv(folder / "good"), (std::vector<DotenvEntry>{{"A", "1", 1}}));
}

} // namespace
} // namespace whisperstore

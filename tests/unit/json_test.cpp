#include "support/run.hpp"

#include <whisperstore/core/json.hpp>

#include <limits>

namespace whisperstore {
namespace {

Blob blob_of(std::string_view text)
{
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

TEST(Json, NumbersAreReadExactly)
{
    EXPECT_EQ(parse_json("9223372036854775807", "x").as_int64(), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(parse_json("0.1", "x").as_double(), 0.1);
    EXPECT_EQ(parse_json("1.7976931348623157e308", "x").as_double(), std::numeric_limits<double>::max());
    EXPECT_EQ(parse_json("123456789012345678.5", "x").as_double(), 123456789012345678.5);
}

TEST(Json, BadTextIsSyntaxWithItsPlace)
{
    for (const char* text :
         {"", "{", "[1,]", "{\"a\" 1}", "nul", "1 2", "{} x", "'a'", "\"\x01\"", "NaN", "\"\xFF\"", "01"}) {
        const StorageError error = test::error_of([&] { parse_json(text, "the filter"); });
        EXPECT_EQ(error.errc(), StorageErrc::syntax) << text;
        EXPECT_NE(error.message().find("the filter"), std::string::npos) << error.what();
        EXPECT_NE(error.message().find("at byte"), std::string::npos) << error.what();
    }
    EXPECT_STORAGE_ERROR(parse_json_object("[1]", "x"), invalid_argument);
    EXPECT_EQ(parse_json_object(" {\"a\": 1} \n", "x").at("a").as_int64(), 1);
}

std::string nested(int depth)
{
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST(Json, NestingIsBounded)
{
    EXPECT_NO_THROW(parse_json(nested(64), "x"));
    EXPECT_STORAGE_ERROR(parse_json(nested(65), "x"), syntax);
    EXPECT_STORAGE_ERROR(parse_json(nested(100000), "x"), syntax);
    EXPECT_NO_THROW(check_json(parse_json(nested(64), "x"), "x"));
    json::value deep = nullptr;
    for (int i = 0; i < 65; ++i)
        deep = json::array(1, deep);
    EXPECT_STORAGE_ERROR(check_json(deep, "x"), invalid_argument);
}

TEST(Json, DocumentsAreCheckedForWhatCannotBeStored)
{
    EXPECT_NO_THROW(check_json(parse_json(R"({"a":[null,true,1.5,"ü"],"b":{}})", "x"), "x"));
    json::object object;
    object["a"] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_STORAGE_ERROR(check_json(object, "x"), invalid_argument);
    object["a"] = -std::numeric_limits<double>::infinity();
    EXPECT_STORAGE_ERROR(check_json(object, "x"), invalid_argument);
    object["a"] = "\xFF";
    EXPECT_STORAGE_ERROR(check_json(object, "x"), invalid_argument);
    object["a"] = std::string_view("a\0", 2);
    EXPECT_STORAGE_ERROR(check_json(object, "x"), invalid_argument);
    object.clear();
    object["\xC3"] = 1;
    EXPECT_STORAGE_ERROR(check_json(object, "x"), invalid_argument);
}

TEST(Json, NobodyRoundsWhatLeaves)
{
    constexpr std::int64_t exact = std::int64_t{1} << 53;
    const std::pair<Value, const char*> cases[] = {
        {nullptr, "null"},
        {true, "true"},
        {5, "5"},
        {exact, "9007199254740992"},
        {-exact, "-9007199254740992"},
        {exact + 1, "\"9007199254740993\""},
        {-exact - 1, "\"-9007199254740993\""},
        {std::numeric_limits<std::int64_t>::min(), "\"-9223372036854775808\""},
        {0.5, "5E-1"},
        {std::numeric_limits<double>::quiet_NaN(), "\"NaN\""},
        {std::numeric_limits<double>::infinity(), "\"Infinity\""},
        {-std::numeric_limits<double>::infinity(), "\"-Infinity\""},
        {"a\"b", "\"a\\\"b\""},
        {blob_of("foob"), "\"Zm9vYg==\""},
    };
    for (const auto& [value, expected] : cases)
        EXPECT_EQ(json::serialize(to_json(value.view())), expected);
    EXPECT_EQ(json::serialize(json_id(7)), "\"7\""); // ids always
}

TEST(Base64, VectorsOfRfc4648)
{
    const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"},
                                                         {"\xFB\xFF", "+/8="}};
    for (const auto& [plain, encoded] : cases) {
        EXPECT_EQ(base64_encode(blob_of(plain)), encoded);
        EXPECT_EQ(base64_decode(encoded), blob_of(plain));
    }
    for (const char* bad :
         {"Z", "Zg", "Zg=", "Zm9v Zm8=", "Z===", "====", "Zh==", "Zm9=", "Zg======", "Zm8=Zm8=", "Zm9-", "Zm9v\n"})
        EXPECT_STORAGE_ERROR(base64_decode(bad), syntax) << bad;
}

} // namespace
} // namespace whisperstore

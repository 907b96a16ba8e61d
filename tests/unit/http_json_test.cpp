// Vectors and texts as JSON, written and read without a tree.

#include "protocol/http/float_text.hpp"
#include "protocol/http/json_cursor.hpp"
#include "support/run.hpp"

#include <whisperstore/core/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

namespace whisperstore::test {

using namespace whisperstore::http;

namespace {

std::vector<float> read_floats(std::string_view text)
{
    JsonCursor cursor(text, "the text");
    std::vector<float> out;
    cursor.read_floats(out);
    cursor.end();
    return out;
}

std::string array(std::span<const float> values)
{
    std::string out;
    append_float_array(out, values);
    return out;
}

bool has_same_bits(const std::vector<float>& a, const std::vector<float>& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
        return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
    });
}

/// Any finite floats, from the smallest to the largest.
std::vector<float> random_floats(std::size_t count)
{
    std::mt19937 random(7); // NOLINT: the same on every run
    std::vector<float> out;
    while (out.size() < count)
        if (const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random())); std::isfinite(value))
            out.push_back(value);
    return out;
}

} // namespace

TEST(HttpFloatText, RoundTripsEveryFloat)
{
    std::vector<float> values = random_floats(50'000);
    for (const float value :
         {0.0F, -0.0F, 1.0F, -1.5F, std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest(),
          std::numeric_limits<float>::min(), std::numeric_limits<float>::denorm_min()})
        values.push_back(value);
    const std::string text = array(values);
    const std::vector<float> read = read_floats(text);
    ASSERT_EQ(read.size(), values.size());
    EXPECT_TRUE(has_same_bits(read, values));
    EXPECT_EQ(parse_json(text, "floats").as_array().size(), values.size()); // and JSON it is
    EXPECT_EQ(array(std::vector<float>{}), "[]");
    EXPECT_EQ(array(std::vector<float>{0.1F, -2}), "[0.1,-2]");
}

TEST(HttpFloatText, HasTheDigitsOfTheStandardLibrary)
{
    std::vector<float> values = random_floats(10'000);
    std::mt19937 random(8); // NOLINT: the same on every run
    std::uniform_real_distribution<float> exponent(-4, 1);
    std::uniform_int_distribution<int> decimal(1, 99'999);
    for (int i = 0; i < 50'000; ++i) { // components of vectors, of many digits and of few
        values.push_back(std::pow(10.0F, exponent(random)) * (i % 2 == 0 ? 1.0F : -1.0F));
        values.push_back(static_cast<float>(decimal(random)) / 1e5F);
    }
    for (const float edge : {1e-4F, 1e-3F, 1e-2F, 1e-1F, 0.125F, 0.25F, 0.5F, 1.0F, 10.0F}) {
        float below = edge;
        float above = edge;
        for (int i = 0; i < 20; ++i) {
            values.push_back(below);
            values.push_back(above);
            below = std::nextafter(below, 0.0F);
            above = std::nextafter(above, 100.0F);
        }
    }
    for (const float value : values) {
        std::array<char, 32> text{};
        const char* const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
        std::string expected = "[";
        expected.append(text.data(), static_cast<std::size_t>(end - text.data()));
        expected += ']';
        ASSERT_EQ(array(std::vector<float>{value}), expected);
    }
}

TEST(HttpFloatText, WhatJsonCannotCarryIsRefused)
{
    for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        std::string out = "kept";
        EXPECT_STORAGE_ERROR(append_float_array(out, std::vector<float>{1, value}), invalid_argument);
        EXPECT_EQ(out, "kept");
    }
}

TEST(HttpFloatText, Base64RoundTripsAtEveryLength)
{
    for (std::size_t count = 0; count < 10; ++count) {
        const std::vector<float> values = random_floats(count);
        const std::string text = encode_float_base64(values);
        EXPECT_EQ(text, base64_encode(std::as_bytes(std::span(values))));
        const std::vector<float> read = decode_float_base64(text);
        ASSERT_EQ(read.size(), count);
        EXPECT_TRUE(has_same_bits(read, values));
    }
}

TEST(HttpFloatText, WrongBase64IsRefused)
{
    for (const char* text :
         {"A", "AAA", "AAAA", "AAAAAA=", "AAAA!A==", "AAAAAB==", "AAAAAA", "AA=A", "====", "AAAAA==="})
        EXPECT_STORAGE_ERROR(decode_float_base64(text), syntax);
}

TEST(HttpJsonString, IsEscaped)
{
    std::string all;
    for (int c = 1; c < 0x80; ++c)
        all.push_back(static_cast<char>(c));
    all += "é€𝄞";
    std::string out;
    append_json_string(out, all);
    EXPECT_EQ(parse_json(out, "string").as_string(), all);
    JsonCursor cursor(out, "string");
    EXPECT_EQ(cursor.read_string(), all);
}

TEST(HttpJsonCursor, ReadsWhatItIsAskedForAndSkipsTheRest)
{
    const std::string text = R"( {"a":[1,2.5,-3e2],"skip":{"x":[null,true,false,"s\u00e9\ud834\udd1e",{}],"y":-0.0},)"
                             R"("n":17,"s":"a\nb\u0041"} )";
    JsonCursor cursor(text, "the text");
    std::vector<float> floats;
    std::uint64_t index = 0;
    std::string words;
    cursor.read_object([&](std::string_view key) {
        if (key == "a")
            cursor.read_floats(floats);
        else if (key == "n")
            index = cursor.read_index();
        else if (key == "s")
            words = cursor.read_string();
        else
            cursor.skip();
    });
    cursor.end();
    EXPECT_EQ(floats, (std::vector<float>{1, 2.5F, -300}));
    EXPECT_EQ(index, 17U);
    EXPECT_EQ(words, "a\nbA");
}

TEST(HttpJsonCursor, RefusesWhatIsNoJson)
{
    for (const char* text : {"",
                             "{",
                             "[1,]",
                             "[,1]",
                             "{\"a\":}",
                             "{\"a\" 1}",
                             "{a:1}",
                             "[1 2]",
                             "01",
                             "1.",
                             ".5",
                             "-",
                             "1e",
                             "+1",
                             "nul",
                             "tru",
                             "\"",
                             "\"\\x\"",
                             "\"\\u12\"",
                             "\"\\ud800\"",
                             "\"\\udc00\"",
                             "\"\\ud800\\u0041\"",
                             "\"\x01\"",
                             "\"\xFF\"",
                             "1 2",
                             "{} x",
                             "\"a\\",
                             "NaN",
                             "Infinity",
                             "0x10"}) {
        EXPECT_STORAGE_ERROR(
            [&] {
                JsonCursor cursor(text, "the text");
                cursor.skip();
                cursor.end();
            }(),
            syntax);
    }
    EXPECT_STORAGE_ERROR(JsonCursor(std::string(100, '['), "deep").skip(), syntax);
    for (const char* text : {"[\"1\"]", "[null]", "[1e999]", "[1e39]", "[-1e39]", "{}", "[[1]]"})
        EXPECT_STORAGE_ERROR(read_floats(text), syntax);
    for (const char* text : {"-1", "1.0", "1e2", "99999999999999999999", "\"1\""})
        EXPECT_STORAGE_ERROR(JsonCursor(text, "an index").read_index(), syntax);
    EXPECT_EQ(read_floats("[1e-999, -1e-60, 1E-99]"), (std::vector<float>{0, 0, 0}));
}

TEST(HttpJsonCursor, AgreesWithBoostJson)
{
    const std::string sample = R"({"data":[{"index":0,"embedding":[0.25,-1e-3,3]},{"x":"\u00e9\\\""}],"ok":true})";
    std::mt19937 random(3); // NOLINT: the same on every run
    for (int i = 0; i < 4'000; ++i) {
        std::string text = sample;
        for (int changes = 0; changes <= i % 3; ++changes)
            text[random() % text.size()] = "{}[]\",:0123456789.eE+-\\u tfn"[random() % 29];
        bool ours = true;
        bool theirs = true;
        try {
            JsonCursor cursor(text, "the text");
            cursor.skip();
            cursor.end();
        } catch (const StorageError&) {
            ours = false;
        }
        try {
            parse_json(text, "the text");
        } catch (const StorageError&) {
            theirs = false;
        }
        ASSERT_EQ(ours, theirs) << text;
    }
}

} // namespace whisperstore::test

#include "core/content_hash.hpp"
#include "core/hash.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace whisperstore::test {
namespace {

using Row = std::vector<Value>;

std::string hash_of(const std::vector<Row>& rows)
{
    ContentHash hash;
    for (const Row& row : rows) {
        for (const Value& value : row)
            hash.add(value.view());
        hash.end_row();
    }
    return hash.hex();
}

TEST(ContentHash, OneRowIsItsSha256WithTheLastByteFirst)
{
    ContentHash hash;
    hash.add("a");
    hash.end_row();
    std::string row("t\1\0\0\0\0\0\0\0a", 10);
    const std::string sha = sha256_hex(row);
    std::string reversed;
    for (std::size_t at = sha.size(); at > 0; at -= 2)
        reversed += sha.substr(at - 2, 2);
    EXPECT_EQ(hash.hex(), reversed);
    EXPECT_EQ(hash.rows(), 1U);
    EXPECT_EQ(hash.bytes(), 1U);
}

TEST(ContentHash, NothingIsZeroAndTheOrderOfRowsDoesNotCount)
{
    EXPECT_EQ(ContentHash().hex(), std::string(64, '0'));
    const Row a{1, "x"};
    const Row b{2, "y"};
    const Row c{3, "z"};
    EXPECT_EQ(hash_of({a, b, c}), hash_of({c, a, b}));
    EXPECT_NE(hash_of({a, b, c}), hash_of({a, b}));
    EXPECT_NE(hash_of({a, a}), hash_of({b, b})) << "two equal rows do not cancel each other out";
    EXPECT_NE(hash_of({a, a}), hash_of({}));
}

TEST(ContentHash, TellsKindsAndBordersApart)
{
    const std::vector<Row> rows{{nullptr, ""},
                                {"", nullptr},
                                {"", ""},
                                {"ab", "c"},
                                {"a", "bc"},
                                {1, 2},
                                {1.0, 2},
                                {"1", 2},
                                {0.0, 0},
                                {-0.0, 0},
                                {Blob{std::byte{'a'}}, "b"},
                                {"a", "b"},
                                {std::numeric_limits<std::int64_t>::max(), 0},
                                {std::numeric_limits<std::int64_t>::min(), 0}};
    for (std::size_t i = 0; i < rows.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            EXPECT_NE(hash_of({rows[i]}), hash_of({rows[j]})) << i << " and " << j;
}

TEST(ContentHash, TakesValuesAsArchivesHoldThem)
{
    EXPECT_EQ(hash_of({{true, false}}), hash_of({{1, 0}}));
    EXPECT_EQ(hash_of({{std::numeric_limits<double>::quiet_NaN()}}), hash_of({{"NaN"}}));
}

} // namespace
} // namespace whisperstore::test

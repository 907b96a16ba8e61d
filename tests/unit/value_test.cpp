#include "support/run.hpp"

#include <whisperstore/core/value.hpp>
#include <whisperstore/database/query_result.hpp>

#include <cmath>
#include <limits>

namespace whisperstore {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Blob bytes(std::initializer_list<int> values)
{
    Blob out;
    for (int value : values)
        out.push_back(static_cast<std::byte>(value));
    return out;
}

TEST(Value, KindsFollowTheCppType)
{
    const std::pair<Value, ValueKind> cases[] = {
        {Value(), ValueKind::null},
        {nullptr, ValueKind::null},
        {true, ValueKind::boolean},
        {1, ValueKind::integer},
        {std::int64_t{-1}, ValueKind::integer},
        {std::uint8_t{200}, ValueKind::integer},
        {1.5, ValueKind::real},
        {1.5F, ValueKind::real},
        {"text", ValueKind::text},
        {std::string("text"), ValueKind::text},
        {std::string_view("text"), ValueKind::text},
        {bytes({1, 2}), ValueKind::blob},
        {std::optional<int>(), ValueKind::null},
        {std::optional<int>(3), ValueKind::integer},
        {std::optional<std::string>("x"), ValueKind::text},
        {Timestamp{}, ValueKind::text},
    };
    for (const auto& [value, kind] : cases) {
        EXPECT_EQ(to_string(value.kind()), to_string(kind));
        EXPECT_EQ(value.is_null(), kind == ValueKind::null);
        EXPECT_EQ(Value(value.view()), value); // and back
    }
}

TEST(Value, AccessorsRefuseOtherKinds)
{
    const Value values[] = {Value(), true, 1, 1.5, "1", bytes({1})};
    for (const Value& value : values) {
        const ValueKind kind = value.kind();
        if (kind != ValueKind::boolean) {
            EXPECT_STORAGE_ERROR(value.as_bool(), type_mismatch);
        }
        if (kind != ValueKind::integer) {
            EXPECT_STORAGE_ERROR(value.as_int(), type_mismatch);
        }
        if (kind != ValueKind::integer && kind != ValueKind::real) {
            EXPECT_STORAGE_ERROR(value.as_real(), type_mismatch);
        }
        if (kind != ValueKind::text) {
            EXPECT_STORAGE_ERROR(value.as_text(), type_mismatch);
        }
        if (kind != ValueKind::blob) {
            EXPECT_STORAGE_ERROR(value.as_blob(), type_mismatch);
        }
    }
    EXPECT_EQ(values[2].as_real(), 1.0); // an integer is a real, too
    const StorageError error = test::error_of([&] { values[4].as_int(); });
    EXPECT_NE(error.message().find("text"), std::string::npos);
    EXPECT_NE(error.message().find("int"), std::string::npos);
}

TEST(Value, OptionalAccessTellsNullApart)
{
    const Value null;
    const Value text = "x";
    const Value number = 5;
    EXPECT_EQ(null.view().as_optional_text(), std::nullopt);
    EXPECT_EQ(null.view().as_optional_int(), std::nullopt);
    EXPECT_EQ(text.view().as_optional_text(), "x");
    EXPECT_EQ(number.view().as_optional_int(), 5);
    EXPECT_STORAGE_ERROR(text.view().as_optional_int(), type_mismatch);
    EXPECT_STORAGE_ERROR(number.view().as_optional_text(), type_mismatch);
}

TEST(Value, IntegersKeepAll64BitsOrAreRefused)
{
    EXPECT_EQ(Value(std::numeric_limits<std::int64_t>::min()).as_int(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(Value(std::uint64_t{1} << 62).as_int(), std::int64_t{1} << 62);
    EXPECT_STORAGE_ERROR(Value(std::numeric_limits<std::uint64_t>::max()), invalid_argument);
    EXPECT_STORAGE_ERROR(Value(std::uint64_t{1} << 63), invalid_argument);
}

TEST(Value, ComparisonNeverConverts)
{
    const auto same = [](const Value& a, const Value& b) { return a == b; };
    EXPECT_TRUE(same(1, 1));
    EXPECT_TRUE(same(nan, nan)); // so that equal rows compare equal
    EXPECT_TRUE(same(0.0, -0.0));
    EXPECT_TRUE(same(nullptr, Value()));
    EXPECT_TRUE(same(bytes({}), bytes({})));
    EXPECT_FALSE(same(1, 1.0));
    EXPECT_FALSE(same(1, true));
    EXPECT_FALSE(same("1", 1));
    EXPECT_FALSE(same("", nullptr));
    EXPECT_FALSE(same("", bytes({})));
    EXPECT_FALSE(same("a", "ab"));

    const Value one = 1;
    EXPECT_TRUE(one.view() == 1);
    EXPECT_TRUE(one.view() == 1U);
    EXPECT_TRUE(one.view() == std::int64_t{1});
    EXPECT_FALSE(one.view() == true);
    EXPECT_FALSE(one.view() == 1.0);
    EXPECT_FALSE(one.view() == "1");
    EXPECT_FALSE(one.view() == nullptr);
    const Value minus = -1;
    EXPECT_FALSE(minus.view() == std::numeric_limits<std::uint64_t>::max());
}

TEST(Value, TimesAreCanonicalText)
{
    const Value time = timestamp("2026-01-31T10:05:00+01:00");
    EXPECT_EQ(time.as_text(), "2026-01-31T09:05:00.000000Z");
    EXPECT_EQ(Value(time.view().as_timestamp()), time);
    EXPECT_STORAGE_ERROR(timestamp("yesterday"), invalid_argument);
    const Value word = "yesterday";
    EXPECT_STORAGE_ERROR(word.view().as_timestamp(), type_mismatch);
    const Value number = 1;
    EXPECT_STORAGE_ERROR(number.view().as_timestamp(), type_mismatch);
}

TEST(Parameters, KeepOrderAndNames)
{
    const Parameters list = params(arg("a", 1), arg("two"), arg("a", nullptr));
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0].name, "a");
    EXPECT_EQ(list[1].name, "");
    EXPECT_EQ(list[1].value.as_text(), "two");
    EXPECT_TRUE(list[2].value.is_null());
    EXPECT_TRUE(params().empty());
}

TEST(Rows, CellsComeBackAsTheyWentIn)
{
    RowsBuilder builder({"a", "b", "a"});
    const Value cells[][3] = {{nullptr, true, 1}, {1.5, "x", bytes({0, 255})}, {"", bytes({}), -7}};
    for (const auto& row : cells)
        for (const Value& cell : row)
            builder.add(cell.view());
    EXPECT_EQ(builder.row_count(), 3U);
    EXPECT_GT(builder.bytes(), 0U);
    const Rows rows = builder.finish();
    ASSERT_EQ(rows.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t k = 0; k < 3; ++k)
            EXPECT_EQ(rows[i][k], cells[i][k]);
    EXPECT_TRUE(rows[1]["a"] == 1.5); // of equal names the first
    EXPECT_TRUE(rows[0].contains("b"));
    EXPECT_FALSE(rows[0].contains("B"));
    EXPECT_STORAGE_ERROR(rows[3], not_found);
    EXPECT_STORAGE_ERROR(rows[0][3], not_found);
    EXPECT_STORAGE_ERROR(rows[0]["c"], not_found);
    EXPECT_STORAGE_ERROR(Rows().front(), not_found);
}

Rows one_row(std::vector<std::string> names, const Value& value)
{
    RowsBuilder builder(std::move(names));
    builder.add(value.view());
    return builder.finish();
}

TEST(Rows, AreEqualWithEqualNamesAndCells)
{
    EXPECT_EQ(one_row({"a"}, 1), one_row({"a"}, 1));
    EXPECT_EQ(one_row({"a"}, nan), one_row({"a"}, nan));
    EXPECT_FALSE(one_row({"a"}, 1) == one_row({"b"}, 1));
    EXPECT_FALSE(one_row({"a"}, 1) == one_row({"a"}, true));
    EXPECT_FALSE(one_row({"a"}, 1) == Rows());
    EXPECT_EQ(Rows(), Rows());
}

TEST(Rows, IterateInOrder)
{
    RowsBuilder builder({"n"});
    for (std::int64_t i = 0; i < 5; ++i)
        builder.add(i);
    std::int64_t expected = 0;
    for (const Row& row : builder.finish())
        EXPECT_EQ(row["n"], expected++);
    EXPECT_EQ(expected, 5);
    for (const Row& row : Rows())
        FAIL() << row.size();
}

} // namespace
} // namespace whisperstore

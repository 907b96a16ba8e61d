#include "migration/portable_rows.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace whisperstore {
namespace {

PortableTable table_of(PortableType type)
{
    PortableTable table;
    table.name = std::string(1, 't'); // GCC 12 warns of an assignment
    PortableColumn column;
    column.name = std::string(1, 'c');
    column.type = type;
    table.columns.push_back(column);
    return table;
}

Rows rows_of(const Value& value)
{
    RowsBuilder rows(std::vector<std::string>{"c"});
    rows.add(value.view());
    return rows.finish();
}

std::string hash_of(PortableType type, const Value& value)
{
    ContentHash hash;
    add_rows(hash, table_of(type), rows_of(value));
    return hash.hex();
}

TEST(PortableRows, WhatDatabasesShowDifferentlyHasOneHash)
{
    using enum PortableType;
    EXPECT_EQ(hash_of(timestamp, Value("2024-02-29 12:00:00+02:00")),
              hash_of(timestamp, Value("2024-02-29T10:00:00.000000Z")));
    EXPECT_EQ(hash_of(real, Value(std::int64_t(3))), hash_of(real, Value(3.0)));
    EXPECT_EQ(hash_of(real, Value(-0.0)), hash_of(real, Value(0.0)));
    EXPECT_EQ(hash_of(real, Value("NaN")), hash_of(real, Value(std::numeric_limits<double>::quiet_NaN())));
    EXPECT_EQ(hash_of(boolean, Value(true)), hash_of(boolean, Value(std::int64_t(1))));
    EXPECT_EQ(hash_of(text, Value(std::int64_t(-7))), hash_of(text, Value("-7")));
}

TEST(PortableRows, WhatDiffersHasAnotherHash)
{
    using enum PortableType;
    EXPECT_NE(hash_of(timestamp, Value("2024-02-29T10:00:00.000001Z")),
              hash_of(timestamp, Value("2024-02-29T10:00:00.000000Z")));
    EXPECT_NE(hash_of(timestamp, Value("epoch")), hash_of(timestamp, Value("1970-01-01T00:00:00.000000Z")));
    EXPECT_NE(hash_of(text, Value("2024-02-29 12:00:00Z")), hash_of(text, Value("2024-02-29T12:00:00.000000Z")));
    EXPECT_NE(hash_of(text, Value("")), hash_of(text, Value()));
    EXPECT_NE(hash_of(text, Value("1.50")), hash_of(text, Value("1.5")));
    EXPECT_NE(hash_of(integer, Value(std::numeric_limits<std::int64_t>::max())),
              hash_of(integer, Value(std::numeric_limits<std::int64_t>::max() - 1)));
    EXPECT_NE(hash_of(blob, Value(std::vector<std::byte>())), hash_of(blob, Value()));
}

TEST(PortableRows, ValuesGetTheTypeOfTheirColumn)
{
    EXPECT_EQ(portable_rows(table_of(PortableType::text), rows_of(Value(std::int64_t(12)))).front()[0], "12");
    EXPECT_EQ(portable_rows(table_of(PortableType::text), rows_of(Value(0.1))).front()[0], "0.1");
    EXPECT_TRUE(portable_rows(table_of(PortableType::blob), rows_of(Value())).front()[0].is_null());
    const auto refused = [](PortableType type, const Value& value) {
        const StorageError error = test::error_of([&] { portable_rows(table_of(type), rows_of(value)); });
        EXPECT_EQ(error.errc(), StorageErrc::type_mismatch);
        EXPECT_NE(error.message().find("column c of the table t"), std::string::npos) << error.what();
    };
    refused(PortableType::text, Value(std::vector<std::byte>(1)));
    refused(PortableType::integer, Value(std::vector<std::byte>(1)));
    refused(PortableType::blob, Value(std::string("x")));
}

} // namespace
} // namespace whisperstore

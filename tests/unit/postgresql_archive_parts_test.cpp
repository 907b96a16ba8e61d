// COPY's binary format, and the order of a schema's objects.
#include "database/postgresql/archive/copy_rows.hpp"
#include "database/postgresql/archive/schema_order.hpp"
#include "support/run.hpp"

namespace whisperstore::postgresql {
namespace {

using namespace std::string_literals;

const std::string header = "PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0"s;
const std::string end_mark = "\xFF\xFF"s;

std::vector<Oid> types() { return {oid::int4, oid::text}; }

Rows read(const std::vector<std::string>& messages, CopyRows& copy)
{
    RowsBuilder rows(std::vector<std::string>{"number", "name"});
    for (const std::string& message : messages)
        copy.read(message, rows);
    return rows.finish();
}

TEST(CopyRows, ComeWithTheirHeaderAndInMessagesOfTheirOwn)
{
    CopyRows copy(types());
    const Rows rows = read({header + "\0\2\0\0\0\4\0\0\0\7\0\0\0\2hi"s, "\0\2\xFF\xFF\xFF\xFF\0\0\0\0"s}, copy);
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0][0], 7);
    EXPECT_EQ(rows[0][1], "hi");
    EXPECT_TRUE(rows[1][0].is_null());
    EXPECT_EQ(rows[1][1], "");
    EXPECT_FALSE(copy.at_end());
    EXPECT_TRUE(read({end_mark}, copy).empty());
    EXPECT_TRUE(copy.at_end());
}

TEST(CopyRows, AnEmptyTableIsAHeaderAndAnEnd)
{
    CopyRows copy(types());
    EXPECT_TRUE(read({header + end_mark}, copy).empty());
    EXPECT_TRUE(copy.at_end());
}

TEST(CopyRows, WhatIsNotTheFormatIsRefused)
{
    const std::string row = "\0\2\0\0\0\4\0\0\0\7\0\0\0\2hi"s;
    std::string critical = header;
    critical[11] = '\1';
    std::string extension = header;
    extension[18] = '\4';
    for (const std::string& message :
         {"\0"s, "PGCOPY"s, "QGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0"s, critical, extension, header + "\0"s,
          header + "\0\1\0\0\0\4\0\0\0\7"s, header + "\xFF\xFE"s, header + row.substr(0, 9), header + row + "x"s,
          header + "\0\2\xFF\xFF\xFF\xFE"s, header + "\0\2\x7F\xFF\xFF\xFF"s, header + end_mark + row,
          header + "\0\2\0\0\0\5\0\0\0\7\0\0\0\0\2hi"s}) {
        CopyRows copy(types());
        EXPECT_STORAGE_ERROR(read({message}, copy), corrupt);
    }
    CopyRows ended(types());
    read({header + end_mark}, ended);
    EXPECT_STORAGE_ERROR(read({row}, ended), corrupt);
}

std::vector<SchemaObject> objects(std::int64_t count)
{
    std::vector<SchemaObject> list;
    for (std::int64_t i = 0; i < count; ++i) {
        SchemaObject object;
        object.key = {1, i};
        list.push_back(std::move(object));
    }
    return list;
}

std::vector<std::int64_t> order(std::int64_t count, const std::vector<std::pair<std::int64_t, std::int64_t>>& needs)
{
    std::multimap<SchemaObject::Key, SchemaObject::Key> all;
    for (const auto& [object, needed] : needs)
        all.emplace(std::pair(std::int64_t(1), object), std::pair(std::int64_t(1), needed));
    std::vector<std::int64_t> out;
    for (const SchemaObject& object : in_order(objects(count), all))
        out.push_back(object.key.second);
    return out;
}

TEST(SchemaObjects, ComeAfterWhatTheyNeed)
{
    using Order = std::vector<std::int64_t>;
    EXPECT_EQ(order(0, {}), Order());
    EXPECT_EQ(order(3, {}), (Order{0, 1, 2}));
    EXPECT_EQ(order(3, {{0, 2}}), (Order{1, 2, 0}));
    EXPECT_EQ(order(4, {{0, 1}, {1, 2}, {2, 3}}), (Order{3, 2, 1, 0}));
    EXPECT_EQ(order(4, {{0, 3}, {0, 3}, {1, 3}}), (Order{2, 3, 0, 1}));
    EXPECT_EQ(order(2, {{0, 0}, {1, 99}, {99, 0}}), (Order{0, 1})); // itself, and what is none of ours
    EXPECT_EQ(order(3, {{0, 1}, {1, 0}, {2, 0}}).size(), 3U);       // a circle is no end
}

} // namespace
} // namespace whisperstore::postgresql

// PackStream: the bytes of the specification, every structure, sizes at their limits, and what is no PackStream.

#include "protocol/bolt/failure.hpp"
#include "protocol/bolt/packstream.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace whisperstore::test {

using namespace whisperstore::bolt;
using namespace std::string_literals;

namespace {

constexpr Dialect bolt_4{false, false};
constexpr Dialect bolt_5{true, true};

std::string pack(const Value& value, Dialect dialect = bolt_5)
{
    std::string out;
    Packer(out).value(value, dialect);
    return out;
}

Value unpack(std::string_view bytes, Dialect dialect = bolt_5)
{
    Unpacker in(bytes, dialect);
    Value out = in.value();
    EXPECT_TRUE(in.done()) << "bytes are left";
    return out;
}

std::string refusal_of(std::string_view bytes, Dialect dialect = bolt_5)
{
    try {
        Unpacker in(bytes, dialect);
        static_cast<void>(in.value());
    } catch (const Malformed& malformed) {
        EXPECT_FALSE(malformed.text.empty());
        return malformed.text;
    }
    ADD_FAILURE() << "it was read";
    return {};
}

std::string hex(std::string_view bytes)
{
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : bytes) {
        out += digits[static_cast<unsigned char>(c) >> 4U];
        out += digits[static_cast<unsigned char>(c) & 0xFU];
    }
    return out;
}

struct Packed
{
    Value value;
    std::string hex;
};

Bytes bytes_of(std::size_t count) { return Bytes(count, std::byte{7}); }

} // namespace

TEST(BoltPackStream, BytesAreThoseOfTheSpecification)
{
    const Packed table[] = {
        {nullptr, "C0"},
        {true, "C3"},
        {false, "C2"},
        {0, "00"},
        {1, "01"},
        {42, "2A"},
        {127, "7F"},
        {128, "C90080"},
        {-1, "FF"},
        {-16, "F0"},
        {-17, "C8EF"},
        {-128, "C880"},
        {-129, "C9FF7F"},
        {1234, "C904D2"},
        {32767, "C97FFF"},
        {32768, "CA00008000"},
        {-32768, "C98000"},
        {-32769, "CAFFFF7FFF"},
        {2147483647, "CA7FFFFFFF"},
        {2147483648, "CB0000000080000000"},
        {std::numeric_limits<std::int64_t>::min(), "CB8000000000000000"},
        {std::numeric_limits<std::int64_t>::max(), "CB7FFFFFFFFFFFFFFF"},
        {1.23, "C13FF3AE147AE147AE"},
        {-1.1, "C1BFF199999999999A"},
        {"", "80"},
        {"A", "8141"},
        {"Größenmaßstäbe", "D0124772C3B6C39F656E6D61C39F7374C3A46265"},
        {bytes_of(0), "CC00"},
        {bytes_of(3), "CC03070707"},
        {List(), "90"},
        {List{1, 2.0, "three"}, "9301C14000000000000000857468726565"},
        {Map(), "A0"},
        {Map().set("one", "eins"), "A1836F6E658465696E73"},
        {Date{19724}, "B144C94D0C"},
        {Time{1, 3600}, "B25401C90E10"},
        {LocalTime{1}, "B17401"},
        {DateTime{10, 2, 3600}, "B3490A02C90E10"},
        {DateTimeZoneId{10, 2, "Europe/Oslo"}, "B3690A028B4575726F70652F4F736C6F"},
        {LocalDateTime{10, 2}, "B2640A02"},
        {Duration{1, 2, 3, 4}, "B44501020304"},
        {Point2D{7203, 1.0, 2.0}, "B358C91C23C13FF0000000000000C14000000000000000"},
        {Point3D{9157, 1.0, 2.0, 0.0}, "B459C923C5C13FF0000000000000C14000000000000000C10000000000000000"},
    };
    for (const Packed& row : table) {
        EXPECT_EQ(hex(pack(row.value)), row.hex);
        EXPECT_EQ(unpack(pack(row.value)), row.value) << row.hex;
    }
}

TEST(BoltPackStream, LongerFormsThanNeededAreReadToo)
{
    EXPECT_EQ(unpack("\xC8\x2A"s), Value(42));
    EXPECT_EQ(unpack("\xCB\0\0\0\0\0\0\0\x2A"s), Value(42));
    EXPECT_EQ(unpack("\xD2\0\0\0\x01\x41"s), Value("A"));
    EXPECT_EQ(unpack("\xD6\0\0\0\x01\x2A"s), Value(List{42}));
    EXPECT_EQ(unpack("\xDA\0\0\0\x01\x81\x41\x2A"s), Value(Map().set("A", 42)));
    EXPECT_EQ(unpack("\xCE\0\0\0\x01\x07"s), Value(bytes_of(1)));
}

TEST(BoltPackStream, EverySizeAroundALimitComesBack)
{
    for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 255U, 256U, 257U, 65535U, 65536U, 65537U, 200000U}) {
        EXPECT_EQ(unpack(pack(std::string(size, 'x'))), Value(std::string(size, 'x')));
        EXPECT_EQ(unpack(pack(bytes_of(size))), Value(bytes_of(size)));
        const List list(size, Value(1));
        EXPECT_EQ(unpack(pack(list)), Value(list));
        if (size <= 257) {
            Map map;
            for (std::size_t i = 0; i < size; ++i)
                map.append("name" + std::to_string(i), i);
            EXPECT_EQ(unpack(pack(map)), Value(map));
        }
    }
}

TEST(BoltPackStream, SpecialNumbersComeBack)
{
    EXPECT_TRUE(std::isnan(unpack(pack(std::nan(""))).as_real()));
    EXPECT_EQ(unpack(pack(std::numeric_limits<double>::infinity())).as_real(), HUGE_VAL);
    EXPECT_TRUE(std::signbit(unpack(pack(-0.0)).as_real()));
    EXPECT_EQ(unpack(pack(std::numeric_limits<double>::denorm_min())).as_real(),
              std::numeric_limits<double>::denorm_min());
}

TEST(BoltPackStream, GraphStructuresOfBothGenerations)
{
    // Node(1, ["A"], {x: 2}) and Relationship(3, 1, 2, "R", {}).
    const Value old_node = unpack("\xB3\x4E\x01\x91\x81\x41\xA1\x81x\x02"s, bolt_4);
    EXPECT_EQ(old_node.as_node().element_id, "1");
    EXPECT_EQ(old_node.as_node().labels, std::vector<std::string>(1, "A"));
    const Value node = unpack("\xB4\x4E\x01\x91\x81\x41\xA1\x81x\x02\x83"
                              "4:1"s);
    EXPECT_EQ(node.as_node().element_id, "4:1");
    EXPECT_EQ(node.as_node().properties.at("x"), Value(2));
    const Value old_relationship = unpack("\xB5\x52\x03\x01\x02\x81R\xA0"s, bolt_4);
    EXPECT_EQ(old_relationship.as_relationship().end_element_id, "2");
    const Value relationship = unpack("\xB8\x52\x03\x01\x02\x81R\xA0\x83"
                                      "5:3\x83"
                                      "4:1\x83"
                                      "4:2"s);
    EXPECT_EQ(relationship.as_relationship().element_id, "5:3");
    EXPECT_EQ(relationship.as_relationship().start_element_id, "4:1");
    EXPECT_EQ(relationship.as_relationship().type, "R");
    refusal_of("\xB3\x4E\x01\x91\x81\x41\xA1\x81x\x02"s); // a field is missing in Bolt 5
    refusal_of("\xB4\x4E\x01\x91\x81\x41\xA1\x81x\x02\x83"
               "4:1"s,
               bolt_4);
}

TEST(BoltPackStream, PathsAreWalkedInBothDirections)
{
    // (1)-[10]->(2)<-[11]-(3): the second relationship is walked against its direction.
    const std::string nodes = "\x93\xB4N\x01\x90\xA0\x81"
                              "a\xB4N\x02\x90\xA0\x81"
                              "b\xB4N\x03\x90\xA0\x81"
                              "c"s;
    const std::string relationships = "\x92\xB4r\x0A\x81R\xA0\x81x\xB4r\x0B\x81S\xA0\x81y"s;
    const Value value = unpack("\xB3P" + nodes + relationships + "\x94\x01\x01\xFE\x02"s);
    const Path& path = value.as_path();
    ASSERT_EQ(path.nodes.size(), 3U);
    ASSERT_EQ(path.relationships.size(), 2U);
    EXPECT_EQ(path.relationships[0].start_id, 1);
    EXPECT_EQ(path.relationships[0].end_id, 2);
    EXPECT_EQ(path.relationships[1].type, "S");
    EXPECT_EQ(path.relationships[1].start_element_id, "c");
    EXPECT_EQ(path.relationships[1].end_element_id, "b");
    const Value alone = unpack("\xB3P\x91\xB4N\x01\x90\xA0\x81"
                               "a\x90\x90"s);
    EXPECT_TRUE(alone.as_path().relationships.empty());

    refusal_of("\xB3P\x90\x90\x90"s);                              // no node
    refusal_of("\xB3P" + nodes + relationships + "\x91\x01"s);     // half a step
    refusal_of("\xB3P" + nodes + relationships + "\x92\x03\x01"s); // a relationship that is not there
    refusal_of("\xB3P" + nodes + relationships + "\x92\x00\x01"s);
    refusal_of("\xB3P" + nodes + relationships + "\x92\x01\x03"s); // a node that is not there
    refusal_of("\xB3P" + nodes + relationships + "\x92\x01\xFF"s);
    refusal_of("\xB3P" + nodes + relationships + "\x92\xCB\x80\0\0\0\0\0\0\0\x01"s);
    refusal_of("\xB3P\x91\x01\x90\x90"s); // a number where a node should be
}

TEST(BoltPackStream, ZonedTimesOfBothGenerations)
{
    const DateTime moment{1000, 5, 3600};
    EXPECT_EQ(hex(pack(moment, bolt_4)), "B346C911F805C90E10"); // 4,600: the clock there
    EXPECT_EQ(unpack(pack(moment, bolt_4), bolt_4), Value(moment));
    EXPECT_EQ(unpack(pack(moment)), Value(moment));
    EXPECT_NE(refusal_of("\xB3\x66\x0A\x02\x83Z/Z"s, bolt_4).find("time zone"), std::string::npos);
    EXPECT_STORAGE_ERROR(pack(DateTimeZoneId{1, 2, "Z/Z"}, bolt_4), unsupported);
    EXPECT_NE(refusal_of(pack(moment), bolt_4).find("another version"), std::string::npos);
    EXPECT_NE(refusal_of(pack(moment, bolt_4)).find("another version"), std::string::npos);
    EXPECT_STORAGE_ERROR(pack(DateTime{std::numeric_limits<std::int64_t>::max(), 0, 1}, bolt_4), invalid_argument);
}

TEST(BoltPackStream, WhatTheServerWouldNotTakeIsRefused)
{
    EXPECT_STORAGE_ERROR(pack(Node()), invalid_argument);
    EXPECT_STORAGE_ERROR(pack(List{Relationship()}), invalid_argument);
    EXPECT_STORAGE_ERROR(pack(Map().set("p", Path())), invalid_argument);
    EXPECT_STORAGE_ERROR(pack(UnboundRelationship()), invalid_argument);
    EXPECT_STORAGE_ERROR(pack("\xC3\x28"), invalid_argument);
    EXPECT_STORAGE_ERROR(pack(Map().set("\xFF", 1)), invalid_argument);
    EXPECT_STORAGE_ERROR(Value(std::numeric_limits<std::uint64_t>::max()), invalid_argument);
    EXPECT_EQ(unpack(pack(std::string("a\0b", 3))).as_string().size(), 3U);
}

TEST(BoltPackStream, WhatIsNoPackStreamIsRefused)
{
    const std::string table[] = {
        "",
        "\xC1\0\0"s,
        "\xC4"s,
        "\xC7"s,
        "\xCB\0"s,
        "\x85"
        "abc"s,
        "\xD0\x05"
        "abc"s,
        "\xD2\xFF\xFF\xFF\xFF"
        "abc"s,
        "\x93\x01\x02"s,
        "\xD6\xFF\xFF\xFF\xFF\x01"s,
        "\xA1\x01\x01"s, // a name that is no text
        "\xDA\xFF\xFF\xFF\xFF\x81"
        "a"s,
        "\xCC\x05\x01"s,
        "\xB1\x51\x01"s, // no such structure
        "\xB2\x44\x01\x02"s,
        "\xB1\x44\x81"
        "a"s,
        "\xE0"s,
        "\xB3\x58\x01\x02\x03"s,
        "\xB0"s,
    };
    for (const std::string& bytes : table)
        refusal_of(bytes);
}

TEST(BoltPackStream, NestingHasALimit)
{
    std::string deep(static_cast<std::size_t>(Unpacker::deepest), '\x91');
    EXPECT_EQ(unpack(deep + "\x01").kind(), Kind::list);
    refusal_of(std::string(1'000'000, '\x91') + "\x01");
    std::string maps;
    for (int i = 0; i < 100'000; ++i)
        maps += "\xA1\x80";
    refusal_of(maps + "\x01");
    std::string nodes; // where the number of the first should be
    for (int i = 0; i < 100'000; ++i)
        nodes += "\xB4\x4E";
    refusal_of(nodes);
    std::string properties;
    for (int i = 0; i < 100'000; ++i)
        properties += "\xB4\x4E\x01\x90\xA1\x80";
    refusal_of(properties);
}

TEST(BoltPackStream, RandomValuesComeBack)
{
    std::mt19937 random(20261130);
    const auto number = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    const std::function<Value(int)> make = [&](int depth) -> Value {
        switch (number(depth > 0 ? 15 : 13)) {
        case 0:
            return nullptr;
        case 1:
            return number(2) == 1;
        case 2:
            return static_cast<std::int64_t>(std::uint64_t(random()) << 32U | random()) >> number(64);
        case 3:
            return static_cast<double>(random()) / 7.0;
        case 4:
            return std::string(static_cast<std::size_t>(number(300)), 'a');
        case 5:
            return bytes_of(static_cast<std::size_t>(number(300)));
        case 6:
            return Date{number(100000) - 50000};
        case 7:
            return Time{number(1000), number(7200) - 3600};
        case 8:
            return DateTime{number(1000000000), number(1000000000), number(7200) - 3600};
        case 9:
            return DateTimeZoneId{number(1000000000), number(1000000000), "Europe/Berlin"};
        case 10:
            return Duration{number(100), number(100), -number(100), number(100)};
        case 11:
            return Point3D{4979, 1.0 * number(90), 2.0, 3.0};
        case 12:
            return LocalDateTime{-number(1000), number(1000)};
        case 13: {
            List list;
            for (int i = number(20); i > 0; --i)
                list.push_back(make(depth - 1));
            return list;
        }
        default: {
            Map map;
            for (int i = number(20); i > 0; --i)
                map.set("name" + std::to_string(i), make(depth - 1));
            return map;
        }
        }
    };
    for (int i = 0; i < 2000; ++i) {
        const Value value = make(3);
        ASSERT_EQ(unpack(pack(value)), value);
        // No beginning of it is read as something whole.
        const std::string bytes = pack(value);
        const std::size_t cut = random() % bytes.size();
        refusal_of(std::string_view(bytes).substr(0, cut));
    }
}

TEST(BoltValue, SaysWhatItIsInsteadOfWhatWasAsked)
{
    const Value value("text");
    try {
        static_cast<void>(value.as_int());
        FAIL();
    } catch (const StorageError& error) {
        EXPECT_EQ(error.errc(), StorageErrc::type_mismatch);
        EXPECT_EQ(error.message(), "the value is of kind string, not integer");
    }
    EXPECT_EQ(Value(3).as_real(), 3.0);
    EXPECT_STORAGE_ERROR(Value(3.0).as_int(), type_mismatch);
    EXPECT_STORAGE_ERROR(Value(3).as_node(), type_mismatch);
    EXPECT_EQ(Value(Node()), Value(Node()));
    EXPECT_NE(Value(1), Value(1.0));
    EXPECT_EQ(Value(std::optional<int>()), Value());
    EXPECT_EQ(to_string(Kind::point_3d), "point_3d");
    EXPECT_EQ(Value(Point3D()).kind(), Kind::point_3d);
}

TEST(BoltValue, MapsKeepTheirOrderAndAreEqualWithoutIt)
{
    Map map;
    map.set("b", 1).set("a", 2).set("b", 3);
    ASSERT_EQ(map.size(), 2U);
    EXPECT_EQ(map.begin()->name, "b");
    EXPECT_EQ(map.at("b"), Value(3));
    EXPECT_EQ(map, Map().set("a", 2).set("b", 3));
    EXPECT_NE(map, Map().set("a", 2));
    EXPECT_STORAGE_ERROR(map.at("c"), not_found);
}

} // namespace whisperstore::test

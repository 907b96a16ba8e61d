#include "protocol/bolt/failure.hpp"
#include "protocol/bolt/packstream.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string>

namespace whisperstore::bolt {

namespace {

[[noreturn]] void malformed(const char* what) { throw Malformed{std::string("not PackStream: ").append(what)}; }

} // namespace

std::uint8_t Unpacker::byte()
{
    if (at_ == end_)
        malformed("the message ends within a value");
    return static_cast<std::uint8_t>(*at_++);
}

template <typename T>
T Unpacker::number()
{
    if (static_cast<std::size_t>(end_ - at_) < sizeof(T))
        malformed("the message ends within a number");
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = value << 8U | static_cast<std::uint8_t>(*at_++);
    return static_cast<T>(value);
}

std::string_view Unpacker::text(std::size_t size)
{
    if (static_cast<std::size_t>(end_ - at_) < size)
        malformed("the message ends within a text");
    const std::string_view out(at_, size);
    at_ += size;
    return out;
}

/// So that a size which cannot be true allocates nothing.
std::size_t Unpacker::checked(std::size_t count, std::size_t least_bytes) const
{
    if (count > static_cast<std::size_t>(end_ - at_) / least_bytes)
        malformed("a list or map is larger than its message");
    return count;
}

/// The size that follows a marker: 8, 16 or 32 bits.
std::size_t Unpacker::size_of(int bytes)
{
    return bytes == 1 ? number<std::uint8_t>() : bytes == 2 ? number<std::uint16_t>() : number<std::uint32_t>();
}

bool Unpacker::string_size(std::uint8_t marker, std::size_t& size)
{
    if ((marker & 0xF0U) == 0x80)
        size = marker & 0x0FU;
    else if (marker >= 0xD0 && marker <= 0xD2)
        size = size_of(1 << (marker - 0xD0));
    else
        return false;
    return true;
}

Value Unpacker::value(int depth)
{
    Value out;
    read_into(out, depth);
    return out;
}

void Unpacker::read_into(Value& out, int depth)
{
    if (depth > deepest)
        malformed("values are nested too deep");
    const std::uint8_t marker = byte();
    if (marker < 0x80 || marker >= 0xF0) {
        out = static_cast<std::int64_t>(static_cast<std::int8_t>(marker));
        return;
    }
    const std::size_t low = marker & 0x0FU;
    switch (marker & 0xF0U) {
    case 0x80:
        out = std::string(text(low));
        return;
    case 0x90:
        out = list_of(low, depth);
        return;
    case 0xA0:
        out = map_of(low, depth);
        return;
    case 0xB0:
        out = structure_of(byte(), low, depth);
        return;
    default:
        break;
    }
    switch (marker) {
    case 0xC0:
        return;
    case 0xC1:
        out = std::bit_cast<double>(number<std::uint64_t>());
        return;
    case 0xC2:
    case 0xC3:
        out = marker == 0xC3;
        return;
    case 0xC8:
        out = static_cast<std::int64_t>(number<std::int8_t>());
        return;
    case 0xC9:
        out = static_cast<std::int64_t>(number<std::int16_t>());
        return;
    case 0xCA:
        out = static_cast<std::int64_t>(number<std::int32_t>());
        return;
    case 0xCB:
        out = number<std::int64_t>();
        return;
    case 0xCC:
    case 0xCD:
    case 0xCE: {
        const std::string_view content = text(size_of(1 << (marker - 0xCC)));
        Bytes bytes(content.size());
        if (!content.empty())
            std::memcpy(bytes.data(), content.data(), content.size());
        out = std::move(bytes);
        return;
    }
    case 0xD0:
    case 0xD1:
    case 0xD2:
        out = std::string(text(size_of(1 << (marker - 0xD0))));
        return;
    case 0xD4:
    case 0xD5:
    case 0xD6:
        out = list_of(size_of(1 << (marker - 0xD4)), depth);
        return;
    case 0xD8:
    case 0xD9:
    case 0xDA:
        out = map_of(size_of(1 << (marker - 0xD8)), depth);
        return;
    default:
        malformed("an unknown marker");
    }
}

List Unpacker::list_of(std::size_t count, int depth)
{
    List out(checked(count, 1));
    for (Value& item : out)
        read_into(item, depth + 1);
    return out;
}

Map Unpacker::map_of(std::size_t count, int depth)
{
    Map out;
    out.reserve(checked(count, 2));
    for (std::size_t i = 0; i < count; ++i) {
        std::string name = string_field();
        read_into(out.append(std::move(name), Value()), depth + 1);
    }
    return out;
}

std::size_t Unpacker::list_size()
{
    const std::uint8_t marker = byte();
    if ((marker & 0xF0U) == 0x90)
        return checked(marker & 0x0FU, 1);
    if (marker < 0xD4 || marker > 0xD6)
        malformed("something else where a list should be");
    return checked(size_of(1 << (marker - 0xD4)), 1);
}

Map Unpacker::map() { return map_field(0); }

Unpacker::Structure Unpacker::structure()
{
    const std::uint8_t marker = byte();
    if ((marker & 0xF0U) != 0xB0)
        malformed("something else where a structure should be");
    return Structure{byte(), marker & 0x0FU};
}

/// Not by way of value(): what is nested here instead would not be counted.
std::int64_t Unpacker::integer_field()
{
    const std::uint8_t marker = byte();
    if (marker < 0x80 || marker >= 0xF0)
        return static_cast<std::int8_t>(marker);
    switch (marker) {
    case 0xC8:
        return number<std::int8_t>();
    case 0xC9:
        return number<std::int16_t>();
    case 0xCA:
        return number<std::int32_t>();
    case 0xCB:
        return number<std::int64_t>();
    default:
        malformed("something else where an integer should be");
    }
}

std::int32_t Unpacker::small_integer_field()
{
    const std::int64_t integer = integer_field();
    if (!std::in_range<std::int32_t>(integer))
        malformed("an integer out of its range");
    return static_cast<std::int32_t>(integer);
}

double Unpacker::real_field()
{
    if (byte() != 0xC1)
        malformed("something else where a floating point number should be");
    return std::bit_cast<double>(number<std::uint64_t>());
}

std::string Unpacker::string_field()
{
    std::size_t size = 0;
    if (!string_size(byte(), size))
        malformed("something else where a text should be");
    return std::string(text(size));
}

Map Unpacker::map_field(int depth)
{
    const std::uint8_t marker = byte();
    if ((marker & 0xF0U) == 0xA0)
        return map_of(marker & 0x0FU, depth);
    if (marker < 0xD8 || marker > 0xDA)
        malformed("something else where a map should be");
    return map_of(size_of(1 << (marker - 0xD8)), depth);
}

Value Unpacker::structure_of(std::uint8_t tag, std::size_t fields, int depth)
{
    struct Shape
    {
        std::uint8_t tag;
        std::size_t fields;
    };
    constexpr Shape shapes[] = {{'D', 1}, {'T', 2}, {'t', 1}, {'I', 3}, {'i', 3}, {'F', 3},
                                {'f', 3}, {'d', 2}, {'E', 4}, {'X', 3}, {'Y', 4}};
    for (const Shape& shape : shapes)
        if (shape.tag == tag) {
            if (shape.fields != fields)
                malformed("a structure with a wrong number of fields");
            // 'I' and 'i' took the place of 'F' and 'f': a server uses one pair or the other.
            if ((tag == 'I' || tag == 'i') != dialect_.utc_times &&
                (tag == 'I' || tag == 'i' || tag == 'F' || tag == 'f'))
                malformed("a moment in the form of another version");
            return time_structure(tag);
        }
    switch (tag) {
    case 'N':
        return node(fields, depth);
    case 'R':
        return relationship(fields, depth);
    case 'r':
        return unbound(fields, depth);
    case 'P':
        return path(fields, depth);
    default:
        malformed("an unknown structure");
    }
}

Value Unpacker::time_structure(std::uint8_t tag)
{
    // Fields are read in the order of the statements: braces keep it.
    switch (tag) {
    case 'D':
        return Date{integer_field()};
    case 'T':
        return Time{integer_field(), small_integer_field()};
    case 't':
        return LocalTime{integer_field()};
    case 'I':
        return DateTime{integer_field(), small_integer_field(), small_integer_field()};
    case 'F': {
        DateTime time{integer_field(), small_integer_field(), small_integer_field()};
        if (time.seconds < std::numeric_limits<std::int64_t>::min() / 2 ||
            time.seconds > std::numeric_limits<std::int64_t>::max() / 2)
            malformed("a moment out of its range");
        time.seconds -= time.offset_seconds;
        return time;
    }
    case 'i': {
        DateTimeZoneId time;
        time.seconds = integer_field();
        time.nanoseconds = small_integer_field();
        time.zone = string_field();
        return time;
    }
    case 'f':
        throw Malformed{"a moment in a named time zone, in the form of servers before 4.4.12, which does not say when "
                        "it was: return datetime() with an offset, or use a newer server"};
    case 'd':
        return LocalDateTime{integer_field(), small_integer_field()};
    case 'E':
        return Duration{integer_field(), integer_field(), integer_field(), small_integer_field()};
    case 'X':
        return Point2D{small_integer_field(), real_field(), real_field()};
    default:
        return Point3D{small_integer_field(), real_field(), real_field(), real_field()};
    }
}

Node Unpacker::node(std::size_t fields, int depth)
{
    if (fields != (dialect_.element_ids ? 4 : 3))
        malformed("a node with a wrong number of fields");
    Node out;
    out.id = integer_field();
    out.labels.resize(list_size());
    for (std::string& label : out.labels)
        label = string_field();
    out.properties = map_field(depth + 1);
    out.element_id = dialect_.element_ids ? string_field() : std::to_string(out.id);
    return out;
}

Relationship Unpacker::relationship(std::size_t fields, int depth)
{
    if (fields != (dialect_.element_ids ? 8 : 5))
        malformed("a relationship with a wrong number of fields");
    Relationship out;
    out.id = integer_field();
    out.start_id = integer_field();
    out.end_id = integer_field();
    out.type = string_field();
    out.properties = map_field(depth + 1);
    out.element_id = dialect_.element_ids ? string_field() : std::to_string(out.id);
    out.start_element_id = dialect_.element_ids ? string_field() : std::to_string(out.start_id);
    out.end_element_id = dialect_.element_ids ? string_field() : std::to_string(out.end_id);
    return out;
}

UnboundRelationship Unpacker::unbound(std::size_t fields, int depth)
{
    if (fields != (dialect_.element_ids ? 4 : 3))
        malformed("a relationship of a path with a wrong number of fields");
    UnboundRelationship out;
    out.id = integer_field();
    out.type = string_field();
    out.properties = map_field(depth + 1);
    out.element_id = dialect_.element_ids ? string_field() : std::to_string(out.id);
    return out;
}

/// Nodes and relationships, each once, and the walk over them: pairs of a relationship (from 1; negative where it was
/// walked against its direction) and the node it led to (from 0).
Path Unpacker::path(std::size_t fields, int depth)
{
    if (fields != 3)
        malformed("a path with a wrong number of fields");
    if (depth + 1 > deepest)
        malformed("values are nested too deep");
    std::vector<Node> nodes(list_size());
    for (Node& out : nodes) {
        const Structure found = structure();
        if (found.tag != 'N')
            malformed("something else where a node should be");
        out = node(found.fields, depth + 1);
    }
    std::vector<UnboundRelationship> relationships(list_size());
    for (UnboundRelationship& out : relationships) {
        const Structure found = structure();
        if (found.tag != 'r')
            malformed("something else where a relationship should be");
        out = unbound(found.fields, depth + 1);
    }
    const std::size_t steps = list_size();
    if (nodes.empty() || steps % 2 != 0)
        malformed("a path without a beginning or an end");
    Path out;
    out.nodes.push_back(nodes.front());
    for (std::size_t i = 0; i < steps; i += 2) {
        const std::int64_t by = integer_field();
        const std::int64_t to = integer_field();
        const std::uint64_t number =
            by < 0 ? std::uint64_t(0) - static_cast<std::uint64_t>(by) : static_cast<std::uint64_t>(by);
        if (number == 0 || number > relationships.size() || to < 0 || static_cast<std::uint64_t>(to) >= nodes.size())
            malformed("a path over what is not in it");
        const UnboundRelationship& walked = relationships[number - 1];
        const Node& next = nodes[static_cast<std::size_t>(to)];
        const Node& start = by < 0 ? next : out.nodes.back();
        const Node& end = by < 0 ? out.nodes.back() : next;
        out.relationships.push_back(Relationship{walked.id, start.id, end.id, walked.element_id, start.element_id,
                                                 end.element_id, walked.type, walked.properties});
        out.nodes.push_back(next);
    }
    return out;
}

} // namespace whisperstore::bolt

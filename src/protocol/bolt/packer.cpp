#include "core/text.hpp"
#include "protocol/bolt/packstream.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

namespace whisperstore::bolt {

namespace {

/// Appends `marker` and the number, most significant byte first.
template <typename T>
void append(std::string& out, std::uint8_t marker, T number)
{
    std::array<char, 1 + sizeof(T)> bytes{};
    bytes[0] = static_cast<char>(marker);
    auto rest = static_cast<std::uint64_t>(number);
    for (std::size_t i = sizeof(T); i > 0; --i) {
        bytes[i] = static_cast<char>(rest & 0xFFU);
        rest >>= 8U;
    }
    out.append(bytes.data(), bytes.size());
}

bool is_plain(std::string_view text) noexcept
{
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

[[noreturn]] void refuse(const char* what)
{
    throw StorageError(StorageErrc::invalid_argument,
                       std::string(what) + " cannot be a parameter: give its properties or its id instead");
}

/// Writes one content of a Value.
struct PackContent
{
    Packer& out;
    const Dialect& dialect;

    void operator()(std::monostate) const { out.null(); }
    void operator()(bool content) const { out.boolean(content); }
    void operator()(std::int64_t content) const { out.integer(content); }
    void operator()(double content) const { out.real(content); }
    void operator()(const std::string& content) const { out.string(content); }
    void operator()(const Bytes& content) const { out.bytes(content); }
    void operator()(const List& content) const
    {
        out.list(content.size());
        for (const Value& item : content)
            out.value(item, dialect);
    }
    void operator()(const Map& content) const { out.value(content, dialect); }
    void operator()(const Date& content) const
    {
        out.structure('D', 1);
        out.integer(content.days);
    }
    void operator()(const Time& content) const
    {
        out.structure('T', 2);
        out.integer(content.nanoseconds);
        out.integer(content.offset_seconds);
    }
    void operator()(const LocalTime& content) const
    {
        out.structure('t', 1);
        out.integer(content.nanoseconds);
    }
    void operator()(const DateTime& content) const
    {
        // Before Bolt 5 the seconds were those of the clock there.
        constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 2;
        if (content.seconds > most || content.seconds < -most)
            throw StorageError(StorageErrc::invalid_argument, "a moment is too far away to be sent");
        out.structure(dialect.utc_times ? 'I' : 'F', 3);
        out.integer(dialect.utc_times ? content.seconds : content.seconds + content.offset_seconds);
        out.integer(content.nanoseconds);
        out.integer(content.offset_seconds);
    }
    void operator()(const DateTimeZoneId& content) const
    {
        if (!dialect.utc_times)
            throw StorageError(StorageErrc::unsupported,
                               "this server is too old for a moment in a named time zone: give its offset from UTC, or "
                               "use Neo4j 4.4.12 or newer");
        out.structure('i', 3);
        out.integer(content.seconds);
        out.integer(content.nanoseconds);
        out.string(content.zone);
    }
    void operator()(const LocalDateTime& content) const
    {
        out.structure('d', 2);
        out.integer(content.seconds);
        out.integer(content.nanoseconds);
    }
    void operator()(const Duration& content) const
    {
        out.structure('E', 4);
        out.integer(content.months);
        out.integer(content.days);
        out.integer(content.seconds);
        out.integer(content.nanoseconds);
    }
    void operator()(const Point2D& content) const
    {
        out.structure('X', 3);
        out.integer(content.srid);
        out.real(content.x);
        out.real(content.y);
    }
    void operator()(const Point3D& content) const
    {
        out.structure('Y', 4);
        out.integer(content.srid);
        out.real(content.x);
        out.real(content.y);
        out.real(content.z);
    }
};

} // namespace

void Packer::integer(std::int64_t value)
{
    if (value >= -16 && value <= 127)
        out_.push_back(static_cast<char>(value));
    else if (value >= std::numeric_limits<std::int8_t>::min() && value < 0)
        append(out_, 0xC8, static_cast<std::int8_t>(value));
    else if (value >= std::numeric_limits<std::int16_t>::min() && value <= std::numeric_limits<std::int16_t>::max())
        append(out_, 0xC9, static_cast<std::int16_t>(value));
    else if (value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max())
        append(out_, 0xCA, static_cast<std::int32_t>(value));
    else
        append(out_, 0xCB, value);
}

void Packer::real(double value) { append(out_, 0xC1, std::bit_cast<std::uint64_t>(value)); }

/// Markers for sizes of 8, 16 and 32 bits follow one another.
void Packer::sized(std::size_t size, std::uint8_t tiny, std::uint8_t size_8, const char* what)
{
    if (tiny != 0 && size < 16)
        out_.push_back(static_cast<char>(tiny | size));
    else if (size <= 0xFF)
        append(out_, size_8, static_cast<std::uint8_t>(size));
    else if (size <= 0xFFFF)
        append(out_, static_cast<std::uint8_t>(size_8 + 1), static_cast<std::uint16_t>(size));
    else if (size <= 0x7FFFFFFF)
        append(out_, static_cast<std::uint8_t>(size_8 + 2), static_cast<std::uint32_t>(size));
    else
        throw StorageError(StorageErrc::invalid_argument, std::string(what) + " has more than 2147483647 parts");
}

void Packer::string(std::string_view value)
{
    if (!is_plain(value) && !text::is_valid_utf8(value))
        throw StorageError(StorageErrc::invalid_argument, "a text that goes to the server is not valid UTF-8");
    sized(value.size(), 0x80, 0xD0, "a text");
    out_.append(value);
}

void Packer::bytes(std::span<const std::byte> value)
{
    sized(value.size(), 0, 0xCC, "a byte array");
    out_.append(reinterpret_cast<const char*>(value.data()), value.size());
}

void Packer::list(std::size_t count) { sized(count, 0x90, 0xD4, "a list"); }
void Packer::map(std::size_t count) { sized(count, 0xA0, 0xD8, "a map"); }

void Packer::structure(std::uint8_t tag, std::size_t fields)
{
    out_.push_back(static_cast<char>(0xB0U | fields));
    out_.push_back(static_cast<char>(tag));
}

void Packer::value(const Map& value, const Dialect& dialect)
{
    map(value.size());
    for (const MapEntry& entry : value) {
        string(entry.name);
        this->value(entry.value, dialect);
    }
}

void Packer::value(const Value& value, const Dialect& dialect)
{
    const PackContent pack{*this, dialect};
    switch (value.kind()) {
    case Kind::null:
        return null();
    case Kind::boolean:
        return pack(*value.get_if<bool>());
    case Kind::integer:
        return pack(*value.get_if<std::int64_t>());
    case Kind::real:
        return pack(*value.get_if<double>());
    case Kind::string:
        return pack(*value.get_if<std::string>());
    case Kind::bytes:
        return pack(*value.get_if<Bytes>());
    case Kind::list:
        return pack(*value.get_if<List>());
    case Kind::map:
        return pack(*value.get_if<Map>());
    case Kind::date:
        return pack(*value.get_if<Date>());
    case Kind::time:
        return pack(*value.get_if<Time>());
    case Kind::local_time:
        return pack(*value.get_if<LocalTime>());
    case Kind::date_time:
        return pack(*value.get_if<DateTime>());
    case Kind::date_time_zone_id:
        return pack(value.as_date_time_zone_id());
    case Kind::local_date_time:
        return pack(*value.get_if<LocalDateTime>());
    case Kind::duration:
        return pack(*value.get_if<Duration>());
    case Kind::point_2d:
        return pack(*value.get_if<Point2D>());
    case Kind::point_3d:
        return pack(*value.get_if<Point3D>());
    case Kind::node:
        refuse("a node");
    case Kind::relationship:
    case Kind::unbound_relationship:
        refuse("a relationship");
    case Kind::path:
        refuse("a path");
    }
}

} // namespace whisperstore::bolt

#pragma once
/// \file
/// Values that travel over Bolt: what PackStream 1 can carry (neo4j.com/docs/bolt: "PackStream", "Structure
/// semantics").

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace whisperstore::bolt {

class Value;
struct MapEntry;

using Bytes = std::vector<std::byte>;
using List = std::vector<Value>;

/// Names and values in the order they were set or received. Small maps are the rule: finding is a walk over the names.
class Map
{
public:
    Map() noexcept;
    Map(const Map&);
    Map(Map&&) noexcept;
    Map& operator=(const Map&);
    Map& operator=(Map&&) noexcept;
    ~Map();

    /// Sets a value, in place where the name is there already. Returns the map, to be chained.
    Map& set(std::string_view name, Value value);
    /// Null where there is none.
    const Value* find(std::string_view name) const noexcept;
    bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }
    /// \throws StorageError not_found naming the name.
    const Value& at(std::string_view name) const;
    /// Appends without looking for the name, which must not be there yet.
    Value& append(std::string name, Value value);

    std::size_t size() const noexcept;
    bool empty() const noexcept { return size() == 0; }
    void reserve(std::size_t count);
    const MapEntry* begin() const noexcept;
    const MapEntry* end() const noexcept;

    /// The same names with equal values, in any order.
    friend bool operator==(const Map& a, const Map& b) noexcept;

private:
    std::vector<MapEntry> entries_;
};

/// A node as it was when the server read it.
struct Node;
/// A relationship with its two nodes.
struct Relationship;
/// A relationship of a path, which says by itself what it connects.
struct UnboundRelationship;
/// Nodes and the relationships between them, in the order they were walked.
struct Path;

/// Days since 1970-01-01.
struct Date
{
    std::int64_t days = 0;
    friend bool operator==(const Date&, const Date&) = default;
};
/// A time of day, with the offset from UTC it is meant in.
struct Time
{
    std::int64_t nanoseconds = 0; ///< since midnight there
    std::int32_t offset_seconds = 0;
    friend bool operator==(const Time&, const Time&) = default;
};
/// A time of day without a zone.
struct LocalTime
{
    std::int64_t nanoseconds = 0; ///< since midnight
    friend bool operator==(const LocalTime&, const LocalTime&) = default;
};
/// A moment, and the offset from UTC it is shown in.
struct DateTime
{
    std::int64_t seconds = 0; ///< since 1970-01-01T00:00:00Z
    std::int32_t nanoseconds = 0;
    std::int32_t offset_seconds = 0;
    friend bool operator==(const DateTime&, const DateTime&) = default;
};
/// A moment, and the time zone it is shown in.
struct DateTimeZoneId
{
    std::int64_t seconds = 0; ///< since 1970-01-01T00:00:00Z
    std::int32_t nanoseconds = 0;
    std::string zone; ///< "Europe/Stockholm"
    friend bool operator==(const DateTimeZoneId&, const DateTimeZoneId&) = default;
};
/// A date and a time without a zone.
struct LocalDateTime
{
    std::int64_t seconds = 0; ///< since 1970-01-01T00:00:00 of the same clock
    std::int32_t nanoseconds = 0;
    friend bool operator==(const LocalDateTime&, const LocalDateTime&) = default;
};
/// Its parts are kept apart: a month has no fixed number of days.
struct Duration
{
    std::int64_t months = 0;
    std::int64_t days = 0;
    std::int64_t seconds = 0;
    std::int32_t nanoseconds = 0;
    friend bool operator==(const Duration&, const Duration&) = default;
};
/// `srid`: 7203 cartesian, 4326 WGS 84 (x longitude, y latitude).
struct Point2D
{
    std::int32_t srid = 7203;
    double x = 0;
    double y = 0;
    friend bool operator==(const Point2D&, const Point2D&) = default;
};
/// `srid`: 9157 cartesian, 4979 WGS 84 (z height in metres).
struct Point3D
{
    std::int32_t srid = 9157;
    double x = 0;
    double y = 0;
    double z = 0;
    friend bool operator==(const Point3D&, const Point3D&) = default;
};

/// In the order of Value's alternatives.
enum class Kind : std::uint8_t
{
    null,
    boolean,
    integer,
    real,
    string,
    bytes,
    list,
    map,
    node,
    relationship,
    unbound_relationship,
    path,
    date,
    time,
    local_time,
    date_time,
    date_time_zone_id,
    local_date_time,
    duration,
    point_2d,
    point_3d,
};
/// "null", "boolean", …, "point_3d".
std::string_view to_string(Kind kind) noexcept;

/// Any value. What the server makes (nodes, relationships, paths) is immutable and shared between copies, everything
/// else is copied with it. Graph structures cannot be sent as parameters: the server refuses them.
class Value
{
public:
    Value() noexcept = default;
    Value(std::nullptr_t) noexcept {}
    template <std::same_as<bool> T>
    Value(T value) noexcept : data_(value)
    {
    }
    /// \throws StorageError invalid_argument for unsigned values above 2^63-1.
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    Value(T value) : data_(checked_integer(value))
    {
    }
    template <std::floating_point T>
    Value(T value) noexcept : data_(static_cast<double>(value))
    {
    }
    Value(std::string value) noexcept : data_(std::move(value)) {}
    Value(std::string_view value) : data_(std::string(value)) {}
    Value(const char* value) : data_(std::string(value)) {}
    Value(Bytes value) noexcept : data_(std::move(value)) {}
    Value(List value) noexcept : data_(std::move(value)) {}
    Value(Map value) noexcept : data_(std::move(value)) {}
    Value(Node value);
    Value(Relationship value);
    Value(UnboundRelationship value);
    Value(Path value);
    Value(Date value) noexcept : data_(value) {}
    Value(Time value) noexcept : data_(value) {}
    Value(LocalTime value) noexcept : data_(value) {}
    Value(DateTime value) noexcept : data_(value) {}
    Value(DateTimeZoneId value);
    Value(LocalDateTime value) noexcept : data_(value) {}
    Value(Duration value) noexcept : data_(value) {}
    Value(Point2D value) noexcept : data_(value) {}
    Value(Point3D value) noexcept : data_(value) {}
    template <typename T>
    Value(const std::optional<T>& value) : Value(value ? Value(*value) : Value())
    {
    }

    Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
    bool is_null() const noexcept { return data_.index() == 0; }

    /// \name Typed access
    /// \throws StorageError type_mismatch naming both kinds where it is of another one. as_real() also accepts an
    /// integer; nothing else is converted. References are valid as long as the value lives and is not changed.
    ///@{
    bool as_bool() const;
    std::int64_t as_int() const;
    double as_real() const;
    const std::string& as_string() const&;
    const Bytes& as_bytes() const&;
    const List& as_list() const&;
    const Map& as_map() const&;
    const Node& as_node() const&;
    const Relationship& as_relationship() const&;
    const UnboundRelationship& as_unbound_relationship() const&;
    const Path& as_path() const&;
    const Date& as_date() const&;
    const Time& as_time() const&;
    const LocalTime& as_local_time() const&;
    const DateTime& as_date_time() const&;
    const DateTimeZoneId& as_date_time_zone_id() const&;
    const LocalDateTime& as_local_date_time() const&;
    const Duration& as_duration() const&;
    const Point2D& as_point_2d() const&;
    const Point3D& as_point_3d() const&;
    /// Moves the content out.
    std::string as_string() &&;
    Bytes as_bytes() &&;
    List as_list() &&;
    Map as_map() &&;
    ///@}

    /// The content, or null where it is of another kind. For bool, std::int64_t, double, std::string, Bytes, List, Map
    /// and the temporal and spatial types but DateTimeZoneId.
    template <typename T>
    const T* get_if() const noexcept
    {
        return std::get_if<T>(&data_);
    }
    template <typename T>
    T* get_if() noexcept
    {
        return std::get_if<T>(&data_);
    }

    /// Same kind and same content; NaN equals NaN.
    friend bool operator==(const Value& a, const Value& b) noexcept;

private:
    template <typename T>
    static std::int64_t checked_integer(T value)
    {
        if (!std::in_range<std::int64_t>(value))
            throw_integer_out_of_range();
        return static_cast<std::int64_t>(value);
    }
    [[noreturn]] static void throw_integer_out_of_range();
    [[noreturn]] void throw_kind(Kind wanted) const;
    template <typename T>
    const T& require(Kind wanted) const
    {
        const T* const content = std::get_if<T>(&data_);
        if (!content)
            throw_kind(wanted);
        return *content;
    }

    // The order of the alternatives is that of Kind. What is large is behind a pointer, so that lists of values are
    // small.
    std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes, List, Map, std::shared_ptr<const Node>,
                 std::shared_ptr<const Relationship>, std::shared_ptr<const UnboundRelationship>,
                 std::shared_ptr<const Path>, Date, Time, LocalTime, DateTime, std::shared_ptr<const DateTimeZoneId>,
                 LocalDateTime, Duration, Point2D, Point3D>
        data_;
};

struct MapEntry
{
    std::string name;
    Value value;
};

struct Node
{
    std::int64_t id = 0;    ///< legacy; unique only while the node exists
    std::string element_id; ///< opaque; servers that speak Bolt 4 have none, there it is the id in decimal
    std::vector<std::string> labels;
    Map properties;
    friend bool operator==(const Node&, const Node&) = default;
};

struct Relationship
{
    std::int64_t id = 0;
    std::int64_t start_id = 0;
    std::int64_t end_id = 0;
    std::string element_id; ///< as of a node
    std::string start_element_id;
    std::string end_element_id;
    std::string type;
    Map properties;
    friend bool operator==(const Relationship&, const Relationship&) = default;
};

struct UnboundRelationship
{
    std::int64_t id = 0;
    std::string element_id;
    std::string type;
    Map properties;
    friend bool operator==(const UnboundRelationship&, const UnboundRelationship&) = default;
};

struct Path
{
    std::vector<Node> nodes;                 ///< at least one
    std::vector<Relationship> relationships; ///< one fewer; each with its own direction, whichever way it was walked
    friend bool operator==(const Path&, const Path&) = default;
};

} // namespace whisperstore::bolt

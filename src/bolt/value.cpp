#include <whisperstore/bolt/value.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace whisperstore::bolt {

namespace {

constexpr std::array<std::string_view, 21> kind_names = {
    "null",
    "boolean",
    "integer",
    "real",
    "string",
    "bytes",
    "list",
    "map",
    "node",
    "relationship",
    "unbound_relationship",
    "path",
    "date",
    "time",
    "local_time",
    "date_time",
    "date_time_zone_id",
    "local_date_time",
    "duration",
    "point_2d",
    "point_3d",
};

bool same(double a, double b) noexcept { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Of two contents of one alternative.
struct SameContent
{
    const Value& other;
    bool operator()(std::monostate) const noexcept { return true; }
    bool operator()(double content) const noexcept { return same(content, *other.get_if<double>()); }
    bool operator()(const Point2D& content) const noexcept
    {
        const Point2D& there = *other.get_if<Point2D>();
        return content.srid == there.srid && same(content.x, there.x) && same(content.y, there.y);
    }
    bool operator()(const Point3D& content) const noexcept
    {
        const Point3D& there = *other.get_if<Point3D>();
        return content.srid == there.srid && same(content.x, there.x) && same(content.y, there.y) &&
               same(content.z, there.z);
    }
    template <typename T>
    bool operator()(const std::shared_ptr<const T>& content) const noexcept
    {
        const auto& there = *other.get_if<std::shared_ptr<const T>>();
        return content == there || *content == *there;
    }
    template <typename T>
    bool operator()(const T& content) const noexcept
    {
        return content == *other.get_if<T>();
    }
};

} // namespace

std::string_view to_string(Kind kind) noexcept { return kind_names[static_cast<std::size_t>(kind)]; }

Map::Map() noexcept = default;
Map::Map(const Map&) = default;
Map::Map(Map&&) noexcept = default;
Map& Map::operator=(const Map&) = default;
Map& Map::operator=(Map&&) noexcept = default;
Map::~Map() = default;

const Value* Map::find(std::string_view name) const noexcept
{
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const MapEntry& entry) { return entry.name == name; });
    return found == entries_.end() ? nullptr : &found->value;
}

Map& Map::set(std::string_view name, Value value)
{
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const MapEntry& entry) { return entry.name == name; });
    if (found == entries_.end())
        entries_.push_back(MapEntry{std::string(name), std::move(value)});
    else
        found->value = std::move(value);
    return *this;
}

const Value& Map::at(std::string_view name) const
{
    if (const Value* value = find(name))
        return *value;
    throw StorageError(StorageErrc::not_found, "the map has no '" + std::string(name) + "'");
}

Value& Map::append(std::string name, Value value)
{
    entries_.push_back(MapEntry{std::move(name), std::move(value)});
    return entries_.back().value;
}

std::size_t Map::size() const noexcept { return entries_.size(); }
void Map::reserve(std::size_t count) { entries_.reserve(count); }
const MapEntry* Map::begin() const noexcept { return entries_.data(); }
const MapEntry* Map::end() const noexcept { return entries_.data() + entries_.size(); }

bool operator==(const Map& a, const Map& b) noexcept
{
    return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const MapEntry& entry) {
               const Value* there = b.find(entry.name);
               return there && *there == entry.value;
           });
}

Value::Value(Node value) : data_(std::make_shared<const Node>(std::move(value))) {}
Value::Value(Relationship value) : data_(std::make_shared<const Relationship>(std::move(value))) {}
Value::Value(UnboundRelationship value) : data_(std::make_shared<const UnboundRelationship>(std::move(value))) {}
Value::Value(Path value) : data_(std::make_shared<const Path>(std::move(value))) {}
Value::Value(DateTimeZoneId value) : data_(std::make_shared<const DateTimeZoneId>(std::move(value))) {}

void Value::throw_integer_out_of_range()
{
    throw StorageError(StorageErrc::invalid_argument, "an integer is at most 9223372036854775807");
}

void Value::throw_kind(Kind wanted) const
{
    throw StorageError(StorageErrc::type_mismatch, "the value is of kind " + std::string(to_string(kind())) + ", not " +
                                                       std::string(to_string(wanted)));
}

bool Value::as_bool() const { return require<bool>(Kind::boolean); }
std::int64_t Value::as_int() const { return require<std::int64_t>(Kind::integer); }

double Value::as_real() const
{
    if (const auto* integer = get_if<std::int64_t>())
        return static_cast<double>(*integer);
    return require<double>(Kind::real);
}

const std::string& Value::as_string() const& { return require<std::string>(Kind::string); }
const Bytes& Value::as_bytes() const& { return require<Bytes>(Kind::bytes); }
const List& Value::as_list() const& { return require<List>(Kind::list); }
const Map& Value::as_map() const& { return require<Map>(Kind::map); }
const Node& Value::as_node() const& { return *require<std::shared_ptr<const Node>>(Kind::node); }
const Relationship& Value::as_relationship() const&
{
    return *require<std::shared_ptr<const Relationship>>(Kind::relationship);
}
const UnboundRelationship& Value::as_unbound_relationship() const&
{
    return *require<std::shared_ptr<const UnboundRelationship>>(Kind::unbound_relationship);
}
const Path& Value::as_path() const& { return *require<std::shared_ptr<const Path>>(Kind::path); }
const Date& Value::as_date() const& { return require<Date>(Kind::date); }
const Time& Value::as_time() const& { return require<Time>(Kind::time); }
const LocalTime& Value::as_local_time() const& { return require<LocalTime>(Kind::local_time); }
const DateTime& Value::as_date_time() const& { return require<DateTime>(Kind::date_time); }
const DateTimeZoneId& Value::as_date_time_zone_id() const&
{
    return *require<std::shared_ptr<const DateTimeZoneId>>(Kind::date_time_zone_id);
}
const LocalDateTime& Value::as_local_date_time() const& { return require<LocalDateTime>(Kind::local_date_time); }
const Duration& Value::as_duration() const& { return require<Duration>(Kind::duration); }
const Point2D& Value::as_point_2d() const& { return require<Point2D>(Kind::point_2d); }
const Point3D& Value::as_point_3d() const& { return require<Point3D>(Kind::point_3d); }

std::string Value::as_string() &&
{
    require<std::string>(Kind::string);
    return std::move(*std::get_if<std::string>(&data_));
}
Bytes Value::as_bytes() &&
{
    require<Bytes>(Kind::bytes);
    return std::move(*std::get_if<Bytes>(&data_));
}
List Value::as_list() &&
{
    require<List>(Kind::list);
    return std::move(*std::get_if<List>(&data_));
}
Map Value::as_map() &&
{
    require<Map>(Kind::map);
    return std::move(*std::get_if<Map>(&data_));
}

bool operator==(const Value& a, const Value& b) noexcept
{
    return a.data_.index() == b.data_.index() && std::visit(SameContent{b}, a.data_);
}

} // namespace whisperstore::bolt

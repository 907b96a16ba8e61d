#include "database/postgresql/types.hpp"

#include <whisperstore/core/error.hpp>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

namespace whisperstore::postgresql {

namespace {

constexpr Timestamp epoch = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);

StorageError mismatch(const std::string& message) { return StorageError(StorageErrc::type_mismatch, message); }

[[noreturn]] void malformed(Oid type)
{
    throw StorageError(StorageErrc::corrupt,
                       "the server sent a value that is not of its type (type number " + std::to_string(type) + ")");
}

template <typename Unsigned>
Unsigned big_endian(std::string_view bytes, Oid type)
{
    if (bytes.size() != sizeof(Unsigned))
        malformed(type);
    Unsigned value = 0;
    for (const char byte : bytes)
        value = static_cast<Unsigned>((value << 8U) | static_cast<unsigned char>(byte));
    return value;
}

template <typename Unsigned>
void put_big_endian(char* out, Unsigned value) noexcept
{
    for (std::size_t i = sizeof(Unsigned); i-- > 0; value = static_cast<Unsigned>(value >> 8U))
        out[i] = static_cast<char>(value & 0xFFU);
}

template <typename Number>
Number number_of(std::string_view text, Oid type)
{
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
        malformed(type);
    return number;
}

void add_time(RowsBuilder& rows, Timestamp time)
{
    try {
        rows.add_text(format_timestamp(time));
    } catch (const StorageError&) {
        throw mismatch("the result holds a time outside the years 0 to 9999: cast the column to text to read it");
    }
}

void decode_binary_time(RowsBuilder& rows, std::string_view value, Oid type)
{
    const auto micros = std::bit_cast<std::int64_t>(big_endian<std::uint64_t>(value, type));
    if (micros == std::numeric_limits<std::int64_t>::max())
        rows.add_text("infinity");
    else if (micros == std::numeric_limits<std::int64_t>::min())
        rows.add_text("-infinity");
    else
        add_time(rows, epoch + std::chrono::microseconds(micros));
}

/// ISO style: `2026-01-31 09:05:00.00025+00`; without a zone it is read as UTC.
void decode_text_time(RowsBuilder& rows, std::string_view value)
{
    if (value.ends_with("infinity"))
        return rows.add_text(value);
    std::string text(value);
    const std::size_t sign = text.find_first_of("+-", std::min<std::size_t>(text.size(), 10));
    if (sign == std::string::npos)
        text += "Z";
    else if (text.size() - sign == 3)
        text += ":00";
    const std::optional<Timestamp> time = try_parse_timestamp(text);
    if (!time)
        throw mismatch("the result holds a time outside the years 0 to 9999: cast the column to text to read it");
    add_time(rows, *time);
}

std::string uuid_text(std::string_view bytes)
{
    if (bytes.size() != 16)
        malformed(oid::uuid);
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out.push_back('-');
        const auto byte = static_cast<unsigned char>(bytes[i]);
        out.push_back(digits[byte >> 4U]);
        out.push_back(digits[byte & 15U]);
    }
    return out;
}

int hex_digit(char c) noexcept
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/// `\x0aff`: the only form the server writes since 9.0, with bytea_output as we set it.
void decode_hex(RowsBuilder& rows, std::string_view value)
{
    if (!value.starts_with("\\x") || value.size() % 2 != 0)
        malformed(oid::bytea);
    Blob blob;
    blob.reserve(value.size() / 2 - 1);
    for (std::size_t i = 2; i < value.size(); i += 2) {
        const int high = hex_digit(value[i]);
        const int low = hex_digit(value[i + 1]);
        if (high < 0 || low < 0)
            malformed(oid::bytea);
        blob.push_back(static_cast<std::byte>(high * 16 + low));
    }
    rows.add_blob(blob);
}

void decode_text(RowsBuilder& rows, std::string_view value, Oid type)
{
    switch (type) {
    case oid::boolean:
        return rows.add(value == "t");
    case oid::int2:
    case oid::int4:
    case oid::int8:
    case oid::object_id:
        return rows.add(number_of<std::int64_t>(value, type));
    case oid::float4:
    case oid::float8:
        return rows.add(number_of<double>(value, type));
    case oid::bytea:
        return decode_hex(rows, value);
    case oid::timestamp:
    case oid::timestamptz:
        return decode_text_time(rows, value);
    default:
        return rows.add_text(value);
    }
}

void decode_binary(RowsBuilder& rows, std::string_view value, Oid type)
{
    switch (type) {
    case oid::boolean:
        return rows.add(big_endian<std::uint8_t>(value, type) != 0);
    case oid::int2:
        return rows.add(std::int64_t(std::bit_cast<std::int16_t>(big_endian<std::uint16_t>(value, type))));
    case oid::int4:
        return rows.add(std::int64_t(std::bit_cast<std::int32_t>(big_endian<std::uint32_t>(value, type))));
    case oid::int8:
        return rows.add(std::bit_cast<std::int64_t>(big_endian<std::uint64_t>(value, type)));
    case oid::object_id:
        return rows.add(std::int64_t(big_endian<std::uint32_t>(value, type)));
    case oid::float4:
        // As its text would be read: 0.1 and not 0.10000000149.
        {
            char digits[32];
            const auto end = std::to_chars(digits, digits + sizeof(digits),
                                           std::bit_cast<float>(big_endian<std::uint32_t>(value, type)));
            return rows.add(number_of<double>(std::string_view(digits, end.ptr), type));
        }
    case oid::float8:
        return rows.add(std::bit_cast<double>(big_endian<std::uint64_t>(value, type)));
    case oid::bytea:
        return rows.add_blob(std::as_bytes(std::span(value)));
    case oid::timestamp:
    case oid::timestamptz:
        return decode_binary_time(rows, value, type);
    case oid::uuid:
        return rows.add_text(uuid_text(value));
    case oid::jsonb:
        if (value.empty() || value.front() != 1) // the version of the format
            malformed(type);
        return rows.add_text(value.substr(1));
    default:
        return rows.add_text(value);
    }
}

std::string_view type_name(Oid type) noexcept
{
    switch (type) {
    case oid::boolean:
        return "boolean";
    case oid::bytea:
        return "bytea";
    case oid::int2:
    case oid::int4:
    case oid::int8:
        return "an integer";
    case oid::float4:
    case oid::float8:
        return "a real number";
    case oid::timestamptz:
        return "a timestamp";
    case oid::text:
    case oid::varchar:
    case oid::bpchar:
        return "text";
    default:
        return "another type";
    }
}

bool is_text(Oid type) noexcept
{
    return type == oid::text || type == oid::varchar || type == oid::bpchar || type == oid::name ||
           type == oid::unknown;
}

bool is_integer(Oid type) noexcept { return type == oid::int8 || type == oid::int4 || type == oid::int2; }

/// Shortest digits that give the same double back; for text columns with a point, as SQLite writes it.
std::string real_text(double value, bool with_point)
{
    if (std::isinf(value))
        return value > 0 ? "Infinity" : "-Infinity";
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value);
    std::string text(digits, end.ptr);
    if (with_point && text.find_first_of(".e") == std::string::npos)
        text += ".0";
    return text;
}

} // namespace

bool has_binary_form(Oid type) noexcept
{
    switch (type) {
    case oid::boolean:
    case oid::bytea:
    case oid::character:
    case oid::name:
    case oid::int8:
    case oid::int2:
    case oid::int4:
    case oid::text:
    case oid::object_id:
    case oid::json:
    case oid::xml:
    case oid::float4:
    case oid::float8:
    case oid::unknown:
    case oid::bpchar:
    case oid::varchar:
    case oid::timestamp:
    case oid::timestamptz:
    case oid::uuid:
    case oid::jsonb:
        return true;
    default:
        return false;
    }
}

void decode(RowsBuilder& rows, std::string_view value, Oid type, bool binary)
{
    if (binary)
        decode_binary(rows, value, type);
    else
        decode_text(rows, value, type);
}

Arguments::Arguments(const Description& description, const Parameters& parameters,
                     const std::vector<std::size_t>& order)
{
    const std::size_t count = order.empty() ? parameters.size() : order.size();
    if (count != description.parameter_types.size())
        throw StorageError(StorageErrc::invalid_argument,
                           "PostgreSQL finds " + std::to_string(description.parameter_types.size()) +
                               " placeholders in the query where " + std::to_string(count) +
                               " were meant: use only ?, :name or $1");
    values_.reserve(count);
    lengths_.reserve(count);
    formats_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t argument = order.empty() ? i : order[i];
        add(parameters[argument], argument + 1, description.parameter_types[i]);
    }
}

void Arguments::add_view(std::string_view value, bool binary)
{
    if (value.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        throw StorageError(StorageErrc::invalid_argument, "a value has more than 2 GiB, which PostgreSQL cannot take");
    values_.push_back(value.data() ? value.data() : ""); // a null pointer would be NULL
    lengths_.push_back(static_cast<int>(value.size()));
    formats_.push_back(binary ? 1 : 0);
}

void Arguments::add_copy(std::string_view value, bool binary)
{
    auto& copy = copies_.emplace_back(std::make_unique<char[]>(value.size() + 1));
    std::memcpy(copy.get(), value.data(), value.size());
    add_view(std::string_view(copy.get(), value.size()), binary);
}

void Arguments::add(const Parameter& parameter, std::size_t number, Oid type)
{
    const auto refuse = [&](const char* advice = "") {
        const std::string name =
            parameter.name.empty() ? "argument " + std::to_string(number) : "argument '" + parameter.name + "'";
        return mismatch(name + " is " + std::string(to_string(parameter.value.kind())) + " where " +
                        std::string(type_name(type)) + " is needed" + advice);
    };
    switch (parameter.value.kind()) {
    case ValueKind::null:
        values_.push_back(nullptr);
        lengths_.push_back(0);
        formats_.push_back(0);
        return;
    case ValueKind::boolean: {
        const bool value = parameter.value.as_bool();
        if (type == oid::boolean)
            return add_copy(std::string_view(value ? "\1" : "\0", 1), true);
        if (type == oid::bytea || type == oid::timestamptz)
            throw refuse();
        return add_copy(value ? "1" : "0", false);
    }
    case ValueKind::integer: {
        const std::int64_t value = parameter.value.as_int();
        if (type == oid::int8 || type == oid::float8) {
            char bytes[8];
            put_big_endian(bytes, type == oid::int8 ? std::bit_cast<std::uint64_t>(value)
                                                    : std::bit_cast<std::uint64_t>(static_cast<double>(value)));
            return add_copy(std::string_view(bytes, sizeof(bytes)), true);
        }
        if (type == oid::boolean && (value == 0 || value == 1)) // SQLite's form of a boolean
            return add_copy(std::string_view(value == 1 ? "\1" : "\0", 1), true);
        if (type == oid::boolean || type == oid::bytea || type == oid::timestamptz)
            throw refuse(type == oid::timestamptz ? ": bind it with whisperstore::timestamp()" : "");
        return add_copy(std::to_string(value), false);
    }
    case ValueKind::real: {
        const double value = parameter.value.as_real();
        if (type == oid::float8) {
            char bytes[8];
            put_big_endian(bytes, std::bit_cast<std::uint64_t>(value));
            return add_copy(std::string_view(bytes, sizeof(bytes)), true);
        }
        if (type == oid::boolean || type == oid::bytea || type == oid::timestamptz ||
            (is_integer(type) && value != std::trunc(value)))
            throw refuse();
        if (is_integer(type)) {
            constexpr double limit = 9223372036854775808.0; // 2^63
            if (value < -limit || value >= limit)
                throw refuse();
            return add_copy(std::to_string(static_cast<std::int64_t>(value)), false);
        }
        return add_copy(real_text(value, is_text(type)), false);
    }
    case ValueKind::text: {
        const std::string_view value = parameter.value.as_text();
        if (type == oid::timestamptz) {
            // The same that a TIMESTAMP column takes on SQLite; PostgreSQL would also take 'yesterday'.
            const std::optional<Timestamp> time = value.size() == 27 ? try_parse_timestamp(value) : std::nullopt;
            if (!time || value.back() != 'Z' || value[10] != 'T')
                throw refuse(": bind it with whisperstore::timestamp(), or write CAST(CAST(? AS TEXT) AS TIMESTAMPTZ)");
            char bytes[8];
            put_big_endian(bytes, std::bit_cast<std::uint64_t>(std::int64_t((*time - epoch).count())));
            return add_copy(std::string_view(bytes, sizeof(bytes)), true);
        }
        if (type == oid::boolean || type == oid::bytea)
            throw refuse();
        return add_view(value, is_text(type)); // a std::string's text ends with a NUL, which the text format needs
    }
    case ValueKind::blob: {
        if (type != oid::bytea)
            throw refuse();
        const auto bytes = parameter.value.as_blob();
        return add_view(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), true);
    }
    }
}

} // namespace whisperstore::postgresql

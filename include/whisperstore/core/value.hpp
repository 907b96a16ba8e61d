#pragma once
/// \file
/// Values that cross the database interface: Value (owning), ValueView (borrowed), Parameters.

#include <whisperstore/core/time.hpp>

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace whisperstore {

/// The six kinds of value, the same on every database backend.
enum class ValueKind : std::uint8_t
{
    null,
    boolean,
    integer,
    real,
    text,
    blob
};
std::string_view to_string(ValueKind kind) noexcept;

using Blob = std::vector<std::byte>;

/// A borrowed value: a cell of a result row, or a look at a Value. Text and blobs point into their
/// owner and are valid as long as it is. Trivially copyable, never null-terminated.
class ValueView
{
public:
    ValueView() noexcept : integer_(0) {}
    explicit ValueView(bool value) noexcept : kind_(ValueKind::boolean), integer_(value ? 1 : 0) {}
    explicit ValueView(std::int64_t value) noexcept : kind_(ValueKind::integer), integer_(value) {}
    explicit ValueView(double value) noexcept : kind_(ValueKind::real), real_(value) {}
    explicit ValueView(std::string_view value) noexcept
        : kind_(ValueKind::text), size_(value.size()), data_(value.data())
    {
    }
    explicit ValueView(std::span<const std::byte> value) noexcept
        : kind_(ValueKind::blob), size_(value.size()), data_(value.data())
    {
    }

    ValueKind kind() const noexcept { return kind_; }
    bool is_null() const noexcept { return kind_ == ValueKind::null; }

    /// \name Typed access
    /// \throws StorageError type_mismatch when the value is of another kind. as_real() also accepts
    /// an integer. Nothing is converted silently otherwise.
    ///@{
    bool as_bool() const;
    std::int64_t as_int() const;
    double as_real() const;
    std::string_view as_text() const;
    std::span<const std::byte> as_blob() const;
    ///@}

    /// The text, or nothing where the value is null.
    /// \throws StorageError type_mismatch for other kinds.
    std::optional<std::string_view> as_optional_text() const;
    std::optional<std::int64_t> as_optional_int() const;
    /// An ISO-8601 text as a time. \throws StorageError type_mismatch.
    Timestamp as_timestamp() const;

    /// Same kind and same content; NaN equals NaN, so equal rows compare equal.
    friend bool operator==(const ValueView& a, const ValueView& b) noexcept;
    friend bool operator==(const ValueView& a, std::string_view b) noexcept
    {
        return a.kind_ == ValueKind::text && a.text_unchecked() == b;
    }
    friend bool operator==(const ValueView& a, const char* b) noexcept { return a == std::string_view(b); }
    friend bool operator==(const ValueView& a, std::nullptr_t) noexcept { return a.is_null(); }
    template <std::same_as<bool> T>
    friend bool operator==(const ValueView& a, T b) noexcept
    {
        return a.kind_ == ValueKind::boolean && (a.integer_ != 0) == b;
    }
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    friend bool operator==(const ValueView& a, T b) noexcept
    {
        return a.kind_ == ValueKind::integer && std::in_range<std::int64_t>(b) &&
               a.integer_ == static_cast<std::int64_t>(b);
    }
    template <std::floating_point T>
    friend bool operator==(const ValueView& a, T b) noexcept
    {
        return a == ValueView(static_cast<double>(b));
    }

private:
    std::string_view text_unchecked() const noexcept { return {static_cast<const char*>(data_), size_}; }

    ValueKind kind_ = ValueKind::null;
    std::size_t size_ = 0;
    union
    {
        std::int64_t integer_;
        double real_;
        const void* data_;
    };
};

/// An owned value: null, bool, 64-bit integer, double, UTF-8 text or blob.
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
    Value(Blob value) noexcept : data_(std::move(value)) {}
    Value(std::span<const std::byte> value) : data_(Blob(value.begin(), value.end())) {}
    template <typename T>
    Value(const std::optional<T>& value) : Value(value ? Value(*value) : Value())
    {
    }
    /// A time is bound as canonical text, see whisperstore::timestamp().
    Value(Timestamp time) : data_(format_timestamp(time)) {}
    explicit Value(const ValueView& view);

    ValueKind kind() const noexcept { return static_cast<ValueKind>(data_.index()); }
    bool is_null() const noexcept { return data_.index() == 0; }

    bool as_bool() const { return view().as_bool(); }
    std::int64_t as_int() const { return view().as_int(); }
    double as_real() const { return view().as_real(); }
    std::string_view as_text() const& { return view().as_text(); }
    std::string_view as_text() && = delete; ///< would dangle
    std::span<const std::byte> as_blob() const& { return view().as_blob(); }
    std::span<const std::byte> as_blob() && = delete; ///< would dangle

    /// A borrowed look at this value, valid while it lives and is not changed.
    ValueView view() const& noexcept;
    ValueView view() && = delete; ///< would dangle

    friend bool operator==(const Value& a, const Value& b) noexcept { return a.view() == b.view(); }
    friend bool operator==(const ValueView& a, const Value& b) noexcept { return a == b.view(); }

private:
    template <typename T>
    static std::int64_t checked_integer(T value)
    {
        if (!std::in_range<std::int64_t>(value))
            throw_integer_out_of_range();
        return static_cast<std::int64_t>(value);
    }
    [[noreturn]] static void throw_integer_out_of_range();

    // The order of the alternatives is that of ValueKind.
    std::variant<std::monostate, bool, std::int64_t, double, std::string, Blob> data_;
};

/// One argument of a query. `name` is empty for `arg(value)`.
struct Parameter
{
    std::string name;
    Value value;
};

/// Ordered arguments of a query, built by params(). `?` and `$1` take them by position, `:name` by name.
class Parameters
{
public:
    Parameters() = default;
    explicit Parameters(std::vector<Parameter> items) : items_(std::move(items)) {}

    void add(std::string name, Value value) { items_.push_back(Parameter{std::move(name), std::move(value)}); }
    void reserve(std::size_t count) { items_.reserve(count); }

    std::size_t size() const noexcept { return items_.size(); }
    bool empty() const noexcept { return items_.empty(); }
    const Parameter& operator[](std::size_t index) const noexcept { return items_[index]; }
    auto begin() const noexcept { return items_.begin(); }
    auto end() const noexcept { return items_.end(); }

private:
    std::vector<Parameter> items_;
};

/// A named argument: `params(arg("user_id", id))`.
inline Parameter arg(std::string_view name, Value value) { return Parameter{std::string(name), std::move(value)}; }
/// A positional argument for `?` and `$1` placeholders.
inline Parameter arg(Value value) { return Parameter{std::string(), std::move(value)}; }

/// Arguments in order. Values are always bound, never spliced into the SQL text.
template <typename... Args>
    requires(std::same_as<std::remove_cvref_t<Args>, Parameter> && ...)
Parameters params(Args&&... args)
{
    std::vector<Parameter> items;
    items.reserve(sizeof...(args));
    (items.push_back(std::forward<Args>(args)), ...);
    return Parameters(std::move(items));
}

/// Binds a time as canonical text, the form TIMESTAMP columns store on SQLite and accept on PostgreSQL.
inline Value timestamp(Timestamp time) { return Value(format_timestamp(time)); }
/// The same from RFC 3339 text. \throws StorageError invalid_argument.
inline Value timestamp(std::string_view rfc3339) { return Value(format_timestamp(parse_timestamp(rfc3339))); }

} // namespace whisperstore

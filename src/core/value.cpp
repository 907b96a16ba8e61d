#include <whisperstore/core/error.hpp>
#include <whisperstore/core/value.hpp>

#include <cmath>
#include <cstring>

namespace whisperstore {

std::string_view to_string(ValueKind kind) noexcept
{
    switch (kind) {
    case ValueKind::null:
        return "null";
    case ValueKind::boolean:
        return "bool";
    case ValueKind::integer:
        return "int";
    case ValueKind::real:
        return "double";
    case ValueKind::text:
        return "text";
    case ValueKind::blob:
        return "blob";
    }
    return "unknown";
}

namespace {

[[noreturn]] void throw_kind(std::string_view wanted, ValueKind found)
{
    throw StorageError(StorageErrc::type_mismatch,
                       "a value of kind " + std::string(to_string(found)) + " was read as " + std::string(wanted));
}

} // namespace

bool ValueView::as_bool() const
{
    if (kind_ != ValueKind::boolean)
        throw_kind("bool", kind_);
    return integer_ != 0;
}

std::int64_t ValueView::as_int() const
{
    if (kind_ != ValueKind::integer)
        throw_kind("int", kind_);
    return integer_;
}

double ValueView::as_real() const
{
    if (kind_ == ValueKind::integer)
        return static_cast<double>(integer_);
    if (kind_ != ValueKind::real)
        throw_kind("double", kind_);
    return real_;
}

std::string_view ValueView::as_text() const
{
    if (kind_ != ValueKind::text)
        throw_kind("text", kind_);
    return text_unchecked();
}

std::span<const std::byte> ValueView::as_blob() const
{
    if (kind_ != ValueKind::blob)
        throw_kind("blob", kind_);
    return {static_cast<const std::byte*>(data_), size_};
}

std::optional<std::string_view> ValueView::as_optional_text() const
{
    if (is_null())
        return std::nullopt;
    return as_text();
}

std::optional<std::int64_t> ValueView::as_optional_int() const
{
    if (is_null())
        return std::nullopt;
    return as_int();
}

Timestamp ValueView::as_timestamp() const
{
    if (auto time = try_parse_timestamp(as_text()))
        return *time;
    throw StorageError(StorageErrc::type_mismatch, "a text that is not an ISO-8601 time was read as a timestamp");
}

bool operator==(const ValueView& a, const ValueView& b) noexcept
{
    if (a.kind_ != b.kind_)
        return false;
    switch (a.kind_) {
    case ValueKind::null:
        return true;
    case ValueKind::boolean:
    case ValueKind::integer:
        return a.integer_ == b.integer_;
    case ValueKind::real:
        return a.real_ == b.real_ || (std::isnan(a.real_) && std::isnan(b.real_));
    case ValueKind::text:
    case ValueKind::blob:
        return a.size_ == b.size_ && (a.size_ == 0 || std::memcmp(a.data_, b.data_, a.size_) == 0);
    }
    return false;
}

Value::Value(const ValueView& view)
{
    switch (view.kind()) {
    case ValueKind::null:
        break;
    case ValueKind::boolean:
        data_ = view.as_bool();
        break;
    case ValueKind::integer:
        data_ = view.as_int();
        break;
    case ValueKind::real:
        data_ = view.as_real();
        break;
    case ValueKind::text:
        data_ = std::string(view.as_text());
        break;
    case ValueKind::blob:
        data_ = Blob(view.as_blob().begin(), view.as_blob().end());
        break;
    }
}

ValueView Value::view() const& noexcept
{
    switch (kind()) {
    case ValueKind::null:
        return ValueView();
    case ValueKind::boolean:
        return ValueView(*std::get_if<bool>(&data_));
    case ValueKind::integer:
        return ValueView(*std::get_if<std::int64_t>(&data_));
    case ValueKind::real:
        return ValueView(*std::get_if<double>(&data_));
    case ValueKind::text:
        return ValueView(std::string_view(*std::get_if<std::string>(&data_)));
    case ValueKind::blob:
        return ValueView(std::span<const std::byte>(*std::get_if<Blob>(&data_)));
    }
    return ValueView();
}

void Value::throw_integer_out_of_range()
{
    throw StorageError(StorageErrc::invalid_argument, "an unsigned integer above 2^63-1 does not fit a 64-bit value");
}

} // namespace whisperstore

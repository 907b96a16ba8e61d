#include "vector/filter_evaluate.hpp"

#include <algorithm>
#include <compare>

namespace whisperstore {

namespace filter_detail {

namespace {

constexpr double two_to_63 = 9223372036854775808.0;
constexpr double two_to_64 = 18446744073709551616.0;

// Integers are never converted to double: above 2^53 that would make different ids equal.
std::partial_ordering compare(std::int64_t a, double b) noexcept
{
    if (b >= two_to_63)
        return std::partial_ordering::less;
    if (b < -two_to_63)
        return std::partial_ordering::greater;
    const auto whole = static_cast<std::int64_t>(b);
    if (a != whole)
        return a <=> whole;
    return 0.0 <=> b - static_cast<double>(whole);
}

std::partial_ordering compare(std::uint64_t a, double b) noexcept
{
    if (b >= two_to_64)
        return std::partial_ordering::less;
    if (b < 0)
        return std::partial_ordering::greater;
    const auto whole = static_cast<std::uint64_t>(b);
    if (a != whole)
        return a <=> whole;
    return 0.0 <=> b - static_cast<double>(whole);
}

std::partial_ordering reversed(std::partial_ordering order) noexcept { return 0 <=> order; }

/// Unordered unless both are numbers.
std::partial_ordering compare_numbers(const Scalar& a, const Scalar& b) noexcept
{
    using Kind = Scalar::Kind;
    switch (a.kind) {
    case Kind::integer:
        switch (b.kind) {
        case Kind::integer:
            return a.integer <=> b.integer;
        case Kind::large_integer:
            return std::partial_ordering::less;
        case Kind::real:
            return compare(a.integer, b.real);
        default:
            return std::partial_ordering::unordered;
        }
    case Kind::large_integer:
        switch (b.kind) {
        case Kind::integer:
            return std::partial_ordering::greater;
        case Kind::large_integer:
            return a.large_integer <=> b.large_integer;
        case Kind::real:
            return compare(a.large_integer, b.real);
        default:
            return std::partial_ordering::unordered;
        }
    case Kind::real:
        switch (b.kind) {
        case Kind::integer:
            return reversed(compare(b.integer, a.real));
        case Kind::large_integer:
            return reversed(compare(b.large_integer, a.real));
        case Kind::real:
            return a.real <=> b.real;
        default:
            return std::partial_ordering::unordered;
        }
    default:
        return std::partial_ordering::unordered;
    }
}

} // namespace

std::optional<Scalar> scalar_of(const json::value& value) noexcept
{
    Scalar scalar;
    switch (value.kind()) {
    case json::kind::null:
        return scalar;
    case json::kind::bool_:
        scalar.kind = Scalar::Kind::boolean;
        scalar.boolean = value.get_bool();
        return scalar;
    case json::kind::int64:
        scalar.kind = Scalar::Kind::integer;
        scalar.integer = value.get_int64();
        return scalar;
    case json::kind::uint64:
        scalar.kind = value.get_uint64() <= INT64_MAX ? Scalar::Kind::integer : Scalar::Kind::large_integer;
        scalar.large_integer = value.get_uint64();
        return scalar;
    case json::kind::double_:
        scalar.kind = Scalar::Kind::real;
        scalar.real = value.get_double();
        return scalar;
    case json::kind::string:
        scalar.kind = Scalar::Kind::text;
        scalar.text = value.get_string();
        if (const auto time = try_parse_timestamp(scalar.text)) {
            scalar.kind = Scalar::Kind::time_text;
            scalar.microseconds = time->time_since_epoch().count();
        }
        return scalar;
    default:
        return std::nullopt;
    }
}

bool equal(const Scalar& a, const Scalar& b) noexcept
{
    if (a.is_text() || b.is_text())
        return a.is_text() && b.is_text() && a.text == b.text;
    if (a.kind == Scalar::Kind::null || a.kind == Scalar::Kind::boolean)
        return a.kind == b.kind && (a.kind == Scalar::Kind::null || a.boolean == b.boolean);
    return compare_numbers(a, b) == 0;
}

bool in_order(Filter::Op op, const Scalar& leaf, const Scalar& operand) noexcept
{
    const bool times = leaf.kind == Scalar::Kind::time_text && operand.kind == Scalar::Kind::time_text;
    const std::partial_ordering order =
        times ? leaf.microseconds <=> operand.microseconds : compare_numbers(leaf, operand);
    switch (op) {
    case Filter::Op::gt:
        return order > 0;
    case Filter::Op::gte:
        return order >= 0;
    case Filter::Op::lt:
        return order < 0;
    case Filter::Op::lte:
        return order <= 0;
    default:
        return false;
    }
}

namespace {

/// The value at a path through objects; null when there is none.
const json::value* value_at(const json::object& document, const std::vector<std::string>& path) noexcept
{
    const json::object* object = &document;
    const json::value* value = nullptr;
    for (const std::string& key : path) {
        if (!object)
            return nullptr;
        value = object->if_contains(key);
        if (!value)
            return nullptr;
        object = value->if_object();
    }
    return value;
}

bool holds_for(const Filter::Comparison& comparison, const json::object& document)
{
    const json::value* value = value_at(document, comparison.path);
    if (comparison.op == Filter::Op::exists)
        return (value != nullptr) == comparison.operands.front().get_bool();
    if (!value)
        return false;
    const auto element_holds = [&](const json::value& element) {
        const std::optional<Scalar> leaf = scalar_of(element);
        return leaf && std::ranges::any_of(comparison.operands, [&](const json::value& operand) {
                   const std::optional<Scalar> wanted = scalar_of(operand);
                   return wanted && satisfies(comparison.op, *leaf, *wanted);
               });
    };
    if (const json::array* list = value->if_array())
        return std::ranges::any_of(*list, element_holds);
    return element_holds(*value);
}

} // namespace

} // namespace filter_detail

bool Filter::matches(const json::object& metadata) const
{
    if (!root_)
        return true;
    return filter_detail::evaluate(
        *root_, [&](const Comparison& comparison) { return filter_detail::holds_for(comparison, metadata); });
}

} // namespace whisperstore

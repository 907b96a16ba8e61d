#pragma once
// The one evaluator of filters. It sees a document through its scalars, so that it serves JSON
// objects and the packed metadata of an index alike.

#include <whisperstore/core/time.hpp>
#include <whisperstore/vector/filter.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace whisperstore::filter_detail {

/// A value as comparisons see it. Integers that fit are `integer`, whatever JSON kind held them.
struct Scalar
{
    enum class Kind : std::uint8_t
    {
        null,
        boolean,
        integer,
        large_integer,
        real,
        text,
        time_text
    };

    Kind kind = Kind::null;
    union
    {
        bool boolean;
        std::int64_t integer = 0;
        std::uint64_t large_integer; ///< above the range of int64
        double real;
        std::int64_t microseconds; ///< time_text: the time, since 1970
    };
    std::string_view text = {}; ///< borrowed

    bool is_text() const noexcept { return kind == Kind::text || kind == Kind::time_text; }
};

/// Nothing for objects and lists. Text that is an RFC 3339 time becomes `time_text`. Borrows from `value`.
std::optional<Scalar> scalar_of(const json::value& value) noexcept;

bool equal(const Scalar& a, const Scalar& b) noexcept;
/// Whether `leaf <op> operand` for $gt, $gte, $lt, $lte: numbers with numbers, times with times.
bool in_order(Filter::Op op, const Scalar& leaf, const Scalar& operand) noexcept;

/// Whether a scalar satisfies eq, gt, gte, lt, lte or in with this operand.
inline bool satisfies(Filter::Op op, const Scalar& leaf, const Scalar& operand) noexcept
{
    return op == Filter::Op::eq || op == Filter::Op::in ? equal(leaf, operand) : in_order(op, leaf, operand);
}

/// Walks the tree; `holds(comparison)` answers its leaves.
template <typename Holds>
bool evaluate(const Filter::Node& node, const Holds& holds)
{
    if (const auto* comparison = std::get_if<Filter::Comparison>(&node.data))
        return holds(*comparison);
    if (const auto* negation = std::get_if<Filter::Not>(&node.data))
        return !evaluate(*negation->term, holds);
    if (const auto* conjunction = std::get_if<Filter::And>(&node.data)) {
        for (const Filter::NodePtr& term : conjunction->terms)
            if (!evaluate(*term, holds))
                return false;
        return true;
    }
    for (const Filter::NodePtr& term : std::get<Filter::Or>(node.data).terms)
        if (evaluate(*term, holds))
            return true;
    return false;
}

} // namespace whisperstore::filter_detail

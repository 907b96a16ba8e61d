#include "vector/qdrant/condition.hpp"

#include "vector/filter_evaluate.hpp"
#include "vector/qdrant/layout.hpp"

#include <whisperstore/core/time.hpp>

#include <cmath>
#include <limits>
#include <optional>

namespace whisperstore::qdrant {

namespace {

using filter_detail::Scalar;

/// A condition of Qdrant, or one of the two it has no word for.
struct Term
{
    enum class Kind
    {
        all,
        none,
        some
    };
    Kind kind = Kind::all;
    json::object condition = {};

    static Term some(json::object condition) { return Term{Kind::some, std::move(condition)}; }
};

/// The same filter from both sides: `over` matches at least what it matches, `under` at most. Both the same: exact.
struct Bounds
{
    Term over;
    Term under;
    bool exact = true;
};

Bounds exactly(Term term) { return Bounds{term, term, true}; }

json::object clause(std::string_view name, json::array conditions)
{
    json::object object;
    object[name] = std::move(conditions);
    return object;
}

Term negated(Term term)
{
    if (term.kind == Term::Kind::some) {
        json::array one;
        one.emplace_back(std::move(term.condition));
        return Term::some(clause("must_not", std::move(one)));
    }
    term.kind = term.kind == Term::Kind::all ? Term::Kind::none : Term::Kind::all;
    return term;
}

/// All of them, or any of them.
Term joined(std::vector<Term> terms, bool all)
{
    const Term::Kind neutral = all ? Term::Kind::all : Term::Kind::none;
    json::array conditions;
    for (Term& term : terms) {
        if (term.kind == Term::Kind::some)
            conditions.emplace_back(std::move(term.condition));
        else if (term.kind != neutral)
            return term;
    }
    if (conditions.empty())
        return Term{neutral};
    if (conditions.size() == 1)
        return Term::some(std::move(conditions.front().get_object()));
    return Term::some(clause(all ? "must" : "should", std::move(conditions)));
}

Bounds joined(std::vector<Bounds> bounds, bool all)
{
    std::vector<Term> over;
    std::vector<Term> under;
    bool exact = true;
    for (Bounds& one : bounds) {
        exact = exact && one.exact;
        over.push_back(std::move(one.over));
        under.push_back(std::move(one.under));
    }
    return Bounds{joined(std::move(over), all), joined(std::move(under), all), exact};
}

/// `metadata."a"."b c"`; nothing where a key holds what Qdrant's paths cannot.
std::optional<std::string> key_of(const std::vector<std::string>& path)
{
    std::string key(metadata_key);
    for (const std::string& part : path) {
        if (part.find_first_of("\"\\") != std::string::npos)
            return std::nullopt;
        const bool plain = !part.empty() && std::ranges::all_of(part, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        });
        if (plain) // as the indexes of the collections name it
            key.append(".").append(part);
        else
            key.append(".\"").append(part).append("\"");
    }
    return key;
}

Term on_key(std::string_view key, std::string_view operation, json::value argument)
{
    json::object condition;
    condition["key"] = key;
    condition[operation] = std::move(argument);
    return Term::some(std::move(condition));
}

Term match(std::string_view key, std::string_view kind, json::value operand)
{
    json::object argument;
    argument[kind] = std::move(operand);
    return on_key(key, "match", std::move(argument));
}

Term is_null(std::string_view key)
{
    json::object about;
    about["key"] = key;
    json::object condition;
    condition["is_null"] = std::move(about);
    return Term::some(std::move(condition));
}

Term is_empty(std::string_view key)
{
    json::object about;
    about["key"] = key;
    json::object condition;
    condition["is_empty"] = std::move(about);
    return Term::some(std::move(condition));
}

/// What is lost where a number becomes the double of Qdrant's ranges: half a unit in the last place when an integer is
/// converted, and up to two when texts are read.
constexpr int units_off = 6;

double stepped(double value, double towards)
{
    for (int i = 0; i < units_off; ++i)
        value = std::nextafter(value, towards);
    return value;
}

double as_double(const Scalar& number)
{
    switch (number.kind) {
    case Scalar::Kind::integer:
        return static_cast<double>(number.integer);
    case Scalar::Kind::large_integer:
        return static_cast<double>(number.large_integer);
    default:
        return number.real;
    }
}

constexpr double infinite = std::numeric_limits<double>::infinity();

/// Numbers from `low` to `high`, both included.
Term number_range(std::string_view key, double low, double high)
{
    json::object range;
    if (std::isfinite(low))
        range["gte"] = low;
    if (std::isfinite(high))
        range["lte"] = high;
    if (range.empty())
        range["gte"] = -std::numeric_limits<double>::max();
    return on_key(key, "range", std::move(range));
}

/// Beyond this Qdrant gives an integer back as an integer but compares it as a double; below, both are the same.
constexpr double largest_exact = 9007199254740992.0; // 2^53

/// A number that every reader takes for the same double, so that no bound around it is needed. Values beside it may
/// still be read as it: bounds are exact for them only where nothing lies between.
Bounds number_bounds(std::string_view key, Filter::Op op, const Scalar& operand)
{
    const double at = as_double(operand);
    switch (op) {
    case Filter::Op::gt:
    case Filter::Op::gte: {
        const double inside = stepped(at, infinite);
        Term under{Term::Kind::none};
        if (std::isfinite(inside))
            under = number_range(key, inside, infinite);
        return Bounds{number_range(key, stepped(at, -infinite), infinite), std::move(under), false};
    }
    case Filter::Op::lt:
    case Filter::Op::lte: {
        const double inside = stepped(at, -infinite);
        Term under{Term::Kind::none};
        if (std::isfinite(inside))
            under = number_range(key, -infinite, inside);
        return Bounds{number_range(key, -infinite, stepped(at, infinite)), std::move(under), false};
    }
    default:
        break;
    }
    // Equality. A match of integers is certain, but there are doubles of the same value, too.
    Term under{Term::Kind::none};
    if (operand.kind == Scalar::Kind::integer && std::abs(at) < largest_exact)
        under = match(key, "value", operand.integer);
    return Bounds{number_range(key, stepped(at, -infinite), stepped(at, infinite)), std::move(under), false};
}

/// Times from `low` to `high`; nothing: no bound.
Term time_range(std::string_view key, std::optional<Timestamp> low, std::optional<Timestamp> high)
{
    json::object range;
    if (low)
        range["gte"] = format_timestamp(*low);
    if (high)
        range["lte"] = format_timestamp(*high);
    return on_key(key, "range", std::move(range));
}

/// Qdrant reads what is no RFC 3339 time as one, too, and leap seconds in another way.
Bounds time_bounds(std::string_view key, Filter::Op op, const Scalar& operand)
{
    constexpr std::chrono::seconds around{2};
    static const Timestamp first = parse_timestamp("0000-01-01T00:00:00Z");
    static const Timestamp last = parse_timestamp("9999-12-31T23:59:59.999999Z");
    const Timestamp at{std::chrono::microseconds(operand.microseconds)};
    const bool greater = op == Filter::Op::gt || op == Filter::Op::gte;
    if (greater)
        return Bounds{time_range(key, std::max(first, at - around), std::nullopt), Term{Term::Kind::none}, false};
    return Bounds{time_range(key, std::nullopt, std::min(last, at + around)), Term{Term::Kind::none}, false};
}

/// Equality with one scalar, and order.
Bounds scalar_bounds(std::string_view key, Filter::Op op, const json::value& operand)
{
    const std::optional<Scalar> scalar = filter_detail::scalar_of(operand);
    if (!scalar)
        return exactly(Term{Term::Kind::none});
    const bool equality = op == Filter::Op::eq || op == Filter::Op::in;
    switch (scalar->kind) {
    case Scalar::Kind::null:
        return exactly(equality ? is_null(key) : Term{Term::Kind::none});
    case Scalar::Kind::boolean:
        return exactly(equality ? match(key, "value", scalar->boolean) : Term{Term::Kind::none});
    case Scalar::Kind::text:
        return exactly(equality ? match(key, "value", operand) : Term{Term::Kind::none});
    case Scalar::Kind::time_text:
        return equality ? exactly(match(key, "value", operand)) : time_bounds(key, op, *scalar);
    default:
        return number_bounds(key, op, *scalar);
    }
}

Bounds in_bounds(std::string_view key, const std::vector<json::value>& operands)
{
    std::vector<Bounds> any;
    json::array texts; // as one condition, however many
    for (const json::value& operand : operands) {
        if (operand.is_string())
            texts.push_back(operand);
        else
            any.push_back(scalar_bounds(key, Filter::Op::eq, operand));
    }
    if (!texts.empty())
        any.push_back(exactly(match(key, "any", std::move(texts))));
    return joined(std::move(any), false);
}

Bounds exists_bounds(const std::vector<std::string>& path, std::string_view key, bool present)
{
    std::vector<Term> there;
    there.push_back(negated(is_empty(key)));
    there.push_back(is_null(key));
    there.push_back(match(empty_lists_key, "value", json::string(path_text(path))));
    Term term = joined(std::move(there), false);
    return exactly(present ? std::move(term) : negated(std::move(term)));
}

Bounds bounds_of(const Filter::Node& node)
{
    if (const auto* comparison = std::get_if<Filter::Comparison>(&node.data)) {
        const std::optional<std::string> key = key_of(comparison->path);
        if (!key)
            return Bounds{Term{Term::Kind::all}, Term{Term::Kind::none}, false};
        if (comparison->op == Filter::Op::exists)
            return exists_bounds(comparison->path, *key, comparison->operands.front().get_bool());
        if (comparison->op == Filter::Op::in)
            return in_bounds(*key, comparison->operands);
        return scalar_bounds(*key, comparison->op, comparison->operands.front());
    }
    if (const auto* negation = std::get_if<Filter::Not>(&node.data)) {
        Bounds inner = bounds_of(*negation->term);
        return Bounds{negated(std::move(inner.under)), negated(std::move(inner.over)), inner.exact};
    }
    const auto* conjunction = std::get_if<Filter::And>(&node.data);
    std::vector<Bounds> terms;
    for (const Filter::NodePtr& term : conjunction ? conjunction->terms : std::get<Filter::Or>(node.data).terms)
        terms.push_back(bounds_of(*term));
    return joined(std::move(terms), conjunction != nullptr);
}

} // namespace

Condition translate(const Filter& filter)
{
    Condition condition;
    if (filter.matches_everything())
        return condition;
    Bounds bounds = bounds_of(*filter.root());
    condition.exact = bounds.exact;
    Term over = std::move(bounds.over);
    if (over.kind == Term::Kind::none) // any of no values
        over = match(id_key, "any", json::array());
    if (over.kind == Term::Kind::some) {
        json::array one;
        one.emplace_back(std::move(over.condition));
        condition.filter["must"] = std::move(one);
    }
    return condition;
}

} // namespace whisperstore::qdrant

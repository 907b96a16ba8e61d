#include "vector/chroma/where.hpp"

#include "vector/chroma/layout.hpp"
#include "vector/filter_evaluate.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace whisperstore::chroma {

namespace {

using filter_detail::Scalar;

constexpr std::size_t most_contains = 16;
// SQLite, below Chroma, takes expressions 1,000 deep and 32,766 values; each term of an $and costs time.
constexpr std::size_t most_joined = 16;
constexpr std::size_t most_comparisons = 400;
constexpr std::size_t most_values = 16'000;
constexpr double exact_in_double = 9007199254740992.0;    // 2^53
constexpr double largest_integer = 9223372036854775808.0; // 2^63

Where everything() { return Where{Where::Kind::everything}; }
Where nothing() { return Where{Where::Kind::nothing}; }

json::object comparison(std::string_view key, std::string_view op, json::value operand)
{
    json::object inner;
    inner[op] = std::move(operand);
    json::object outer;
    outer[key] = std::move(inner);
    return outer;
}

Where some(json::object condition) { return Where{Where::Kind::some, std::move(condition)}; }

/// Chroma takes lists of one condition, too, but one needs no list.
json::object joined(std::string_view op, json::array terms)
{
    if (terms.size() == 1)
        return std::move(terms.front().get_object());
    json::object object;
    object[op] = std::move(terms);
    return object;
}

json::object at_least_as_loose(Looseness level) { return comparison(loose_key, "$gte", static_cast<int>(level)); }

std::string path_text(const std::vector<std::string>& path)
{
    std::string text;
    for (const std::string& name : path)
        text.append(text.empty() ? "" : ".").append(name);
    return text;
}

std::string_view name_of(Filter::Op op)
{
    switch (op) {
    case Filter::Op::gt:
        return "$gt";
    case Filter::Op::gte:
        return "$gte";
    case Filter::Op::lt:
        return "$lt";
    default:
        return "$lte";
    }
}

/// Chroma cuts the operand to a whole number where it compares with one, and beyond 2^53 either side may be rounded:
/// the next whole number outwards holds all that it should, and costs at worst a document too many.
json::object number_range(const std::string& path, Filter::Op op, const json::value& operand)
{
    const auto number = operand.to_number<double>();
    const bool small = std::fabs(number) < exact_in_double;
    if (small && !operand.is_double())
        return comparison(path, name_of(op), operand);
    const bool from_below = op == Filter::Op::gt || op == Filter::Op::gte;
    const std::string_view inclusive = from_below ? "$gte" : "$lte";
    const double limit = std::numeric_limits<double>::max();
    const double outwards = !small       ? std::nextafter(number, from_below ? -limit : limit)
                            : from_below ? std::floor(number)
                                         : std::ceil(number);
    if (std::fabs(outwards) < largest_integer)
        return comparison(path, inclusive, static_cast<std::int64_t>(outwards));
    return comparison(path, inclusive, outwards);
}

Where range(const std::string& path, Filter::Op op, const json::value& operand)
{
    json::array terms;
    const auto scalar = filter_detail::scalar_of(operand);
    if (scalar && scalar->kind == Scalar::Kind::time_text)
        terms.push_back(comparison(std::string(time_prefix) + path, name_of(op), scalar->microseconds));
    else
        terms.push_back(number_range(path, op, operand));
    terms.push_back(at_least_as_loose(Looseness::number_lists));
    return some(joined("$or", std::move(terms)));
}

/// The operands of $eq and $in by what Chroma can compare with.
struct Operands
{
    json::array texts;
    json::array bools;
    json::array integers;
    json::array reals;
    bool beyond = false; ///< one that no condition can be sent for
};

Operands sorted_out(const std::vector<json::value>& values)
{
    Operands out;
    for (const json::value& value : values) {
        switch (value.kind()) {
        case json::kind::string:
            if (value.get_string().size() <= longest_compared_text)
                out.texts.push_back(value);
            else
                out.beyond = true;
            break;
        case json::kind::bool_:
            out.bools.push_back(value);
            break;
        case json::kind::int64:
            out.integers.push_back(value);
            break;
        case json::kind::uint64:
            // An integer that large is kept as loose; a real may be its equal.
            if (value.get_uint64() > INT64_MAX)
                out.reals.push_back(static_cast<double>(value.get_uint64()));
            else
                out.integers.push_back(value);
            break;
        case json::kind::double_:
            out.reals.push_back(value);
            break;
        default:
            out.beyond = true;
        }
    }
    return out;
}

void add_equal(json::array& terms, const std::string& path, const json::array& values)
{
    if (values.size() == 1)
        terms.push_back(comparison(path, "$eq", values.front()));
    else if (!values.empty())
        terms.push_back(comparison(path, "$in", values));
}

Where equal_to_any(const std::string& path, const std::vector<json::value>& values)
{
    if (values.empty())
        return nothing();
    const Operands operands = sorted_out(values);
    if (operands.beyond)
        return everything();
    json::array terms;
    Looseness looseness = Looseness::anything;
    for (const json::array* list : {&operands.texts, &operands.bools, &operands.integers, &operands.reals})
        add_equal(terms, path, *list);
    if (!operands.integers.empty() || !operands.reals.empty())
        looseness = Looseness::number_lists;
    if (operands.texts.size() + operands.bools.size() > most_contains)
        looseness = Looseness::text_lists;
    else
        for (const json::array* list : {&operands.texts, &operands.bools})
            for (const json::value& value : *list)
                terms.push_back(comparison(path, "$contains", value));
    terms.push_back(at_least_as_loose(looseness));
    return some(joined("$or", std::move(terms)));
}

Where leaf(const Filter::Comparison& node)
{
    const std::string path = path_text(node.path);
    if (node.op == Filter::Op::exists || !is_comparable_path(path))
        return everything();
    if (node.op == Filter::Op::eq || node.op == Filter::Op::in)
        return equal_to_any(path, node.operands);
    return range(path, node.op, node.operands.front());
}

Where all_of(std::vector<Where> terms)
{
    json::array list;
    for (Where& term : terms) {
        if (term.kind == Where::Kind::nothing)
            return nothing();
        if (term.kind == Where::Kind::some && list.size() < most_joined)
            list.push_back(std::move(term.condition));
    }
    return list.empty() ? everything() : some(joined("$and", std::move(list)));
}

Where any_of(std::vector<Where> terms)
{
    json::array list;
    for (Where& term : terms) {
        if (term.kind == Where::Kind::everything)
            return everything();
        if (term.kind == Where::Kind::some)
            list.push_back(std::move(term.condition));
    }
    return list.empty() ? nothing() : some(joined("$or", std::move(list)));
}

Where translate(const Filter::Node& node, bool negated)
{
    if (const auto* comparison = std::get_if<Filter::Comparison>(&node.data))
        return negated ? everything() : leaf(*comparison);
    if (const auto* negation = std::get_if<Filter::Not>(&node.data))
        return translate(*negation->term, !negated);
    const auto* conjunction = std::get_if<Filter::And>(&node.data);
    std::vector<Where> terms;
    for (const Filter::NodePtr& term : conjunction ? conjunction->terms : std::get<Filter::Or>(node.data).terms)
        terms.push_back(translate(*term, negated));
    // Not (a and b) is (not a) or (not b).
    const bool all = (conjunction != nullptr) != negated;
    return all ? all_of(std::move(terms)) : any_of(std::move(terms));
}

struct Size
{
    std::size_t comparisons = 0;
    std::size_t values = 0;
};

void add_size(const json::object& condition, Size& size)
{
    for (const auto& [key, value] : condition) {
        if (key == "$and" || key == "$or") {
            for (const json::value& term : value.get_array())
                add_size(term.get_object(), size);
            continue;
        }
        ++size.comparisons;
        for (const auto& [op, operand] : value.get_object())
            size.values += operand.is_array() ? operand.get_array().size() : 1;
    }
}

} // namespace

Where where_of(const Filter& filter)
{
    if (filter.matches_everything())
        return everything();
    Where where = translate(*filter.root(), false);
    Size size;
    add_size(where.condition, size);
    return size.comparisons > most_comparisons || size.values > most_values ? everything() : where;
}

Where both(Where a, Where b)
{
    std::vector<Where> terms;
    terms.push_back(std::move(a));
    terms.push_back(std::move(b));
    return all_of(std::move(terms));
}

Where in_buckets(unsigned first, unsigned end)
{
    if (first == 0 && end >= bucket_count)
        return everything();
    if (first >= end)
        return nothing();
    if (end == first + 1)
        return some(comparison(bucket_key, "$eq", first));
    // Each by an index: a range would walk along the half of it.
    json::array buckets;
    for (unsigned bucket = first; bucket < end; ++bucket)
        buckets.push_back(bucket);
    return some(comparison(bucket_key, "$in", std::move(buckets)));
}

Where foreign()
{
    json::array buckets;
    for (unsigned bucket = 0; bucket < bucket_count; ++bucket)
        buckets.push_back(bucket);
    return some(comparison(bucket_key, "$nin", std::move(buckets)));
}

} // namespace whisperstore::chroma

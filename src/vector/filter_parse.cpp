#include "core/text.hpp"
#include "vector/filter_evaluate.hpp"
#include "vector/filter_limits.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/vector/filter.hpp>

#include <cmath>

namespace whisperstore {

namespace {

[[noreturn]] void refuse(const std::string& message)
{
    throw StorageError(StorageErrc::invalid_argument, "filter: " + message);
}

std::string quoted(std::string_view text)
{
    std::string out(1, '\'');
    out.append(text).push_back('\'');
    return out;
}

Filter::NodePtr make(auto data) { return std::make_shared<const Filter::Node>(Filter::Node{std::move(data)}); }

/// One term stands for itself.
template <typename Group>
Filter::NodePtr join(std::vector<Filter::NodePtr> terms)
{
    if (terms.size() == 1)
        return std::move(terms.front());
    return make(Group{std::move(terms)});
}

std::vector<std::string> parse_path(std::string_view text)
{
    text::check(text, "filter key");
    std::vector<std::string> path;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find('.', start), text.size());
        if (end == start)
            refuse(quoted(text) + " is not a path: a name or names joined by dots");
        path.emplace_back(text.substr(start, end - start));
        start = end + 1;
    }
    if (path.size() > filter_detail::deepest_path)
        refuse("the path " + quoted(text) + " has " + std::to_string(path.size()) + " names; allowed are " +
               std::to_string(filter_detail::deepest_path));
    return path;
}

void check_scalar(const json::value& operand, std::string_view key, std::string_view op)
{
    if (operand.is_object() || operand.is_array())
        refuse(std::string(op) + " of " + quoted(key) + " takes a string, number, bool or null, not " +
               (operand.is_object() ? "an object; reach into objects with a dotted path" : "a list; use $in"));
    if (operand.is_double() && !std::isfinite(operand.get_double()))
        refuse(std::string(op) + " of " + quoted(key) + " takes finite numbers");
    if (operand.is_string())
        text::check(operand.get_string(), "filter: the operand of " + quoted(key));
}

void check_ordered(const json::value& operand, std::string_view key, std::string_view op)
{
    check_scalar(operand, key, op);
    const auto scalar = filter_detail::scalar_of(operand);
    if (!operand.is_number() && scalar->kind != filter_detail::Scalar::Kind::time_text)
        refuse(std::string(op) + " of " + quoted(key) +
               " takes a number or an RFC 3339 time such as \"2026-01-31T09:05:00Z\"");
}

struct Operator
{
    std::string_view name;
    Filter::Op op;
    bool negated;
};

constexpr std::array operators{
    Operator{"$eq", Filter::Op::eq, false},         Operator{"$ne", Filter::Op::eq, true},
    Operator{"$gt", Filter::Op::gt, false},         Operator{"$gte", Filter::Op::gte, false},
    Operator{"$lt", Filter::Op::lt, false},         Operator{"$lte", Filter::Op::lte, false},
    Operator{"$in", Filter::Op::in, false},         Operator{"$nin", Filter::Op::in, true},
    Operator{"$exists", Filter::Op::exists, false},
};

Filter::NodePtr parse_operator(std::string_view key, const std::vector<std::string>& path, std::string_view name,
                               const json::value& operand)
{
    const auto found = std::ranges::find(operators, name, &Operator::name);
    if (found == operators.end())
        refuse(quoted(name) + " of " + quoted(key) +
               " is not an operator; allowed are $eq $ne $gt $gte $lt $lte $in $nin $exists, and dotted paths into "
               "objects");
    Filter::Comparison comparison{path, found->op, {}};
    switch (found->op) {
    case Filter::Op::in:
        if (!operand.is_array())
            refuse(std::string(name) + " of " + quoted(key) + " takes a list");
        for (const json::value& item : operand.get_array()) {
            check_scalar(item, key, name);
            comparison.operands.push_back(item);
        }
        break;
    case Filter::Op::exists:
        if (!operand.is_bool())
            refuse("$exists of " + quoted(key) + " takes true or false");
        comparison.operands.push_back(operand);
        break;
    case Filter::Op::eq:
        check_scalar(operand, key, name);
        comparison.operands.push_back(operand);
        break;
    default:
        check_ordered(operand, key, name);
        comparison.operands.push_back(operand);
    }
    Filter::NodePtr node = make(std::move(comparison));
    return found->negated ? make(Filter::Not{std::move(node)}) : node;
}

void parse_field(std::string_view key, const json::value& condition, std::vector<Filter::NodePtr>& terms)
{
    const std::vector<std::string> path = parse_path(key);
    const json::object* operators_of_key = condition.if_object();
    if (!operators_of_key) {
        terms.push_back(parse_operator(key, path, "$eq", condition));
        return;
    }
    if (operators_of_key->empty())
        refuse(quoted(key) + " has an empty object; it takes a value or operators such as {\"$gt\": 3}");
    for (const auto& [name, operand] : *operators_of_key)
        terms.push_back(parse_operator(key, path, name, operand));
}

Filter::NodePtr parse_object(const json::value& expression, std::string_view where, std::size_t depth);

std::vector<Filter::NodePtr> parse_list(std::string_view name, const json::value& operand, std::size_t depth)
{
    const json::array* list = operand.if_array();
    if (!list || list->empty())
        refuse(std::string(name) + " takes a list of at least one filter");
    std::vector<Filter::NodePtr> terms;
    terms.reserve(list->size());
    for (const json::value& item : *list)
        terms.push_back(parse_object(item, name, depth + 1));
    return terms;
}

Filter::NodePtr parse_object(const json::value& expression, std::string_view where, std::size_t depth)
{
    if (depth > filter_detail::deepest_nesting)
        filter_detail::refuse_nesting();
    const json::object* object = expression.if_object();
    if (!object || object->empty())
        refuse(std::string(where) + " takes a filter: a JSON object with at least one condition");
    std::vector<Filter::NodePtr> terms;
    for (const auto& [key, value] : *object) {
        const std::string_view name = key;
        if (name == "$and")
            terms.push_back(join<Filter::And>(parse_list(name, value, depth)));
        else if (name == "$or")
            terms.push_back(join<Filter::Or>(parse_list(name, value, depth)));
        else if (name == "$not")
            terms.push_back(make(Filter::Not{parse_object(value, name, depth + 1)}));
        else if (name.starts_with('$'))
            refuse(quoted(name) + " is not an operator here; allowed are $and $or $not");
        else
            parse_field(name, value, terms);
    }
    return join<Filter::And>(std::move(terms));
}

std::size_t depth_of(const Filter::Node& node)
{
    std::size_t deepest = 0;
    if (const auto* negation = std::get_if<Filter::Not>(&node.data))
        deepest = depth_of(*negation->term);
    else if (const auto* conjunction = std::get_if<Filter::And>(&node.data))
        for (const Filter::NodePtr& term : conjunction->terms)
            deepest = std::max(deepest, depth_of(*term));
    else if (const auto* disjunction = std::get_if<Filter::Or>(&node.data))
        for (const Filter::NodePtr& term : disjunction->terms)
            deepest = std::max(deepest, depth_of(*term));
    return deepest + 1;
}

} // namespace

namespace filter_detail {

void refuse_nesting() { refuse("$and, $or and $not nest at most " + std::to_string(deepest_nesting) + " deep"); }

void check_nesting(const Filter::Node& root)
{
    if (depth_of(root) > deepest_nesting)
        refuse_nesting();
}

} // namespace filter_detail

Filter Filter::parse(const json::value& expression)
{
    if (!expression.is_object())
        refuse("it must be a JSON object such as {\"user_id\": \"u1\"}");
    if (expression.get_object().empty())
        return Filter();
    Filter::NodePtr root = parse_object(expression, "a filter", 1);
    filter_detail::check_nesting(*root);
    return Filter(std::move(root));
}

Filter Filter::parse_text(std::string_view text) { return parse(parse_json(text, "filter")); }

} // namespace whisperstore

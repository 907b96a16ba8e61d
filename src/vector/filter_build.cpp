#include "vector/filter_limits.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/vector/filter.hpp>

namespace whisperstore {

namespace {

Filter build(std::string_view path, std::string_view op, json::value operand)
{
    // Parsed like any other filter, so that the same checks hold; a path never reads as an operator.
    if (path.starts_with('$'))
        throw StorageError(StorageErrc::invalid_argument, "filter: '" + std::string(path) + "' is not a path");
    json::object condition;
    condition[op] = std::move(operand);
    json::object expression;
    expression[path] = std::move(condition);
    return Filter::parse(expression);
}

Filter checked(auto data)
{
    auto node = std::make_shared<const Filter::Node>(Filter::Node{std::move(data)});
    filter_detail::check_nesting(*node);
    return Filter(std::move(node));
}

/// Groups of the same kind are merged, so that long chains of && stay flat.
template <typename Group>
Filter joined(const Filter& a, const Filter& b)
{
    Group group;
    for (const Filter* filter : {&a, &b}) {
        if (const auto* same = std::get_if<Group>(&filter->root()->data))
            group.terms.insert(group.terms.end(), same->terms.begin(), same->terms.end());
        else
            group.terms.push_back(filter->root());
    }
    return checked(std::move(group));
}

std::string_view name_of(Filter::Op op, bool negated)
{
    switch (op) {
    case Filter::Op::eq:
        return negated ? "$ne" : "$eq";
    case Filter::Op::gt:
        return "$gt";
    case Filter::Op::gte:
        return "$gte";
    case Filter::Op::lt:
        return "$lt";
    case Filter::Op::lte:
        return "$lte";
    case Filter::Op::in:
        return negated ? "$nin" : "$in";
    case Filter::Op::exists:
        return "$exists";
    }
    return {};
}

json::object json_of(const Filter::Comparison& comparison, bool negated)
{
    std::string path;
    for (const std::string& key : comparison.path)
        path.append(path.empty() ? "" : ".").append(key);
    json::object condition;
    if (comparison.op == Filter::Op::in)
        condition[name_of(comparison.op, negated)] =
            json::array(comparison.operands.begin(), comparison.operands.end());
    else
        condition[name_of(comparison.op, negated)] = comparison.operands.front();
    json::object expression;
    expression[path] = std::move(condition);
    return expression;
}

json::object json_of(const Filter::Node& node);

json::array json_of(const std::vector<Filter::NodePtr>& terms)
{
    json::array list;
    list.reserve(terms.size());
    for (const Filter::NodePtr& term : terms)
        list.emplace_back(json_of(*term));
    return list;
}

json::object json_of(const Filter::Node& node)
{
    if (const auto* comparison = std::get_if<Filter::Comparison>(&node.data))
        return json_of(*comparison, false);
    json::object expression;
    if (const auto* negation = std::get_if<Filter::Not>(&node.data)) {
        const auto* comparison = std::get_if<Filter::Comparison>(&negation->term->data);
        if (comparison && (comparison->op == Filter::Op::eq || comparison->op == Filter::Op::in))
            return json_of(*comparison, true);
        expression["$not"] = json_of(*negation->term);
    } else if (const auto* conjunction = std::get_if<Filter::And>(&node.data)) {
        expression["$and"] = json_of(conjunction->terms);
    } else {
        expression["$or"] = json_of(std::get<Filter::Or>(node.data).terms);
    }
    return expression;
}

} // namespace

json::object Filter::to_json() const { return root_ ? json_of(*root_) : json::object(); }

namespace filter {

Filter eq(std::string_view path, Operand value) { return build(path, "$eq", value.take()); }
Filter ne(std::string_view path, Operand value) { return build(path, "$ne", value.take()); }
Filter gt(std::string_view path, Operand value) { return build(path, "$gt", value.take()); }
Filter gte(std::string_view path, Operand value) { return build(path, "$gte", value.take()); }
Filter lt(std::string_view path, Operand value) { return build(path, "$lt", value.take()); }
Filter lte(std::string_view path, Operand value) { return build(path, "$lte", value.take()); }
Filter in(std::string_view path, json::array values) { return build(path, "$in", std::move(values)); }
Filter nin(std::string_view path, json::array values) { return build(path, "$nin", std::move(values)); }
Filter exists(std::string_view path, bool present) { return build(path, "$exists", present); }

} // namespace filter

Filter operator&&(const Filter& a, const Filter& b)
{
    if (a.matches_everything() || b.matches_everything())
        return a.matches_everything() ? b : a;
    return joined<Filter::And>(a, b);
}

Filter operator||(const Filter& a, const Filter& b)
{
    if (a.matches_everything() || b.matches_everything())
        return Filter();
    return joined<Filter::Or>(a, b);
}

Filter operator!(const Filter& a)
{
    if (a.matches_everything())
        throw StorageError(StorageErrc::invalid_argument,
                           "filter: the empty filter matches everything, so its negation would match nothing");
    return checked(Filter::Not{a.root()});
}

} // namespace whisperstore

// Filters against a second evaluator, written from the rules and not from the code.

#include <whisperstore/vector/filter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace whisperstore {
namespace {

namespace naive {

using Number = long double; // 64 bits of mantissa hold every int64, uint64 and double of this test exactly

std::optional<Number> number(const json::value& value)
{
    if (value.is_int64())
        return static_cast<Number>(value.get_int64());
    if (value.is_uint64())
        return static_cast<Number>(value.get_uint64());
    if (value.is_double())
        return static_cast<Number>(value.get_double());
    return std::nullopt;
}

bool same(const json::value& a, const json::value& b)
{
    if (number(a) && number(b))
        return *number(a) == *number(b);
    if (a.kind() != b.kind())
        return false;
    return (a.is_null()) || (a.is_bool() && a.get_bool() == b.get_bool()) ||
           (a.is_string() && a.get_string() == b.get_string());
}

const json::value* at(const json::object& document, std::string path)
{
    const auto dot = path.find('.');
    const json::value* value = document.if_contains(path.substr(0, dot));
    if (dot == std::string::npos || !value)
        return value;
    return value->is_object() ? at(value->get_object(), path.substr(dot + 1)) : nullptr;
}

bool operator_holds(const std::string& op, const json::value& leaf, const json::value& operand)
{
    if (op == "$eq")
        return same(leaf, operand);
    if (op == "$in")
        return std::ranges::any_of(operand.get_array(), [&](const json::value& item) { return same(leaf, item); });
    if (!number(leaf) || !number(operand))
        return false;
    const Number a = *number(leaf);
    const Number b = *number(operand);
    return (op == "$gt" && a > b) || (op == "$gte" && a >= b) || (op == "$lt" && a < b) || (op == "$lte" && a <= b);
}

bool holds(const json::object& filter, const json::object& document);

bool field_holds(const std::string& path, const std::string& op, const json::value& operand,
                 const json::object& document)
{
    if (op == "$ne")
        return !field_holds(path, "$eq", operand, document);
    if (op == "$nin")
        return !field_holds(path, "$in", operand, document);
    const json::value* value = at(document, path);
    if (op == "$exists")
        return (value != nullptr) == operand.get_bool();
    if (!value)
        return false;
    if (!value->is_array())
        return operator_holds(op, *value, operand);
    return std::ranges::any_of(value->get_array(),
                               [&](const json::value& item) { return operator_holds(op, item, operand); });
}

bool holds(const json::object& filter, const json::object& document)
{
    for (const auto& [key, condition] : filter) {
        const auto inner = [&](const json::value& item) { return holds(item.get_object(), document); };
        bool held = true;
        if (key == "$and")
            held = std::ranges::all_of(condition.get_array(), inner);
        else if (key == "$or")
            held = std::ranges::any_of(condition.get_array(), inner);
        else if (key == "$not")
            held = !inner(condition);
        else if (condition.is_object())
            for (const auto& [op, operand] : condition.get_object())
                held = held && field_holds(key, op, operand, document);
        else
            held = field_holds(key, "$eq", condition, document);
        if (!held)
            return false;
    }
    return true;
}

} // namespace naive

class Random
{
public:
    explicit Random(unsigned seed) : engine_(seed) {}
    unsigned below(unsigned limit) { return static_cast<unsigned>(engine_() % limit); }

    json::value scalar()
    {
        static const json::array choices =
            parse_json(
                R"([null, true, false, 0, 1, 2, 1.0, -0.0, 0.5, 1.5, "", "x", "1", 9007199254740993, 9007199254740992.0,
               9223372036854775807, 9223372036854775808, 18446744073709551615, -9223372036854775808])",
                "choices")
                .as_array();
        return choices[below(static_cast<unsigned>(choices.size()))];
    }
    json::value value(int depth)
    {
        const unsigned kind = below(6);
        if (kind == 0) {
            json::array list;
            for (unsigned i = below(3); i > 0; --i)
                list.push_back(scalar());
            return list;
        }
        if (kind == 1 && depth < 3)
            return document(depth + 1);
        return scalar();
    }
    json::object document(int depth = 0)
    {
        json::object object;
        for (const char* key : {"a", "b", "c"})
            if (below(3) != 0)
                object[key] = value(depth);
        return object;
    }
    std::string path()
    {
        std::string text(1, static_cast<char>('a' + below(3)));
        while (below(3) == 0)
            text.append(".").push_back(static_cast<char>('a' + below(3)));
        return text;
    }
    json::value number()
    {
        json::value chosen = scalar();
        while (!chosen.is_number())
            chosen = scalar();
        return chosen;
    }
    json::object filter(int depth = 0)
    {
        json::object object;
        const unsigned kind = below(depth < 3 ? 12 : 9);
        json::object condition;
        switch (kind) {
        case 0:
            object[path()] = scalar();
            return object;
        case 1:
            condition["$eq"] = scalar();
            break;
        case 2:
            condition["$ne"] = scalar();
            break;
        case 3:
            condition["$gt"] = number();
            break;
        case 4:
            condition["$lte"] = number();
            break;
        case 5:
            condition["$gte"] = number();
            condition["$lt"] = number();
            break;
        case 6:
            condition["$in"] = json::array({scalar(), scalar()});
            break;
        case 7:
            condition["$nin"] = json::array({scalar()});
            break;
        case 8:
            condition["$exists"] = below(2) == 0;
            break;
        case 9:
            object["$and"] = json::array({filter(depth + 1), filter(depth + 1)});
            return object;
        case 10:
            object["$or"] = json::array({filter(depth + 1), filter(depth + 1)});
            return object;
        default:
            object["$not"] = filter(depth + 1);
            return object;
        }
        object[path()] = std::move(condition);
        return object;
    }

private:
    std::mt19937 engine_;
};

TEST(Filter, AgreesWithASecondEvaluator)
{
    Random random(20260131);
    int matched = 0;
    for (int round = 0; round < 20000; ++round) {
        const json::object expression = random.filter();
        const json::object metadata = random.document();
        const Filter filter = Filter::parse(expression);
        const bool expected = naive::holds(expression, metadata);
        ASSERT_EQ(filter.matches(metadata), expected)
            << json::serialize(expression) << " on " << json::serialize(metadata);
        ASSERT_EQ(Filter::parse(filter.to_json()).matches(metadata), expected) << json::serialize(filter.to_json());
        matched += expected ? 1 : 0;
    }
    // Neither trivially true nor false.
    EXPECT_GT(matched, 4000);
    EXPECT_LT(matched, 16000);
}

} // namespace
} // namespace whisperstore

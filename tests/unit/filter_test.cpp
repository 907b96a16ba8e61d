#include "support/run.hpp"

#include <whisperstore/vector/filter.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace whisperstore {
namespace {

json::object document(std::string_view text) { return parse_json_object(text, "document"); }

// ---- what matches

struct Match
{
    const char* filter;
    const char* metadata;
    bool expected;
    friend std::ostream& operator<<(std::ostream& out, const Match& match)
    {
        return out << match.filter << " on " << match.metadata;
    }
};

class FilterMatch : public testing::TestWithParam<Match>
{
};

TEST_P(FilterMatch, Matches)
{
    const Match& match = GetParam();
    const Filter filter = Filter::parse_text(match.filter);
    EXPECT_EQ(filter.matches(document(match.metadata)), match.expected) << match.filter << " on " << match.metadata;
    // Its JSON form is an equal filter.
    const Filter again = Filter::parse(filter.to_json());
    EXPECT_EQ(again.to_json(), filter.to_json());
    EXPECT_EQ(again.matches(document(match.metadata)), match.expected) << json::serialize(filter.to_json());
}

constexpr Match equality[] = {
    {R"({})", R"({})", true},
    {R"({})", R"({"a": 1})", true},
    {R"({"a": "x"})", R"({"a": "x"})", true},
    {R"({"a": "x"})", R"({"a": "X"})", false},
    {R"({"a": "x"})", R"({"b": "x"})", false},
    {R"({"a": ""})", R"({"a": ""})", true},
    {R"({"a": ""})", R"({})", false},
    {R"({"a": 1, "b": 2})", R"({"a": 1, "b": 2, "c": 3})", true},
    {R"({"a": 1, "b": 2})", R"({"a": 1, "b": 3})", false},
    {R"({"a": {"$eq": "x"}})", R"({"a": "x"})", true},
    {R"({"a": {"$ne": "x"}})", R"({"a": "y"})", true},
    {R"({"a": {"$ne": "x"}})", R"({"a": "x"})", false},
    // numbers are equal by value, bool is no number, text is no number
    {R"({"a": 1})", R"({"a": 1.0})", true},
    {R"({"a": 1.0})", R"({"a": 1})", true},
    {R"({"a": 1.5})", R"({"a": 1})", false},
    {R"({"a": 0})", R"({"a": -0.0})", true},
    {R"({"a": true})", R"({"a": 1})", false},
    {R"({"a": 1})", R"({"a": true})", false},
    {R"({"a": false})", R"({"a": 0})", false},
    {R"({"a": false})", R"({"a": false})", true},
    {R"({"a": true})", R"({"a": false})", false},
    {R"({"a": 1})", R"({"a": "1"})", false},
    {R"({"a": "1"})", R"({"a": 1})", false},
    {R"({"a": "true"})", R"({"a": true})", false},
    // beyond 2^53 doubles have gaps
    {R"({"a": 9007199254740993})", R"({"a": 9007199254740992})", false},
    {R"({"a": 9007199254740993})", R"({"a": 9007199254740992.0})", false},
    {R"({"a": 9007199254740992})", R"({"a": 9007199254740992.0})", true},
    {R"({"a": 9223372036854775807})", R"({"a": 9223372036854775808.0})", false},
    {R"({"a": 9223372036854775808})", R"({"a": 9223372036854775808.0})", true},
    {R"({"a": -9223372036854775808})", R"({"a": -9223372036854775808.0})", true},
    {R"({"a": 18446744073709551615})", R"({"a": 18446744073709551615})", true},
    {R"({"a": 18446744073709551615})", R"({"a": 18446744073709551616.0})", false},
    {R"({"a": 18446744073709551615})", R"({"a": -1})", false},
    // null is a value, a missing key is not
    {R"({"a": null})", R"({"a": null})", true},
    {R"({"a": null})", R"({})", false},
    {R"({"a": {"$eq": null}})", R"({"a": 0})", false},
    {R"({"a": {"$eq": null}})", R"({"a": {"b": null}})", false},
    {R"({"a": {"$ne": null}})", R"({"a": null})", false},
    {R"({"a": {"$ne": null}})", R"({})", true},
    {R"({"a": {"$ne": null}})", R"({"a": 1})", true},
    // objects equal nothing
    {R"({"a": 1})", R"({"a": {"b": 1}})", false},
    {R"({"a": {"$ne": 1}})", R"({"a": {"b": 1}})", true},
};
INSTANTIATE_TEST_SUITE_P(Equality, FilterMatch, testing::ValuesIn(equality));

constexpr Match missing_keys[] = {
    {R"({"a": {"$ne": 1}})", R"({})", true},
    {R"({"a": {"$nin": [1]}})", R"({})", true},
    {R"({"a": {"$exists": false}})", R"({})", true},
    {R"({"$not": {"a": 1}})", R"({})", true},
    {R"({"$not": {"a": {"$gt": 1}}})", R"({})", true},
    {R"({"a": {"$eq": 1}})", R"({})", false},
    {R"({"a": {"$in": [1]}})", R"({})", false},
    {R"({"a": {"$gt": 1}})", R"({})", false},
    {R"({"a": {"$gte": 1}})", R"({})", false},
    {R"({"a": {"$lt": 1}})", R"({})", false},
    {R"({"a": {"$lte": 1}})", R"({})", false},
    {R"({"a": {"$exists": true}})", R"({})", false},
    {R"({"a": {"$exists": true}})", R"({"a": null})", true},
    {R"({"a": {"$exists": false}})", R"({"a": null})", false},
    {R"({"a": {"$exists": true}})", R"({"a": {}})", true},
    {R"({"a": {"$exists": true}})", R"({"a": []})", true},
    {R"({"a.b": {"$exists": true}})", R"({"a": {"b": false}})", true},
    {R"({"a.b": {"$exists": false}})", R"({"a": 1})", true},
    {R"({"a.b": {"$ne": 1}})", R"({"a": 1})", true},
};
INSTANTIATE_TEST_SUITE_P(MissingKeys, FilterMatch, testing::ValuesIn(missing_keys));

constexpr Match lists[] = {
    {R"({"a": 1})", R"({"a": [1, 2]})", true},
    {R"({"a": 3})", R"({"a": [1, 2]})", false},
    {R"({"a": 3})", R"({"a": []})", false},
    {R"({"a": {"$ne": 1}})", R"({"a": [1, 2]})", false},
    {R"({"a": {"$ne": 3}})", R"({"a": [1, 2]})", true},
    {R"({"a": {"$ne": 3}})", R"({"a": []})", true},
    {R"({"a": null})", R"({"a": [1, null]})", true},
    {R"({"a": {"$gt": 1}})", R"({"a": [0, 2]})", true},
    {R"({"a": {"$gt": 2}})", R"({"a": [0, 2]})", false},
    {R"({"a": {"$gt": 1, "$lt": 1}})", R"({"a": [0, 2]})", true}, // each by an element of its own
    {R"({"a": {"$in": [7, "x"]}})", R"({"a": [1, "x"]})", true},
    {R"({"a": {"$nin": [7, "x"]}})", R"({"a": [1, "x"]})", false},
    {R"({"a": {"$nin": [7]}})", R"({"a": [1, "x"]})", true},
    {R"({"a": 1})", R"({"a": [[1]]})", false},          // one level
    {R"({"a.b": 1})", R"({"a": [{"b": 1}]})", false},   // paths go through objects only
    {R"({"a.b": 1})", R"({"a": {"b": [2, 1]}})", true}, // a list at the leaf
    {R"({"a.0": 1})", R"({"a": [1]})", false},
};
INSTANTIATE_TEST_SUITE_P(Lists, FilterMatch, testing::ValuesIn(lists));

constexpr Match ranges[] = {
    {R"({"a": {"$gt": 1}})", R"({"a": 2})", true},
    {R"({"a": {"$gt": 2}})", R"({"a": 2})", false},
    {R"({"a": {"$gte": 2}})", R"({"a": 2.0})", true},
    {R"({"a": {"$lt": 2.5}})", R"({"a": 2})", true},
    {R"({"a": {"$lte": 2}})", R"({"a": 2.0000001})", false},
    {R"({"a": {"$gt": 1, "$lte": 3}})", R"({"a": 3})", true},
    {R"({"a": {"$gt": 1, "$lte": 3}})", R"({"a": 4})", false},
    {R"({"a": {"$gt": -1}})", R"({"a": true})", false},
    {R"({"a": {"$gt": -1}})", R"({"a": "5"})", false},
    {R"({"a": {"$gt": -1}})", R"({"a": null})", false},
    {R"({"a": {"$lt": 9}})", R"({"a": {}})", false},
    {R"({"a": {"$gt": 9007199254740992}})", R"({"a": 9007199254740993})", true},
    {R"({"a": {"$gt": 9007199254740992.0}})", R"({"a": 9007199254740993})", true},
    {R"({"a": {"$lt": 9007199254740993}})", R"({"a": 9007199254740992.0})", true},
    {R"({"a": {"$gt": 9223372036854775807}})", R"({"a": 9223372036854775808})", true},
    {R"({"a": {"$gt": 1e300}})", R"({"a": 18446744073709551615})", false},
    {R"({"a": {"$gt": -1e300}})", R"({"a": -9223372036854775808})", true},
    {R"({"a": {"$lt": 0.5}})", R"({"a": 0})", true},
    {R"({"a": {"$gt": -0.5}})", R"({"a": 0})", true},
    {R"({"a": {"$lt": -0.5}})", R"({"a": -1})", true},
    {R"({"a": {"$lt": -1}})", R"({"a": -0.5})", false},
    // times are compared as times, not as text
    {R"({"t": {"$gt": "2026-01-31T10:00:00+02:00"}})", R"({"t": "2026-01-31T09:05:00Z"})", true},
    {R"({"t": {"$lt": "2026-01-31T10:00:00+02:00"}})", R"({"t": "2026-01-31T09:05:00Z"})", false},
    {R"({"t": {"$gte": "2026-01-31T09:05:00Z"}})", R"({"t": "2026-01-31 09:05:00.000000Z"})", true},
    {R"({"t": {"$lte": "2026-01-31T09:05:00.5Z"}})", R"({"t": "2026-01-31T09:05:00.500001Z"})", false},
    {R"({"t": "2026-01-31T09:05:00Z"})", R"({"t": "2026-01-31T10:05:00+01:00"})", false}, // equality is that of text
    {R"({"t": {"$gt": "2026-01-31T09:05:00Z"}})", R"({"t": 2000000000})", false},
    {R"({"t": {"$gt": 0}})", R"({"t": "2026-01-31T09:05:00Z"})", false},
    {R"({"t": {"$gt": "2026-01-31T09:05:00Z"}})", R"({"t": "tomorrow"})", false},
    {R"({"t": {"$gt": "2026-01-31T09:05:00Z"}})", R"({"t": "zzzz"})", false},
};
INSTANTIATE_TEST_SUITE_P(Ranges, FilterMatch, testing::ValuesIn(ranges));

constexpr Match groups[] = {
    {R"({"a": {"$in": ["x", 2, null]}})", R"({"a": 2.0})", true},
    {R"({"a": {"$in": ["x", 2, null]}})", R"({"a": null})", true},
    {R"({"a": {"$in": ["x", 2]}})", R"({"a": "2"})", false},
    {R"({"a": {"$in": []}})", R"({"a": 1})", false},
    {R"({"a": {"$nin": []}})", R"({"a": 1})", true},
    {R"({"a": {"$nin": ["x"]}})", R"({"a": "x"})", false},
    {R"({"$and": [{"a": 1}, {"b": 2}]})", R"({"a": 1, "b": 2})", true},
    {R"({"$and": [{"a": 1}, {"b": 2}]})", R"({"a": 1})", false},
    {R"({"$or": [{"a": 1}, {"b": 2}]})", R"({"b": 2})", true},
    {R"({"$or": [{"a": 1}, {"b": 2}]})", R"({"a": 2, "b": 1})", false},
    {R"({"$or": [{"a": 1}]})", R"({"a": 1})", true},
    {R"({"$not": {"a": 1}})", R"({"a": 1})", false},
    {R"({"$not": {"a": 1, "b": 2}})", R"({"a": 1, "b": 3})", true},
    {R"({"$not": {"$not": {"a": 1}}})", R"({"a": 1})", true},
    {R"({"$not": {"a": {"$ne": 1}}})", R"({"a": 1})", true},
    {R"({"$not": {"a": {"$ne": 1}}})", R"({})", false},
    {R"({"c": 3, "$or": [{"a": 1}, {"b": {"$lt": 0}}]})", R"({"a": 1, "c": 3})", true},
    {R"({"c": 3, "$or": [{"a": 1}, {"b": {"$lt": 0}}]})", R"({"a": 1})", false},
    {R"({"a.b.c": 1})", R"({"a": {"b": {"c": 1}}})", true},
    {R"({"a.b.c": 1})", R"({"a": {"b": {"d": 1}}})", false},
    {R"({"a.b": 1})", R"({"a.b": 1})", false}, // a key with a dot cannot be addressed
    {R"({"a.b": {"$exists": true}})", R"({"a.b": 1})", false},
    {R"({"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p": 1})",
     R"({"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":{"j":{"k":{"l":{"m":{"n":{"o":{"p":1}}}}}}}}}}}}}}}})", true},
    {R"({"ключ": "значение 🌒"})", R"({"ключ": "значение 🌒"})", true},
};
INSTANTIATE_TEST_SUITE_P(Groups, FilterMatch, testing::ValuesIn(groups));

// ---- what is refused

class FilterRefused : public testing::TestWithParam<const char*>
{
};

// Seen in an earlier implementation: unknown filter operators matching everything.
TEST_P(FilterRefused, IsInvalidArgument) { EXPECT_STORAGE_ERROR(Filter::parse_text(GetParam()), invalid_argument); }

constexpr const char* refused[] = {
    R"([])",
    R"("x")",
    R"(null)",
    R"({"a": {"$near": 3}})",
    R"({"a": {"$regex": "x"}})",
    R"({"a": {"$GT": 3}})",
    R"({"a": {"gt": 3}})",
    R"({"a": {"$not": {"$gt": 3}}})",
    R"({"$nor": [{"a": 1}]})",
    R"({"$where": "true"})",
    R"({"$eq": 1})",
    R"({"$": 1})",
    R"({"a": {}})",
    R"({"a": {"b": 1}})",
    R"({"a": {"$gt": 1, "b": 2}})",
    R"({"a": [1, 2]})",
    R"({"a": {"$eq": [1]}})",
    R"({"a": {"$eq": {"b": 1}}})",
    R"({"a": {"$ne": []}})",
    R"({"a": {"$gt": "x"}})",
    R"({"a": {"$gt": true}})",
    R"({"a": {"$gt": null}})",
    R"({"a": {"$lte": [1]}})",
    R"({"a": {"$lt": "2026-01-31"}})",
    R"({"a": {"$in": 1}})",
    R"({"a": {"$in": "x"}})",
    R"({"a": {"$in": [[1]]}})",
    R"({"a": {"$nin": [{"b": 1}]}})",
    R"({"a": {"$nin": null}})",
    R"({"a": {"$exists": 1}})",
    R"({"a": {"$exists": null}})",
    R"({"$and": []})",
    R"({"$or": []})",
    R"({"$and": {"a": 1}})",
    R"({"$and": [{}]})",
    R"({"$or": [{"a": 1}, {}]})",
    R"({"$or": [1]})",
    R"({"$not": {}})",
    R"({"$not": [{"a": 1}]})",
    R"({"$not": null})",
    R"({"": 1})",
    R"({".": 1})",
    R"({".a": 1})",
    R"({"a.": 1})",
    R"({"a..b": 1})",
    R"({"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q": 1})",
    R"({"a": "\u0000"})",
    R"({"a\u0000": 1})",
};
INSTANTIATE_TEST_SUITE_P(Table, FilterRefused, testing::ValuesIn(refused));

TEST(Filter, TextThatIsNoJsonIsSyntax)
{
    EXPECT_STORAGE_ERROR(Filter::parse_text("{"), syntax);
    EXPECT_STORAGE_ERROR(Filter::parse_text(""), syntax);
    EXPECT_STORAGE_ERROR(Filter::parse_text("{} x"), syntax);
}

TEST(Filter, ErrorsNameTheKeyAndWhatIsAllowed)
{
    const StorageError error = test::error_of([] { Filter::parse_text(R"({"age": {"$near": 3}})"); });
    EXPECT_NE(error.message().find("age"), std::string::npos);
    EXPECT_NE(error.message().find("$near"), std::string::npos);
    EXPECT_NE(error.message().find("$exists"), std::string::npos);
}

TEST(Filter, NonFiniteNumbersAreRefused)
{
    EXPECT_STORAGE_ERROR(filter::eq("a", std::numeric_limits<double>::quiet_NaN()), invalid_argument);
    EXPECT_STORAGE_ERROR(filter::gt("a", std::numeric_limits<double>::infinity()), invalid_argument);
    EXPECT_STORAGE_ERROR(filter::eq("a", "\xff"), invalid_argument);
}

std::string nested(int depth, std::string_view inner)
{
    std::string text(inner);
    for (int i = 0; i < depth; ++i)
        text = R"({"$not": )" + text + "}";
    return text;
}

TEST(Filter, NestingIsBounded)
{
    const Filter deepest = Filter::parse_text(nested(29, R"({"a": 1})"));
    EXPECT_FALSE(deepest.matches(document(R"({"a": 1})")));
    EXPECT_STORAGE_ERROR(Filter::parse_text(nested(30, R"({"a": 1})")), invalid_argument);
    EXPECT_STORAGE_ERROR(Filter::parse_text(nested(62, R"({"a": 1})")), invalid_argument);
    // A tree made in memory may be deeper than any text.
    json::value deep = json::object({{"a", 1}});
    for (int i = 0; i < 5000; ++i) {
        json::object outer;
        outer["$not"] = std::move(deep);
        deep = std::move(outer);
    }
    EXPECT_STORAGE_ERROR(Filter::parse(deep), invalid_argument);
}

TEST(Filter, TheJsonOfTheDeepestFilterIsReadAgain)
{
    std::string text = R"({"a": {"$in": [1]}})";
    for (int i = 0; i < 29; ++i)
        text = R"({"$or": [{"b": 2}, )" + text + "]}";
    const Filter deepest = Filter::parse_text(text);
    const Filter again = Filter::parse_text(json::serialize(deepest.to_json()));
    EXPECT_EQ(again.to_json(), deepest.to_json());
    EXPECT_STORAGE_ERROR(Filter::parse_text(R"({"$or": [{"b": 2}, )" + text + "]}"), invalid_argument);
}

// ---- builders

TEST(Filter, BuildersSayWhatTheJsonSays)
{
    const auto json_of = [](std::string_view text) { return Filter::parse_text(text).to_json(); };
    EXPECT_EQ(filter::eq("a", "x").to_json(), json_of(R"({"a": "x"})"));
    const std::string text = "x";
    EXPECT_EQ(filter::eq("a", text).to_json(), json_of(R"({"a": "x"})"));
    EXPECT_EQ(filter::eq("a", std::string_view(text)).to_json(), json_of(R"({"a": "x"})"));
    EXPECT_EQ(filter::eq("a", json::value(true)).to_json(), json_of(R"({"a": true})"));
    EXPECT_EQ(filter::eq("a", 7U).to_json(), json_of(R"({"a": 7})"));
    EXPECT_EQ(filter::ne("a.b", nullptr).to_json(), json_of(R"({"a.b": {"$ne": null}})"));
    EXPECT_EQ(filter::gt("a", 1).to_json(), json_of(R"({"a": {"$gt": 1}})"));
    EXPECT_EQ(filter::gte("a", 1.5).to_json(), json_of(R"({"a": {"$gte": 1.5}})"));
    EXPECT_EQ(filter::lt("a", 1).to_json(), json_of(R"({"a": {"$lt": 1}})"));
    EXPECT_EQ(filter::lte("a", "2026-01-31T09:05:00Z").to_json(),
              json_of(R"({"a": {"$lte": "2026-01-31T09:05:00Z"}})"));
    EXPECT_EQ(filter::in("a", json::array({1, "x"})).to_json(), json_of(R"({"a": {"$in": [1, "x"]}})"));
    EXPECT_EQ(filter::nin("a", json::array({1})).to_json(), json_of(R"({"a": {"$nin": [1]}})"));
    EXPECT_EQ(filter::exists("a").to_json(), json_of(R"({"a": {"$exists": true}})"));
    EXPECT_EQ(filter::exists("a", false).to_json(), json_of(R"({"a": {"$exists": false}})"));
    EXPECT_EQ((filter::eq("a", 1) && filter::gt("b", 2)).to_json(), json_of(R"({"a": 1, "b": {"$gt": 2}})"));
    EXPECT_EQ((filter::eq("a", 1) || filter::eq("b", 2)).to_json(), json_of(R"({"$or": [{"a": 1}, {"b": 2}]})"));
    EXPECT_EQ((!filter::gt("a", 1)).to_json(), json_of(R"({"$not": {"a": {"$gt": 1}}})"));
    EXPECT_EQ((!filter::eq("a", 1)).to_json(), json_of(R"({"a": {"$ne": 1}})"));
}

TEST(Filter, BuildersCheckAsTheParserDoes)
{
    EXPECT_STORAGE_ERROR(filter::eq("", 1), invalid_argument);
    EXPECT_STORAGE_ERROR(filter::eq("$and", 1), invalid_argument);
    EXPECT_STORAGE_ERROR(filter::eq("a..b", 1), invalid_argument);
    EXPECT_STORAGE_ERROR(filter::gt("a", "x"), invalid_argument);
    EXPECT_STORAGE_ERROR(filter::eq("a", json::array({1})), invalid_argument);
    EXPECT_STORAGE_ERROR(filter::eq("a", json::object()), invalid_argument);
}

TEST(Filter, TheEmptyFilterInGroups)
{
    const Filter everything;
    const Filter one = filter::eq("a", 1);
    EXPECT_TRUE(everything.matches_everything());
    EXPECT_FALSE(one.matches_everything());
    EXPECT_EQ((everything && one).to_json(), one.to_json());
    EXPECT_EQ((one && everything).to_json(), one.to_json());
    EXPECT_TRUE((everything || one).matches_everything());
    EXPECT_STORAGE_ERROR(!everything, invalid_argument);
    EXPECT_TRUE(everything.to_json().empty());
}

TEST(Filter, LongChainsStayFlatAndAlternationIsBounded)
{
    Filter all = filter::ne("x", 0);
    Filter any = filter::eq("x", 0);
    for (int i = 1; i < 500; ++i) {
        all = all && filter::ne("x", i);
        any = any || filter::eq("x", i);
    }
    EXPECT_TRUE(all.matches(document(R"({"x": 500})")));
    EXPECT_FALSE(all.matches(document(R"({"x": 499})")));
    EXPECT_TRUE(any.matches(document(R"({"x": 499})")));
    EXPECT_EQ(Filter::parse(all.to_json()).to_json(), all.to_json());

    Filter deep = filter::eq("a", 1);
    const auto alternate = [&] {
        for (int i = 0; i < 40; ++i)
            deep = i % 2 == 0 ? deep && filter::eq("b", i) : deep || filter::eq("c", i);
    };
    EXPECT_STORAGE_ERROR(alternate(), invalid_argument);
}

} // namespace
} // namespace whisperstore

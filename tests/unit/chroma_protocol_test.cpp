// What goes to Chroma and what comes back, without a server: against what the real one answered (records), and against
// the meaning of filters.

#include "support/run.hpp"
#include "support/test_directory.hpp"
#include "vector/chroma/answer.hpp"
#include "vector/chroma/api.hpp"
#include "vector/chroma/collections.hpp"
#include "vector/chroma/layout.hpp"
#include "vector/chroma/listing.hpp"
#include "vector/chroma/names.hpp"
#include "vector/chroma/request.hpp"
#include "vector/chroma/where.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

namespace whisperstore::chroma {
namespace {

using test::error_of;

const std::set<std::string, std::less<>> no_keys;

json::object record_of(std::string_view id, const json::object& metadata,
                       const std::set<std::string, std::less<>>& old_keys = no_keys)
{
    std::string text;
    append_record_metadata(text, id, metadata, old_keys);
    return parse_json_object(text, "record");
}

json::object parsed(std::string_view text) { return parse_json_object(text, "text"); }

std::string where_text(std::string_view filter)
{
    const Where where = where_of(Filter::parse_text(filter));
    switch (where.kind) {
    case Where::Kind::everything:
        return "everything";
    case Where::Kind::nothing:
        return "nothing";
    case Where::Kind::some:
        break;
    }
    return json::serialize(where.condition);
}

// ---- names

TEST(ChromaNames, AreTheSameWhereChromaTakesThem)
{
    EXPECT_EQ(server_name("user_memories"), "user_memories");
    EXPECT_EQ(server_name("A-1_z"), "A-1_z");
    EXPECT_EQ(server_name("ab"), "n.ab.n");
    EXPECT_EQ(server_name("_private"), "n._private.n");
    EXPECT_EQ(server_name("ends-"), "n.ends-.n");
    EXPECT_STORAGE_ERROR(server_name("a.b"), invalid_argument);
}

TEST(ChromaNames, StandForOneCollectionEach)
{
    for (const std::string& name : {std::string("abc"), std::string("a"), std::string("n"), std::string("_"),
                                    std::string("-x-"), std::string(63, 'x'), std::string(63, '-')}) {
        EXPECT_EQ(collection_of(server_name(name)), name);
        EXPECT_LE(server_name(name).size(), 512U);
    }
    // Whoever made these, they are none of ours.
    for (const char* name : {"n.abc.n", "has.dot", "n..n", "n.a.b.n", "n.n"})
        EXPECT_EQ(collection_of(name), std::nullopt) << name;
    for (const std::string& name : {staged_name("t", 1), retired_name("t", 2), decision_name("t")})
        EXPECT_EQ(collection_of(name), std::nullopt) << name;
}

TEST(ChromaNames, TellThePartsOfARestore)
{
    EXPECT_EQ(restore_part(staged_name("abc", 7)).part, RestorePart::staged);
    EXPECT_EQ(restore_part(staged_name("abc", 7)).token, "abc");
    EXPECT_EQ(restore_part(retired_name("abc", 7)).part, RestorePart::retired);
    EXPECT_EQ(restore_part(decision_name("abc")).part, RestorePart::decision);
    EXPECT_EQ(restore_part(decision_name("abc")).token, "abc");
    EXPECT_EQ(restore_part("user_memories").part, RestorePart::none);
}

// ---- layout

TEST(ChromaLayout, KeepsWhatChromaCanCompare)
{
    const json::object record = record_of(
        "a", parsed(R"({"user_id": "u1", "n": 3, "f": 1.5, "ok": true, "none": null, "o": {"p": {"q": "deep"}},
                        "tags": ["x", "y"], "t": "2026-01-31T09:05:00Z"})"));
    EXPECT_EQ(record.at("user_id"), "u1");
    EXPECT_EQ(record.at("n"), 3);
    EXPECT_EQ(record.at("f"), 1.5);
    EXPECT_EQ(record.at("ok"), true);
    EXPECT_EQ(record.at("o.p.q"), "deep");
    EXPECT_EQ(record.at("tags"), (json::array{"x", "y"}));
    EXPECT_EQ(record.at("whisperstore:time:t"), 1769850300000000);
    EXPECT_FALSE(record.contains("none"));
    EXPECT_EQ(record.at("whisperstore:loose"), 1); // texts in a list
    EXPECT_EQ(record.at("whisperstore:bucket").to_number<unsigned>(), bucket_of("a"));
}

TEST(ChromaLayout, KeepsTheExactMetadataAsText)
{
    const char* text = R"({"z":1.0,"a":[null,{"b":[]}],"u":18446744073709551615,"":0,"$x":1,"chroma:document":2})";
    const json::object record = record_of("a", parsed(text));
    EXPECT_EQ(parse_json_object(record.at(metadata_key).as_string(), "text"), parsed(text));
}

// A number under chroma:document stops the writer of Chroma 1.5.9, for good and for every collection.
TEST(ChromaLayout, NeverSendsKeysThatChromaDoesNotTake)
{
    const json::object record =
        record_of("a", parsed(R"({"chroma:document": 1, "chroma:uri": "x", "$k": 1, "#document": 1, "": 1, "a.b": 1,
                        "whisperstore:metadata": "mine", "whisperstore:bucket": 99999, "x": {"": 1, "y.z": 1}})"));
    std::set<std::string> keys;
    for (const auto& [key, value] : record)
        keys.insert(key);
    EXPECT_EQ(keys, (std::set<std::string>{std::string(metadata_key), std::string(bucket_key)}));
    EXPECT_EQ(record.at(bucket_key).to_number<unsigned>(), bucket_of("a"));
}

TEST(ChromaLayout, HoldsNothingThatChromaRefuses)
{
    // Nested values, nulls and lists of several kinds are 422 there.
    const json::object record = record_of(
        "a", parsed(R"({"mixed": ["x", 1, true, null, {"a": 1}], "nested": [[1]], "large": 18446744073709551615,
                        "numbers": [1, 2.5], "integers": [1, 2], "bools": [true], "empty": [], "object": {}})"));
    for (const auto& [key, value] : record) {
        ASSERT_FALSE(value.is_object() || value.is_null()) << key;
        if (const json::array* list = value.if_array()) {
            for (const json::value& item : *list)
                EXPECT_EQ(item.kind(), list->front().kind()) << key;
        }
        if (value.is_uint64()) {
            EXPECT_LE(value.get_uint64(), std::uint64_t(INT64_MAX)) << key;
        }
    }
    EXPECT_EQ(record.at("mixed"), (json::array{"x"}));
    EXPECT_EQ(record.at("numbers"), (json::array{1.0, 2.5}));
    EXPECT_EQ(record.at("whisperstore:loose"), 3);
    EXPECT_FALSE(record.contains("empty"));
}

TEST(ChromaLayout, NamesOldKeysAsNull)
{
    const json::object record = record_of(
        "a", parsed(R"({"kept": 1})"),
        {"kept", "gone", "whisperstore:loose", "chroma:document", std::string(metadata_key), std::string(bucket_key)});
    EXPECT_EQ(record.at("kept"), 1);
    EXPECT_TRUE(record.at("gone").is_null());
    EXPECT_TRUE(record.at("whisperstore:loose").is_null());
    EXPECT_FALSE(record.contains("chroma:document"));
    EXPECT_FALSE(record.at(metadata_key).is_null());
}

TEST(ChromaLayout, LongTextsAreNotCompared)
{
    json::object metadata;
    metadata["short"] = std::string(1024, 'x');
    metadata["long"] = std::string(1025, 'x');
    const json::object record = record_of("a", metadata);
    EXPECT_TRUE(record.contains("short"));
    EXPECT_FALSE(record.contains("long"));
    json::object condition;
    condition["long"] = std::string(1025, 'x');
    EXPECT_EQ(where_of(Filter::parse(condition)).kind, Where::Kind::everything);
}

// ---- conditions

TEST(ChromaWhere, IsChromasOwnLanguage)
{
    EXPECT_EQ(where_text(R"({"user_id": "u1"})"),
              R"({"$or":[{"user_id":{"$eq":"u1"}},{"user_id":{"$contains":"u1"}},{"whisperstore:loose":{"$gte":3}}]})");
    EXPECT_EQ(where_text(R"({"n": {"$gt": 5}})"), R"({"$or":[{"n":{"$gt":5}},{"whisperstore:loose":{"$gte":2}}]})");
    EXPECT_EQ(where_text(R"({"t": {"$lt": "1970-01-01T00:00:01Z"}})"),
              R"({"$or":[{"whisperstore:time:t":{"$lt":1000000}},{"whisperstore:loose":{"$gte":2}}]})");
    // Chroma cuts 1.5 to 1 where it compares with whole numbers.
    EXPECT_EQ(where_text(R"({"n": {"$lt": 1.5}})"), R"({"$or":[{"n":{"$lte":2}},{"whisperstore:loose":{"$gte":2}}]})");
    EXPECT_EQ(where_text(R"({"n": {"$gt": 1.5}})"), R"({"$or":[{"n":{"$gte":1}},{"whisperstore:loose":{"$gte":2}}]})");
}

TEST(ChromaWhere, SendsNothingThatHoldsForAMissingKey)
{
    for (const char* filter :
         {R"({})", R"({"a": {"$ne": 1}})", R"({"a": {"$nin": [1]}})", R"({"a": {"$exists": true}})",
          R"({"a": {"$exists": false}})", R"({"a": null})", R"({"a": {"$in": [1, null]}})", R"({"$not": {"a": 1}})",
          R"({"$or": [{"a": 1}, {"b": {"$ne": 1}}]})", R"({"$not": {"$and": [{"a": 1}, {"b": 2}]}})",
          R"({"chroma:document": "x"})", R"({"#a": 1})"})
        EXPECT_EQ(where_text(filter), "everything") << filter;
    for (const char* filter : {R"({"a": {"$in": []}})", R"({"a": {"$in": []}, "b": 1})"})
        EXPECT_EQ(where_text(filter), "nothing") << filter;
    // What is left of a conjunction narrows it.
    EXPECT_EQ(where_text(R"({"a": 1, "b": {"$ne": 1}})"), where_text(R"({"a": 1})"));
    EXPECT_EQ(where_text(R"({"$not": {"$not": {"a": 1}}})"), where_text(R"({"a": 1})"));
    EXPECT_EQ(where_text(R"({"$not": {"$or": [{"a": {"$ne": 1}}, {"b": 1}]}})"), where_text(R"({"a": 1})"));
}

TEST(ChromaWhere, IsNoLargerThanTheServerTakes)
{
    json::array many;
    for (int i = 0; i < 20'000; ++i)
        many.push_back(i);
    EXPECT_EQ(where_of(filter::in("a", many)).kind, Where::Kind::everything);
    many.resize(10'000);
    EXPECT_EQ(where_of(filter::in("a", many)).kind, Where::Kind::some);
    json::array terms;
    for (int i = 0; i < 300; ++i) {
        json::object term;
        term["a"] = i;
        terms.push_back(std::move(term));
    }
    json::object either;
    either["$or"] = terms;
    EXPECT_EQ(where_of(Filter::parse(either)).kind, Where::Kind::everything);
    json::object both_of;
    both_of["$and"] = terms; // a part of it narrows as well
    const Where where = where_of(Filter::parse(both_of));
    ASSERT_EQ(where.kind, Where::Kind::some);
    EXPECT_EQ(where.condition.at("$and").as_array().size(), 16U);
}

TEST(ChromaWhere, NamesBuckets)
{
    EXPECT_EQ(in_buckets(0, bucket_count).kind, Where::Kind::everything);
    EXPECT_EQ(in_buckets(7, 7).kind, Where::Kind::nothing);
    EXPECT_EQ(json::serialize(in_buckets(7, 8).condition), R"({"whisperstore:bucket":{"$eq":7}})");
    EXPECT_EQ(json::serialize(in_buckets(7, 10).condition), R"({"whisperstore:bucket":{"$in":[7,8,9]}})");
}

/// Chroma's conditions, as its answers show them.
class Model
{
public:
    explicit Model(const json::object& record) : record_(record) {}

    bool holds(const json::object& condition) const
    {
        if (condition.size() != 1)
            throw std::logic_error("a condition has one key: " + json::serialize(condition));
        const auto& member = *condition.begin();
        const std::string_view key = member.key();
        if (key == "$and" || key == "$or") {
            const bool all = key == "$and";
            for (const json::value& term : member.value().as_array())
                if (holds(term.as_object()) != all)
                    return !all;
            return all;
        }
        const json::object& comparison = member.value().as_object();
        if (comparison.size() != 1)
            throw std::logic_error("a comparison has one operator: " + json::serialize(comparison));
        const json::value* value = record_.if_contains(key);
        return value && compares(*value, comparison.begin()->key(), comparison.begin()->value());
    }

private:
    static bool compares(const json::value& value, std::string_view op, const json::value& operand)
    {
        if (op == "$contains")
            return value.is_array() && std::ranges::count(value.get_array(), operand) > 0;
        if (value.is_array())
            return false;
        if (op == "$in") {
            if (operand.as_array().empty())
                throw std::logic_error("an empty $in is refused");
            for (const json::value& one : operand.get_array()) {
                if (one.kind() != operand.get_array().front().kind())
                    throw std::logic_error("a $in of several kinds is refused");
                if (compares(value, "$eq", one))
                    return true;
            }
            return false;
        }
        if (!value.is_number() || !operand.is_number())
            return op == "$eq" && value == operand;
        if (operand.is_uint64() && operand.get_uint64() > INT64_MAX)
            throw std::logic_error("an operand beyond int64 is refused");
        // A whole number is compared with the operand cut to one.
        if (!value.is_double())
            return by(op, value.to_number<std::int64_t>() <=> cut(operand));
        return by(op, value.get_double() <=> operand.to_number<double>());
    }
    static std::int64_t cut(const json::value& operand)
    {
        if (!operand.is_double())
            return operand.to_number<std::int64_t>();
        if (operand.get_double() >= 0x1p63)
            return INT64_MAX;
        return operand.get_double() <= -0x1p63 ? INT64_MIN : static_cast<std::int64_t>(operand.get_double());
    }
    static bool by(std::string_view op, std::partial_ordering order)
    {
        return op == "$eq"    ? order == 0
               : op == "$gt"  ? order > 0
               : op == "$gte" ? order >= 0
               : op == "$lt"  ? order < 0
                              : order <= 0;
    }

    const json::object& record_;
};

class Generator
{
public:
    explicit Generator(std::uint32_t seed) : random_(seed) {}

    json::object metadata(int depth = 0)
    {
        json::object made;
        for (unsigned i = below(5); i > 0; --i)
            made[key()] = depth < 2 && below(5) == 0 ? json::value(metadata(depth + 1)) : value();
        return made;
    }
    Filter filter(int depth = 0)
    {
        const unsigned kind = depth < 3 ? below(8) : 7;
        switch (kind) {
        case 0:
            return filter(depth + 1) && filter(depth + 1);
        case 1:
            return filter(depth + 1) || filter(depth + 1);
        case 2:
            return !filter(depth + 1);
        default:
            return leaf();
        }
    }

private:
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
    std::string key()
    {
        static const std::vector<std::string> keys{"a", "b", "n", "t", "#x", "chroma:document", "long"};
        return keys[below(static_cast<unsigned>(keys.size()))];
    }
    json::value scalar()
    {
        static const std::vector<json::value> values{nullptr,
                                                     true,
                                                     false,
                                                     0,
                                                     1,
                                                     1.0,
                                                     1.5,
                                                     -1.5,
                                                     2,
                                                     std::int64_t(9007199254740993),
                                                     9007199254740992.0,
                                                     INT64_MAX,
                                                     INT64_MIN,
                                                     std::uint64_t(UINT64_MAX),
                                                     1.8446744073709552e19,
                                                     1e300,
                                                     -1e300,
                                                     "1",
                                                     "x",
                                                     "",
                                                     "2026-01-31T09:05:00Z",
                                                     "2026-01-31T10:05:00+01:00",
                                                     "2026-02-01T00:00:00Z",
                                                     json::string(1500, 'l'),
                                                     json::string(1024, 's')};
        return values[below(static_cast<unsigned>(values.size()))];
    }
    json::value value()
    {
        if (below(4) > 0)
            return scalar();
        json::array list;
        for (unsigned i = below(4); i > 0; --i)
            list.push_back(below(6) == 0 ? json::value(json::array{1}) : scalar());
        return list;
    }
    Filter leaf()
    {
        std::string path = key();
        if (below(4) == 0)
            path.append(".").append(key());
        json::object comparison;
        switch (below(6)) {
        case 0:
            comparison["$exists"] = below(2) == 0;
            break;
        case 1:
        case 2: {
            json::array list;
            for (unsigned i = below(20); i > 0; --i)
                list.push_back(scalar());
            comparison[below(4) == 0 ? "$nin" : "$in"] = std::move(list);
            break;
        }
        case 3: {
            static const std::vector<const char*> ops{"$gt", "$gte", "$lt", "$lte"};
            json::value operand = scalar();
            while (!operand.is_number() && !(operand.is_string() && operand.get_string().starts_with("2026")))
                operand = scalar();
            comparison[ops[below(4)]] = std::move(operand);
            break;
        }
        default:
            comparison[below(4) == 0 ? "$ne" : "$eq"] = scalar();
        }
        json::object condition;
        condition[path] = std::move(comparison);
        return Filter::parse(condition);
    }

    std::mt19937 random_;
};

// The one thing that searches rely on, also where a second writer left keys of an older version behind.
TEST(ChromaWhere, HoldsForEveryDocumentOfTheFilter)
{
    const std::uint32_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Generator generator(seed);
    std::size_t matches = 0;
    std::size_t narrowed = 0;
    for (int round = 0; round < 20'000; ++round) {
        const json::object older = generator.metadata();
        const json::object metadata = generator.metadata();
        json::object record = round % 2 == 0 ? json::object() : record_of("a", older);
        for (const auto& [key, value] : record_of("a", metadata))
            record[key] = value;
        const Filter filter = generator.filter();
        const Where where = where_of(filter);
        const bool found = where.kind == Where::Kind::everything ||
                           (where.kind == Where::Kind::some && Model(record).holds(where.condition));
        matches += filter.matches(metadata) ? 1 : 0;
        narrowed += found ? 0 : 1;
        ASSERT_TRUE(found || !filter.matches(metadata))
            << json::serialize(filter.to_json()) << "\n  of " << json::serialize(metadata) << "\n  by "
            << json::serialize(where.condition) << "\n  in " << json::serialize(record);
    }
    EXPECT_GT(matches, 1000U);
    EXPECT_GT(narrowed, 1000U);
}

// ---- listings

TEST(ChromaListing, PlacesComeBack)
{
    for (const std::string id : {"", "a", "a.b.c", "ü 🌒\n", "12.34"}) {
        ListingPlace place{ListingPlace::Way::buckets, 17, 4095, id};
        const ListingPlace again = ListingPlace::parse(place.text());
        EXPECT_EQ(again.way, place.way);
        EXPECT_EQ(again.span, 17U);
        EXPECT_EQ(again.bucket, 4095U);
        EXPECT_EQ(again.id, id);
    }
    for (const char* text : {"", "w", "x1.1.", "w0.1.", "w5000.1.", "w1.5000.", "w1.1", "w-1.1.", "w1.x."})
        EXPECT_STORAGE_ERROR(ListingPlace::parse(text), invalid_argument) << text;
}

TEST(ChromaListing, BucketsAreTheBeginningOfTheHash)
{
    EXPECT_EQ(bucket_of("abc"), 0xba7U); // SHA-256 of "abc" is ba7816bf… (FIPS 180-4)
    EXPECT_EQ(bucket_of(""), 0xe3bU);
}

// ---- what the real server answered

class ChromaRecords : public testing::Test
{
protected:
    void SetUp() override
    {
        const std::filesystem::path file = test::shared_data() / "servers" / "records" / "chroma_rest.json";
        if (!std::filesystem::exists(file))
            GTEST_SKIP() << file << " is not there";
        const json::value all = parse_json(test::read_file(file), "records");
        for (const json::value& one : all.as_array())
            calls.emplace(std::string(one.at("name").as_string()), one.as_object());
        ASSERT_GT(calls.size(), 100U);
    }
    http::Response response(const std::string& name) const
    {
        const json::object& call = calls.at(name);
        http::Response out;
        out.status = call.at("status").to_number<int>();
        const json::value& body = call.at("response");
        out.body = call.at("content_type").is_string() && call.at("content_type").get_string().starts_with("text/plain")
                       ? std::string(body.as_string())
                       : json::serialize(body);
        return out;
    }
    std::string body(const std::string& name) const { return response(name).body; }

    std::map<std::string, json::object> calls;
};

TEST_F(ChromaRecords, EveryListOfRecordsIsUnderstood)
{
    std::size_t gets = 0;
    std::size_t queries = 0;
    for (const auto& [name, call] : calls) {
        const std::string_view path = call.at("path").as_string();
        if (call.at("status").to_number<int>() != 200)
            continue;
        const http::Response answer = response(name);
        if (path.ends_with("/get")) {
            EXPECT_EQ(parse_get(answer.body).size(), call.at("response").at("ids").as_array().size()) << name;
            EXPECT_EQ(parse_keys(answer.body).size(), call.at("response").at("ids").as_array().size()) << name;
            ++gets;
        } else if (path.ends_with("/query") && name != "query two vectors") {
            EXPECT_EQ(parse_query(answer.body).size(), call.at("response").at("ids").at(0).as_array().size()) << name;
            ++queries;
        }
    }
    EXPECT_GT(gets, 30U);
    EXPECT_GT(queries, 5U);
    EXPECT_STORAGE_ERROR(parse_query(body("query two vectors")), unavailable);
}

TEST_F(ChromaRecords, RecordsOfOthersAreReadAsTheyAre)
{
    const std::vector<Record> found = parse_query(body("query default include"));
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].id, "a");
    EXPECT_EQ(found[0].content, "hello world");
    EXPECT_EQ(found[0].metadata, parsed(R"({"f": 1.5, "n": 1, "ok": true, "user": "u1"})"));
    EXPECT_EQ(found[0].distance, 0.0);
    EXPECT_NEAR(found[1].distance, 0.4, 1e-6);
    const std::vector<Record> page = parse_get(body("get page 2"));
    ASSERT_EQ(page.size(), 2U);
    EXPECT_EQ(page[0].embedding, (std::vector<float>{0.6F, 0.8F, 0.0F}));
    EXPECT_FALSE(page[0].bare);
    EXPECT_EQ(page[1].content, "");
    EXPECT_TRUE(page[1].metadata.empty());
    EXPECT_TRUE(page[1].bare);
    EXPECT_EQ(parse_keys(body("get c after upsert (metadata merge?)"))[0].keys,
              (std::set<std::string, std::less<>>{"f", "n", "ok", "user"}));
}

TEST_F(ChromaRecords, CollectionsAreUnderstood)
{
    const CollectionRow row = parse_collection(body("create collection cosine (configuration)"));
    EXPECT_EQ(row.name, "mem");
    EXPECT_EQ(row.space, "cosine");
    EXPECT_EQ(row.id.size(), 36U);
    EXPECT_EQ(row.dimension, std::nullopt);
    EXPECT_EQ(row.metadata.at("owner"), "test");
    EXPECT_EQ(parse_collection(body("create collection default")).space, "l2");
    EXPECT_GE(parse_collections(body("list collections")).size(), 3U);
    EXPECT_STORAGE_ERROR(parse_collection("{}"), unavailable);
    EXPECT_STORAGE_ERROR(parse_collection("[]"), unavailable);
    EXPECT_STORAGE_ERROR(parse_collections("{\"a\""), unavailable);
}

TEST_F(ChromaRecords, RefusalsMeanWhatTheySay)
{
    const std::vector<std::pair<const char*, StorageErrc>> expected{
        {"v1 heartbeat", StorageErrc::not_found},
        {"get unknown tenant", StorageErrc::not_found},
        {"create db again", StorageErrc::already_exists},
        {"create collection again get_or_create=false", StorageErrc::already_exists},
        {"create collection bad space", StorageErrc::invalid_argument},
        {"create collection bad name", StorageErrc::invalid_argument},
        {"get collection by unknown name", StorageErrc::not_found},
        {"unknown collection uuid query", StorageErrc::not_found},
        {"wrong dim add", StorageErrc::invalid_argument},
        {"wrong dim query", StorageErrc::invalid_argument},
        {"get where $exists", StorageErrc::invalid_argument},
        {"meta nested object", StorageErrc::invalid_argument},
        {"stale id after delete", StorageErrc::not_found},
        {"reset (allow_reset unset)", StorageErrc::permission},
        {"indexing_status", StorageErrc::unavailable},
    };
    for (const auto& [name, code] : expected) {
        const Refusal refusal = meaning_of(response(name));
        EXPECT_EQ(to_string(refusal.code), to_string(code)) << name;
        EXPECT_FALSE(refusal.words.empty()) << name;
        EXPECT_EQ(refusal.words.find("ChromaError"), std::string::npos) << name;
        EXPECT_FALSE(refusal.passing) << name;
    }
    EXPECT_EQ(meaning_of(response("wrong dim add")).words,
              "InvalidArgumentError: Collection expecting embedding with dimension of 3, got 2");
}

TEST(ChromaRefusals, OfRacesAreTold)
{
    const auto refusal = [](int status, std::string message) {
        json::object body;
        body["error"] = "InternalError";
        body["message"] = std::move(message);
        http::Response response;
        response.status = status;
        response.body = json::serialize(body);
        return meaning_of(response);
    };
    EXPECT_TRUE(refusal(500, "Error executing plan: Internal error: Error finding id").passing);
    EXPECT_TRUE(refusal(412, "Missing field: [Missing metadata segment]").passing);
    EXPECT_EQ(refusal(412, "Missing field: [Missing metadata segment]").code, StorageErrc::unavailable);
    EXPECT_EQ(refusal(500, "Database error: UNIQUE constraint failed: collections.name, x").code,
              StorageErrc::already_exists);
    EXPECT_NE(refusal(500, "Error sending message to compactor").advice.find("restart"), std::string::npos);
    EXPECT_FALSE(refusal(500, "Error executing plan: too many SQL variables").passing);
    http::Response plain;
    plain.status = 413;
    plain.body = "length limit exceeded";
    EXPECT_EQ(meaning_of(plain).words, "length limit exceeded");
    EXPECT_EQ(meaning_of(plain).code, StorageErrc::invalid_argument);
}

TEST(ChromaAnswers, ThatAreNoneAreRefused)
{
    for (const char* text : {"", "null", "[]", "{}", R"({"ids":1})", R"({"ids":["a"],"documents":[]})",
                             R"({"ids":["a"],"metadatas":[1]})", R"({"ids":["a"],"embeddings":[["x"]]})",
                             R"({"ids":["a"],"metadatas":[{"whisperstore:metadata")", R"({"ids":["a"]} x)"})
        EXPECT_STORAGE_ERROR(parse_get(text), unavailable) << text;
    EXPECT_STORAGE_ERROR(parse_query(R"({"ids":["a"]})"), unavailable);
    EXPECT_STORAGE_ERROR(parse_get(R"({"ids":["a"],"metadatas":[{"whisperstore:metadata":"{"}]})"), corrupt);
}

TEST(ChromaCollections, RememberWhatTheyAre)
{
    CollectionConfig config;
    config.description = "described";
    config.embedding_dimension = 7;
    config.embedding_model = "model";
    config.lexical = true;
    config.metadata["description"] = "the collection's own"; // and no other than this
    CollectionRow row;
    row.metadata = stored_config(config);
    const Collection found = collection_of_row("docs", row);
    EXPECT_EQ(found.config.description, "described");
    EXPECT_EQ(found.config.embedding_dimension, 7U);
    EXPECT_EQ(found.config.embedding_model, "model");
    EXPECT_TRUE(found.config.lexical);
    EXPECT_EQ(found.config.metadata, config.metadata);
    row.metadata[collection_key] = "{";
    EXPECT_STORAGE_ERROR(collection_of_row("docs", row), corrupt);
}

} // namespace
} // namespace whisperstore::chroma

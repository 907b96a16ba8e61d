// Random documents and random filters: every backend finds what the one evaluator of filters finds.

#include "conformance/vector_fixture.hpp"

#include <map>
#include <random>

namespace whisperstore::test {

namespace {

constexpr std::size_t documents = 2'000;
constexpr std::size_t all_filters = 500;
constexpr std::size_t dimension = 8;

/// Makes documents and filters of the same few keys and values, so that they meet.
class Generator
{
public:
    explicit Generator(std::uint32_t seed) : random_(seed) {}

    json::object metadata(int depth = 0)
    {
        json::object object;
        for (std::size_t i = 0; i < 6; ++i)
            if (chance(0.5))
                object[key()] = value(depth);
        return object;
    }
    json::object filter(int depth = 0)
    {
        json::object object;
        const int kind = depth < 3 ? pick(8) : 7;
        if (kind <= 1) {
            json::array terms;
            for (int i = pick(3); i >= 0; --i)
                terms.emplace_back(filter(depth + 1));
            object[kind == 0 ? "$and" : "$or"] = std::move(terms);
        } else if (kind == 2) {
            object["$not"] = filter(depth + 1);
        } else {
            for (int i = pick(2); i >= 0; --i)
                object[path()] = condition();
        }
        return object;
    }
    std::vector<float> vector()
    {
        std::vector<float> made(dimension);
        std::normal_distribution<float> component;
        for (float& one : made)
            one = component(random_);
        return made;
    }

private:
    int pick(int below) { return static_cast<int>(random_() % static_cast<std::uint32_t>(below)); }
    bool chance(double share) { return std::uniform_real_distribution<double>(0, 1)(random_) < share; }

    std::string key()
    {
        static const std::vector<std::string> keys{"user_id", "channel_id", "n",    "f",           "t", "tags", "o",
                                                   "a b",     "\xC3\xBC",   "q\"q", "memory_type", "",  "k[0]", "\\"};
        return keys[static_cast<std::size_t>(pick(static_cast<int>(keys.size())))];
    }
    std::string path()
    {
        std::string made = key();
        for (int i = pick(8); i > 5; --i)
            made.append(".").append(key());
        return made;
    }
    json::value number()
    {
        switch (pick(10)) {
        case 0:
            return std::int64_t(9007199254740992) + pick(3);
        case 1:
            return -(std::int64_t(9007199254740992) + pick(3));
        case 2:
            return INT64_MAX - pick(2);
        case 3:
            return std::uint64_t(INT64_MAX) + 1 + static_cast<std::uint64_t>(pick(2));
        case 4:
            return 0.1 * pick(20);
        case 5:
            return 1.0 / (1 + pick(9)); // of 17 digits
        case 6:
            return static_cast<double>(pick(5));
        case 7:
            return 9007199254740992.0 + 2 * pick(2);
        default:
            return pick(5);
        }
    }
    json::value text()
    {
        static const std::vector<std::string> texts{"u1",
                                                    "u2",
                                                    "",
                                                    "1",
                                                    "true",
                                                    "\xE6\x97\xA5\xE6\x9C\xAC",
                                                    "a\"b\\c",
                                                    "2026-03-01T12:00:00Z",
                                                    "2026-03-01T14:00:00+02:00",
                                                    "2026-03-01T12:00:00.000001Z",
                                                    "2026-03-01 11:59:59z",
                                                    "2026-03-01",
                                                    "2016-12-31T23:59:60Z",
                                                    "2017-01-01T00:00:00Z"};
        return json::string(texts[static_cast<std::size_t>(pick(static_cast<int>(texts.size())))]);
    }
    json::value scalar()
    {
        switch (pick(6)) {
        case 0:
            return nullptr;
        case 1:
            return chance(0.5);
        case 2:
        case 3:
            return number();
        default:
            return text();
        }
    }
    json::value value(int depth)
    {
        switch (pick(8)) {
        case 0: {
            json::array list;
            for (int i = pick(4); i > 0; --i)
                list.emplace_back(depth < 2 && chance(0.15) ? value(depth + 1) : scalar());
            return list;
        }
        case 1:
            return depth < 2 ? json::value(metadata(depth + 1)) : scalar();
        default:
            return scalar();
        }
    }
    json::value condition()
    {
        static const std::vector<std::string> orders{"$gt", "$gte", "$lt", "$lte"};
        json::object operators;
        switch (pick(9)) {
        case 0:
            return scalar();
        case 1:
            operators["$eq"] = scalar();
            break;
        case 2:
            operators["$ne"] = scalar();
            break;
        case 3:
        case 4: {
            json::array values;
            for (int i = pick(4); i > 0; --i)
                values.emplace_back(scalar());
            operators[chance(0.5) ? "$in" : "$nin"] = std::move(values);
            break;
        }
        case 5:
            operators["$exists"] = chance(0.5);
            break;
        default: {
            const std::string& order = orders[static_cast<std::size_t>(pick(4))];
            operators[order] = chance(0.7) ? number() : json::value("2026-03-01T12:00:00Z");
        }
        }
        return operators;
    }

    std::mt19937 random_;
};

} // namespace

using VectorDifference = VectorFixture;
INSTANTIATE_TEST_SUITE_P(Backends, VectorDifference, testing::ValuesIn(vector_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(VectorDifference, RandomFiltersFindTheSame)
{
    const std::size_t filters = GetParam().rounds(all_filters, 10);
    const std::uint32_t seed = std::random_device()();
    RecordProperty("seed", std::to_string(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    Generator generator(seed);
    create("random", dimension);
    std::vector<VectorDocument> all;
    for (std::size_t i = 0; i < documents; ++i)
        all.push_back(VectorDocument{numbered("d", i), "", generator.vector(), generator.metadata()});
    run(vectors->store_documents("random", all));

    std::size_t matches = 0;
    std::size_t selective = 0;
    for (std::size_t i = 0; i < filters; ++i) {
        const json::object text = generator.filter();
        Filter filter;
        try {
            filter = Filter::parse(text);
        } catch (const StorageError& error) {
            ASSERT_EQ(error.errc(), StorageErrc::invalid_argument)
                << json::serialize(text); // "$gt" and a path too deep
            continue;
        }
        const std::vector<float> query = generator.vector();
        std::map<std::string, double> expected;
        for (const VectorDocument& document : all)
            if (filter.matches(document.metadata))
                expected.emplace(document.id, cosine(document.embedding, query));
        const std::vector<SearchResult> found = run(vectors->search_similar("random", query, documents, filter));
        std::map<std::string, double> scores;
        for (const SearchResult& result : found)
            scores.emplace(result.id, result.score);
        ASSERT_EQ(scores.size(), found.size());
        for (const auto& [id, score] : expected) {
            ASSERT_TRUE(scores.contains(id)) << id << " is missing for " << json::serialize(text);
            ASSERT_NEAR(scores[id], score, 1e-5) << json::serialize(text);
        }
        ASSERT_EQ(scores.size(), expected.size()) << json::serialize(text);
        matches += expected.size();
        selective += expected.size() < documents / 10 ? 1 : 0;
        if (i % 10 == 0) {
            ASSERT_EQ(run(vectors->count_documents("random", filter)), expected.size()) << json::serialize(text);
        }
    }
    // That it is not about filters that match all, or nothing.
    EXPECT_GT(matches, filters * documents / 20);
    EXPECT_GT(selective, filters / 20);
}

TEST_P(VectorDifference, TheBestOfManyAreTheSame)
{
    Generator generator(7);
    create("random", dimension);
    std::vector<VectorDocument> all;
    for (std::size_t i = 0; i < documents; ++i)
        all.push_back(VectorDocument{numbered("d", i), numbered("text ", i), generator.vector(), generator.metadata()});
    for (std::size_t i = 0; i < 40; ++i) // ties
        all[i].embedding = all[40].embedding;
    run(vectors->store_documents("random", all));
    for (const char* text : {R"({"n": {"$gte": 2}})", R"({"user_id": "u1"})", R"({"f": {"$ne": 0.1}})",
                             R"({"q\"q": {"$exists": true}})", R"({"$not": {"n": {"$lt": 3}}})", "{}"}) {
        const Filter filter = Filter::parse_text(text);
        for (const std::vector<float>& query : {all[40].embedding, generator.vector()}) {
            std::vector<std::pair<double, std::string>> expected;
            for (const VectorDocument& document : all)
                if (filter.matches(document.metadata))
                    expected.emplace_back(-std::round(cosine(document.embedding, query) * 1e5), document.id);
            std::ranges::sort(expected);
            const std::vector<SearchResult> found = run(vectors->search_similar("random", query, 10, filter));
            ASSERT_EQ(found.size(), std::min<std::size_t>(10, expected.size())) << text;
            for (std::size_t i = 0; i < found.size(); ++i)
                EXPECT_NEAR(found[i].score, -expected[i].first / 1e5, 2e-5) << text << " place " << i;
            // Of the first, which are as similar as can be, the order is certain.
            const bool tied = query == all[40].embedding;
            for (std::size_t i = 0; tied && i < found.size() && expected[i].first == expected[0].first; ++i) {
                EXPECT_EQ(found[i].id, expected[i].second) << text;
            }
        }
    }
}

} // namespace whisperstore::test

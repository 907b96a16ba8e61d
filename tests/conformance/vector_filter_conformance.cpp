// Filters inside searches, counts, listings and deletions say what Filter::matches() says.

#include "conformance/vector_fixture.hpp"

#include <algorithm>
#include <random>

namespace whisperstore::test {
namespace {

class VectorFilters : public VectorFixture
{
};

INSTANTIATE_TEST_SUITE_P(Backends, VectorFilters, testing::ValuesIn(vector_backends()),
                         [](const auto& backend) { return backend.param.name; });

constexpr const char* documents[] = {
    R"({})",
    R"({"user_id": "u1", "n": 1, "t": "2026-01-31T09:05:00Z"})",
    R"({"user_id": "u1", "n": 1.0, "t": "2026-01-31T10:05:00.5+01:00"})",
    R"({"user_id": "u2", "n": 1.5, "t": "2026-02-01T00:00:00Z"})",
    R"({"user_id": "u2", "n": "1", "t": "not a time"})",
    R"({"user_id": null, "n": true})",
    R"({"user_id": ["u1", "u3"], "n": [1, "x", null, [5], {"a": 5}]})",
    R"({"user_id": [], "n": {}})",
    R"({"user_id": {"a": "u1"}, "n": {"a": {"b": 1}}})",
    R"({"user_id.a": "u1", "n": 9007199254740993})",
    R"({"user_id": "u1", "n": 9007199254740992})",
    R"({"n": 9007199254740992.0})",
    R"({"n": 18446744073709551615})",
    R"({"n": -0.0, "flag": false})",
    R"({"n": 0, "flag": true})",
    R"({"n": null, "flag": null})",
    R"({"a": {"b": {"c": [1, 2]}}, "flag": [true, false]})",
    R"({"a": {"b": {"c": {}}}})",
    R"({"a": {"b": 1}})",
    R"({"a": [{"b": 1}]})",
    R"({"": {"flag": []}, "a.b": []})",
    R"({"flag": [], "a": {"b": []}})",
};

constexpr const char* filters[] = {
    R"({})",
    R"({"user_id": "u1"})",
    R"({"user_id": "u1", "n": 1})",
    R"({"user_id": null})",
    R"({"user_id": {"$ne": "u1"}})",
    R"({"user_id": {"$ne": null}})",
    R"({"user_id": {"$in": ["u1", "u2", null]}})",
    R"({"user_id": {"$in": []}})",
    R"({"user_id": {"$nin": ["u1", "u2"]}})",
    R"({"user_id": {"$nin": []}})",
    R"({"user_id": {"$exists": true}})",
    R"({"user_id": {"$exists": false}})",
    R"({"user_id.a": "u1"})",
    R"({"user_id.a": {"$exists": true}})",
    R"({"n": 1})",
    R"({"n": 1.0})",
    R"({"n": "1"})",
    R"({"n": true})",
    R"({"n": 0})",
    R"({"n": 5})",
    R"({"n": 9007199254740992})",
    R"({"n": 9007199254740993})",
    R"({"n": 9007199254740992.0})",
    R"({"n": 18446744073709551615})",
    R"({"n": {"$gt": 1}})",
    R"({"n": {"$gte": 1}})",
    R"({"n": {"$lt": 1.5}})",
    R"({"n": {"$lte": 0}})",
    R"({"n": {"$gt": 9007199254740992}})",
    R"({"n.a.b": 1})",
    R"({"t": {"$gt": "2026-01-31T09:05:00Z"}})",
    R"({"t": {"$gte": "2026-01-31T09:05:00Z", "$lt": "2026-02-01T00:00:00Z"}})",
    R"({"flag": false})",
    R"({"flag": {"$ne": false}})",
    R"({"flag": {"$exists": true}})",
    R"({"a.b.c": 2})",
    R"({"a.b.c": {"$exists": true}})",
    R"({"a.b": {"$exists": true}})",
    R"({"a.b": 1})",
    R"({"unknown": 1})",
    R"({"unknown": {"$ne": 1}})",
    R"({"unknown": {"$exists": false}})",
    R"({"$or": [{"user_id": "u2"}, {"n": 0}]})",
    R"({"$or": [{"user_id": "u2"}, {"n": {"$lt": 0}}, {"unknown": 1}]})",
    R"({"$or": [{"user_id": "u1"}, {"user_id": "u1"}, {"n": 1}]})",
    R"({"$or": [{"user_id": "u1"}, {"flag": {"$exists": false}}]})",
    R"({"$and": [{"user_id": "u1"}, {"$not": {"n": 1}}]})",
    R"({"$not": {"user_id": "u1"}})",
    R"({"$not": {"$or": [{"user_id": "u1"}, {"n": 0}]}})",
};

TEST_P(VectorFilters, SayTheSameEverywhere)
{
    std::vector<VectorDocument> batch;
    for (std::size_t i = 0; i < std::size(documents); ++i)
        batch.push_back(document(numbered("d", 100 + i), some_vector(static_cast<unsigned>(i)), documents[i]));
    // So many others that looking the matches up beats looking at all.
    for (unsigned i = 0; i < 200; ++i)
        batch.push_back(document(numbered("x", i), some_vector(i), numbered(R"({"filler": )", i) + "}"));
    store_all(batch);
    for (const char* text : filters) {
        const Filter filter = Filter::parse_text(text);
        std::vector<std::string> expected;
        for (const VectorDocument& one : batch)
            if (filter.matches(one.metadata))
                expected.push_back(one.id);
        std::ranges::sort(expected);

        std::vector<std::string> found = ids_of(search({1, 2, 3, 4}, 1000, filter));
        std::ranges::sort(found);
        EXPECT_EQ(found, expected) << text;
        EXPECT_EQ(count(filter), expected.size()) << text;
        EXPECT_EQ(sorted_ids_of(everything(50, filter)), expected) << text;
        if (!filter.matches_everything()) {
            EXPECT_EQ(run(vectors->delete_documents("docs", filter)), expected.size()) << text;
            EXPECT_EQ(count(), batch.size() - expected.size()) << text;
            store_all(batch);
        }
    }
}

TEST_P(VectorFilters, SearchesAgreeWithASearchByHandThroughManyChanges)
{
    // A model in memory goes through the same random changes.
    std::map<std::string, VectorDocument> model;
    std::mt19937 random(20260131);
    const auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
    const auto random_document = [&] {
        std::string metadata = numbered(R"({"user": "u)", below(10)) + numbered(R"(", "n": )", below(50));
        if (below(3) == 0)
            metadata += numbered(R"(, "tags": ["t)", below(4)) + numbered(R"(", "t)", below(4)) + R"("])";
        return document(numbered("d", below(300)), some_vector(below(100'000)), metadata + "}");
    };
    const auto random_filter = [&]() -> Filter {
        switch (below(7)) {
        case 0:
            return {};
        case 1:
            return filter::eq("user", numbered("u", below(11)));
        case 2:
            return filter::eq("tags", numbered("t", below(5)));
        case 3:
            return filter::gte("n", below(60)) && filter::eq("user", numbered("u", below(10)));
        case 4:
            return filter::ne("tags", "t0");
        case 5:
            return filter::in("n", json::array({below(50), below(50)})) || filter::eq("tags", "t1");
        default:
            return filter::lt("n", below(50));
        }
    };
    for (int round = 0; round < 400; ++round) {
        const unsigned choice = below(10);
        if (choice < 6) {
            std::vector<VectorDocument> batch;
            for (unsigned i = 1 + below(20); i > 0; --i)
                batch.push_back(random_document());
            for (const VectorDocument& one : batch)
                model[one.id] = one;
            store_all(batch);
        } else if (choice < 9) {
            const std::string id = numbered("d", below(300));
            EXPECT_EQ(run(vectors->delete_document("docs", id)), model.erase(id) == 1);
        } else if (const Filter filter = random_filter(); !filter.matches_everything()) {
            const auto erased =
                std::erase_if(model, [&](const auto& entry) { return filter.matches(entry.second.metadata); });
            EXPECT_EQ(run(vectors->delete_documents("docs", filter)), erased);
        }

        const Filter filter = random_filter();
        const std::vector<float> query = some_vector(below(1000));
        std::vector<std::pair<double, std::string>> expected;
        for (const auto& [id, one] : model)
            if (filter.matches(one.metadata))
                expected.emplace_back(-cosine(query, one.embedding), id);
        std::ranges::sort(expected);
        const std::vector<SearchResult> found = search(query, 15, filter);
        ASSERT_EQ(found.size(), std::min<std::size_t>(15, expected.size())) << json::serialize(filter.to_json());
        for (std::size_t i = 0; i < found.size(); ++i) {
            ASSERT_NEAR(found[i].score, -expected[i].first, 1e-6);
            ASSERT_TRUE(filter.matches(found[i].metadata));
            ASSERT_NEAR(found[i].score, cosine(query, model.at(found[i].id).embedding), 1e-6);
        }
        ASSERT_EQ(count(), model.size());
    }
}

} // namespace
} // namespace whisperstore::test

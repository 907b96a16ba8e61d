// Documents: storing, reading, searching, deleting and listing them.

#include "conformance/vector_fixture.hpp"

#include <limits>

namespace whisperstore::test {
namespace {

class Vectors : public VectorFixture
{
};

INSTANTIATE_TEST_SUITE_P(Backends, Vectors, testing::ValuesIn(vector_backends()),
                         [](const auto& backend) { return backend.param.name; });

using Ids = std::vector<std::string>;

// ---- storing and reading

TEST_P(Vectors, DocumentsComeBackExactlyAsStored)
{
    const char* metadata = R"({"z": 1, "a": {"nested": {"deep": [null, true, [], {}, {"x": []}]}}, "null": null,
        "int": 9223372036854775807, "negative": -9223372036854775808, "unsigned": 18446744073709551615,
        "snowflake": 1093486732912345678, "double": 0.1, "minus_zero": -0.0, "tiny": 5e-324, "huge": 1.7976931348623157e308,
        "whole_double": 1.0, "text": "\"quotes\" \\ / \n \u00e9 🌒", "empty": "", "key with.dot": 1, "$op": 2, "": 3})";
    const std::string content = "Line one\nZeile zwei: ünï 🌒\t\"'\\ % _ ?";
    store("id/with every thing?#%20 ünï 🌒", some_vector(1), metadata, content);
    const auto read = run(vectors->get_document("docs", "id/with every thing?#%20 ünï 🌒"));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->id, "id/with every thing?#%20 ünï 🌒");
    EXPECT_EQ(read->content, content);
    EXPECT_EQ(json::serialize(read->metadata),
              json::serialize(meta(metadata))); // the order of keys and kinds of numbers too
    EXPECT_TRUE(std::signbit(read->metadata.at("minus_zero").as_double()));

    const std::vector<SearchResult> found = search(some_vector(1));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].id, read->id);
    EXPECT_EQ(found[0].content, content);
    EXPECT_EQ(json::serialize(found[0].metadata), json::serialize(meta(metadata)));
}

TEST_P(Vectors, EmptyContentAndMetadataAreKept)
{
    store("a", some_vector(1), "{}", "");
    const auto read = run(vectors->get_document("docs", "a"));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->content, "");
    EXPECT_TRUE(read->metadata.empty());
}

TEST_P(Vectors, LongContentAndDeepMetadataAreKept)
{
    std::string deep = "1";
    for (int i = 0; i < 62; ++i)
        deep = R"({"k":)" + deep + "}";
    const std::string content(300'000, 'x');
    store("a", some_vector(1), deep, content);
    EXPECT_EQ(run(vectors->get_document("docs", "a"))->content, content);
    EXPECT_EQ(run(vectors->get_document("docs", "a"))->metadata, meta(deep));
    EXPECT_EQ(search(some_vector(1))[0].metadata, meta(deep));
}

TEST_P(Vectors, VectorsAreStoredWithUnitLength)
{
    store("a", {3, 0, 4, 0});
    store("tiny", {1e-45F, 0, 0, 0});
    store("huge", {3e38F, 3e38F, 3e38F, 3e38F});
    const std::vector<float> expected{0.6F, 0, 0.8F, 0};
    const auto read = run(vectors->get_document("docs", "a"));
    for (std::size_t i = 0; i < 4; ++i)
        EXPECT_NEAR(read->embedding[i], expected[i], 1e-6);
    EXPECT_NEAR(run(vectors->get_document("docs", "tiny"))->embedding[0], 1, 1e-6);
    EXPECT_NEAR(run(vectors->get_document("docs", "huge"))->embedding[3], 0.5, 1e-6);
}

TEST_P(Vectors, StoringAgainReplacesEverything)
{
    store("a", {1, 0, 0, 0}, R"({"old": true, "user_id": "u1"})", "old");
    store("a", {0, 1, 0, 0}, R"({"new": true})", "new");
    EXPECT_EQ(count(), 1U);
    const auto read = run(vectors->get_document("docs", "a"));
    EXPECT_EQ(read->content, "new");
    EXPECT_EQ(read->metadata, meta(R"({"new": true})"));
    EXPECT_NEAR(search({1, 0, 0, 0})[0].score, 0, 1e-6);
    EXPECT_EQ(count(filter::eq("user_id", "u1")), 0U);
    EXPECT_EQ(count(filter::exists("old")), 0U);
    EXPECT_EQ(count(filter::eq("new", true)), 1U);
}

TEST_P(Vectors, BatchesStoreAllAndOfEqualIdsTheLastCounts)
{
    std::vector<VectorDocument> batch;
    for (unsigned i = 0; i < 300; ++i)
        batch.push_back(document(numbered("d", i % 250), some_vector(i), numbered(R"({"n": )", i) + "}"));
    store_all(batch);
    EXPECT_EQ(count(), 250U);
    EXPECT_EQ(run(vectors->get_document("docs", "d7"))->metadata.at("n").as_int64(), 257);
    EXPECT_EQ(run(vectors->get_document("docs", "d70"))->metadata.at("n").as_int64(), 70);
    EXPECT_EQ(count(filter::eq("n", 7)), 0U);
    store_all({});
    EXPECT_EQ(count(), 250U);
}

TEST_P(Vectors, ABatchWithOneBadDocumentStoresNothing)
{
    std::vector<VectorDocument> batch;
    for (unsigned i = 0; i < 10; ++i)
        batch.push_back(document(std::to_string(i), some_vector(i)));
    batch[7].embedding.pop_back();
    const StorageError error = error_of([&] { store_all(batch); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("'7'"), std::string::npos) << error.message();
    EXPECT_EQ(count(), 0U);
}

TEST_P(Vectors, EmbeddingsAreChecked)
{
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinity = std::numeric_limits<float>::infinity();
    for (const std::vector<float>& bad : {std::vector<float>{},
                                          {1, 2, 3},
                                          {1, 2, 3, 4, 5},
                                          {0, 0, 0, 0},
                                          {-0.0F, 0, 0, 0},
                                          {1, nan, 0, 0},
                                          {1, 0, infinity, 0},
                                          {1, 0, -infinity, 0}}) {
        EXPECT_STORAGE_ERROR(store("a", bad), invalid_argument);
        EXPECT_STORAGE_ERROR(search(bad), invalid_argument);
        EXPECT_STORAGE_ERROR(search(bad, 0), invalid_argument);
    }
    EXPECT_EQ(count(), 0U);
}

TEST_P(Vectors, IdsContentAndMetadataAreChecked)
{
    EXPECT_STORAGE_ERROR(store("", some_vector(1)), invalid_argument);
    EXPECT_STORAGE_ERROR(store(std::string(1025, 'x'), some_vector(1)), invalid_argument);
    EXPECT_STORAGE_ERROR(store(std::string("a\0b", 3), some_vector(1)), invalid_argument);
    EXPECT_STORAGE_ERROR(store("\xff", some_vector(1)), invalid_argument);
    EXPECT_STORAGE_ERROR(store("a", some_vector(1), "{}", std::string("a\0b", 3)), invalid_argument);
    EXPECT_STORAGE_ERROR(store("a", some_vector(1), "{}", "\xc3"), invalid_argument);
    json::object bad;
    bad["x"] = std::numeric_limits<double>::infinity();
    EXPECT_STORAGE_ERROR(run(vectors->store_document("docs", "a", "x", some_vector(1), bad)), invalid_argument);
    json::value deep = 1;
    for (int i = 0; i < 70; ++i) {
        json::object outer;
        outer["k"] = std::move(deep);
        deep = std::move(outer);
    }
    EXPECT_STORAGE_ERROR(run(vectors->store_document("docs", "a", "x", some_vector(1), deep.as_object())),
                         invalid_argument);
    EXPECT_EQ(count(), 0U);
    const std::string longest(1024, 'x');
    store(longest, some_vector(1));
    EXPECT_EQ(run(vectors->get_document("docs", longest))->id, longest);
}

TEST_P(Vectors, DocumentsAreReadInTheOrderAsked)
{
    for (const char* id : {"a", "b", "c"})
        store(id, some_vector(1));
    EXPECT_EQ(ids_of(run(vectors->get_documents("docs", Ids{"c", "missing", "a", "c"}))), (Ids{"c", "a", "c"}));
    EXPECT_TRUE(run(vectors->get_documents("docs", Ids())).empty());
    EXPECT_FALSE(run(vectors->get_document("docs", "missing")));
    Ids many;
    for (int i = 0; i < 500; ++i)
        many.push_back(i % 2 == 0 ? "b" : numbered("no", i));
    EXPECT_EQ(run(vectors->get_documents("docs", many)).size(), 250U);
}

// ---- searching

TEST_P(Vectors, ScoresAreCosineSimilarityBestFirst)
{
    store("same", {1, 2, 3, 4});
    store("scaled", {10, 20, 30, 41});
    store("opposite", {-1, -2, -3, -4});
    store("across", {4, -3, 2, -1});
    const std::vector<SearchResult> found = search({2, 4, 6, 8});
    EXPECT_EQ(ids_of(found), (Ids{"same", "scaled", "across", "opposite"}));
    EXPECT_NEAR(found[0].score, 1, 1e-6);
    EXPECT_LE(found[0].score, 1);
    EXPECT_NEAR(found[1].score, cosine(std::vector<float>{1, 2, 3, 4}, std::vector<float>{10, 20, 30, 41}), 1e-6);
    EXPECT_NEAR(found[2].score, 0, 1e-6);
    EXPECT_NEAR(found[3].score, -1, 1e-6);
    EXPECT_GE(found[3].score, -1);
}

TEST_P(Vectors, ScoresAreRightInEveryDimension)
{
    for (const std::size_t dimension :
         {1UL, 2UL, 3UL, 7UL, 8UL, 15UL, 16UL, 17UL, 31UL, 32UL, 33UL, 63UL, 100UL, 384UL, 1536UL}) {
        const std::string name = numbered("dimension", dimension);
        create(name, dimension);
        std::vector<VectorDocument> batch;
        for (unsigned i = 0; i < 20; ++i)
            batch.push_back(document(std::to_string(i), some_vector(i + 1, dimension)));
        run(vectors->store_documents(name, batch));
        const std::vector<float> query = some_vector(99, dimension);
        const std::vector<SearchResult> found = run(vectors->search_similar(name, query, 20));
        ASSERT_EQ(found.size(), 20U);
        for (const SearchResult& result : found)
            EXPECT_NEAR(result.score, cosine(query, batch[std::stoul(result.id)].embedding), GetParam().score_tolerance)
                << dimension;
        EXPECT_TRUE(std::ranges::is_sorted(found, std::greater<>(), &SearchResult::score));
        const std::vector<float> own = some_vector(5, dimension);
        EXPECT_NEAR(run(vectors->search_similar(name, own, 1))[0].score, 1, GetParam().score_tolerance) << dimension;
    }
}

TEST_P(Vectors, TiesAreOrderedById)
{
    std::vector<VectorDocument> batch;
    for (const char* id : {"b", "ü", "a", "Z", "10", "9", "aa"})
        batch.push_back(document(id, {1, 1, 0, 0}));
    store_all(batch);
    EXPECT_EQ(ids_of(search({1, 1, 0, 0})), (Ids{"10", "9", "Z", "a", "aa", "b", "ü"}));
    EXPECT_EQ(ids_of(search({1, 1, 0, 0}, 3)), (Ids{"10", "9", "Z"}));
}

TEST_P(Vectors, LimitsOfAnySize)
{
    store("a", some_vector(1));
    store("b", some_vector(2));
    EXPECT_TRUE(search(some_vector(1), 0).empty());
    EXPECT_EQ(ids_of(search(some_vector(1), 1)), Ids{"a"});
    EXPECT_EQ(search(some_vector(1), 1'000'000'000).size(), 2U);
}

// Seen in an earlier implementation: filtered search that filtered after the search (1.2 of 5 results).
TEST_P(Vectors, FiltersAreAppliedInsideTheSearch)
{
    // The nearest 500 belong to somebody else.
    std::vector<VectorDocument> batch;
    for (unsigned i = 0; i < 500; ++i)
        batch.push_back(
            document(numbered("other", i), {1, 0.001F * static_cast<float>(i), 0, 0}, R"({"user_id": "u1"})"));
    for (unsigned i = 0; i < 5; ++i)
        batch.push_back(document(numbered("own", i), {-1, 0.1F * static_cast<float>(i), 0, 0}, R"({"user_id": "u2"})"));
    store_all(batch);
    EXPECT_EQ(ids_of(search({1, 0, 0, 0}, 5, filter::eq("user_id", "u2"))),
              (Ids{"own4", "own3", "own2", "own1", "own0"}));
    EXPECT_EQ(search({1, 0, 0, 0}, 5, filter::ne("user_id", "u1")).size(), 5U);
    EXPECT_EQ(search({1, 0, 0, 0}, 100, filter::eq("user_id", "u2")).size(), 5U);
    EXPECT_EQ(search({1, 0, 0, 0}, 300, filter::eq("user_id", "u1")).size(), 300U);
    EXPECT_TRUE(search({1, 0, 0, 0}, 5, filter::eq("user_id", "u3")).empty());
}

TEST_P(Vectors, BatchesOfSearchesAnswerInOrder)
{
    for (unsigned i = 0; i < 20; ++i)
        store(numbered("d", i), some_vector(i), R"({"even": )" + std::string(i % 2 == 0 ? "true" : "false") + "}");
    std::vector<SearchQuery> queries;
    for (unsigned i = 0; i < 20; ++i)
        queries.push_back(SearchQuery{some_vector(i), 1 + i % 3, i < 10 ? Filter() : filter::eq("even", true)});
    const auto answers = run(vectors->search_batch("docs", queries));
    ASSERT_EQ(answers.size(), 20U);
    for (unsigned i = 0; i < 20; ++i) {
        EXPECT_EQ(answers[i].size(), queries[i].limit);
        EXPECT_EQ(ids_of(answers[i]), ids_of(search(queries[i].embedding, queries[i].limit, queries[i].filters)));
    }
    EXPECT_TRUE(run(vectors->search_batch("docs", std::vector<SearchQuery>())).empty());
    queries[3].embedding.pop_back();
    EXPECT_STORAGE_ERROR(run(vectors->search_batch("docs", queries)), invalid_argument);
}

// ---- deleting

TEST_P(Vectors, ADeletedDocumentIsGone)
{
    store("a", some_vector(1), R"({"k": 1})");
    store("b", some_vector(2), R"({"k": 1})");
    EXPECT_TRUE(run(vectors->delete_document("docs", "a")));
    EXPECT_FALSE(run(vectors->delete_document("docs", "a")));
    EXPECT_EQ(ids_of(search(some_vector(1))), Ids{"b"});
    EXPECT_FALSE(run(vectors->get_document("docs", "a")));
    EXPECT_EQ(count(filter::eq("k", 1)), 1U);
    store("a", some_vector(1));
    EXPECT_EQ(ids_of(search(some_vector(1), 1)), Ids{"a"});
}

TEST_P(Vectors, DeletingByFilterDeletesEveryMatchAndNothingElse)
{
    std::vector<VectorDocument> batch;
    for (unsigned i = 0; i < 3000; ++i)
        batch.push_back(document(numbered("d", i), some_vector(i),
                                 numbered(R"({"user_id": "u)", i % 3) + numbered(R"(", "n": )", i) + "}"));
    store_all(batch);
    EXPECT_EQ(run(vectors->delete_documents("docs", filter::eq("user_id", "u1"))), 1000U);
    EXPECT_EQ(run(vectors->delete_documents("docs", filter::eq("user_id", "u1"))), 0U);
    EXPECT_EQ(count(), 2000U);
    EXPECT_EQ(run(vectors->delete_documents("docs", filter::eq("user_id", "u2") && filter::gte("n", 1500))), 500U);
    EXPECT_EQ(count(filter::eq("user_id", "u0")), 1000U);
    EXPECT_EQ(run(vectors->delete_documents("docs", filter::ne("user_id", "u0"))), 500U);
    EXPECT_EQ(count(), 1000U);
    EXPECT_EQ(everything(400).size(), 1000U);
}

TEST_P(Vectors, DeletingEverythingNeedsMoreThanAnEmptyFilter)
{
    store("a", some_vector(1));
    EXPECT_STORAGE_ERROR(run(vectors->delete_documents("docs", Filter())), invalid_argument);
    EXPECT_EQ(count(), 1U);
}

// ---- listing

TEST_P(Vectors, ScrollingGivesEverythingOnceInOneOrder)
{
    std::vector<VectorDocument> batch;
    Ids expected;
    for (unsigned i = 0; i < 100; ++i) {
        batch.push_back(document(numbered("d", i * 37 % 100), some_vector(i), numbered(R"({"even": )", i % 2) + "}"));
        expected.push_back(batch.back().id);
    }
    std::ranges::sort(expected);
    store_all(batch);
    for (const std::size_t page_size : {1UL, 7UL, 50UL, 99UL, 100UL, 101UL, 10'000UL})
        EXPECT_EQ(sorted_ids_of(everything(page_size)), expected) << page_size;
    EXPECT_EQ(ids_of(everything(7)), ids_of(everything(50)));
    EXPECT_FALSE(run(vectors->scroll("docs", 100)).next);
    EXPECT_EQ(everything(7, filter::eq("even", 0)).size(), 50U);
    EXPECT_EQ(everything(50, filter::eq("even", 0)).size(), 50U);
    EXPECT_EQ(ids_of(everything(7, filter::ne("even", 0))), ids_of(everything(50, filter::ne("even", 0))));
    EXPECT_TRUE(everything(7, filter::eq("even", 3)).empty());
    EXPECT_STORAGE_ERROR(run(vectors->scroll("docs", 0)), invalid_argument);
    EXPECT_STORAGE_ERROR(run(vectors->scroll("docs", 10'001)), invalid_argument);
}

TEST_P(Vectors, CursorsArePlainTextOfTheirListing)
{
    for (const char* id : {"a", "b\nc", "ü 🌒"})
        store(id, some_vector(1));
    create("others", 4);
    const Page<VectorDocument> first = run(vectors->scroll("docs", 2));
    ASSERT_TRUE(first.next);
    ASSERT_EQ(first.items.size(), 2U);
    const PageCursor again = PageCursor::parse(first.next->text());
    const std::vector<std::string> rest = ids_of(run(vectors->scroll("docs", 2, again)).items);
    ASSERT_EQ(rest.size(), 1U);
    EXPECT_FALSE(std::ranges::count(ids_of(first.items), rest.front()));
    EXPECT_STORAGE_ERROR(run(vectors->scroll("others", 2, again)), invalid_argument);
    // The document that ended the page may be gone.
    EXPECT_TRUE(run(vectors->delete_document("docs", first.items.back().id)));
    EXPECT_EQ(ids_of(run(vectors->scroll("docs", 2, again)).items), rest);
}

TEST_P(Vectors, AnExportHoldsTheWholeCollection)
{
    CollectionConfig config;
    config.description = "with a description";
    config.embedding_dimension = 4;
    run(vectors->create_collection("exported", config));
    std::vector<VectorDocument> batch;
    for (unsigned i = 0; i < 2500; ++i)
        batch.push_back(document(numbered("d", 10'000 + i), some_vector(i), numbered(R"({"n": )", i) + "}"));
    run(vectors->store_documents("exported", batch));
    const CollectionExport exported = run(vectors->export_collection("exported"));
    EXPECT_EQ(exported.name, "exported");
    EXPECT_EQ(exported.metadata.description, "with a description");
    ASSERT_EQ(exported.documents.size(), 2500U);
    for (unsigned i = 0; i < 2500; ++i) {
        EXPECT_EQ(exported.documents[i].id, batch[i].id);
        EXPECT_EQ(exported.documents[i].metadata, batch[i].metadata);
        EXPECT_NEAR(cosine(exported.documents[i].embedding, batch[i].embedding), 1, 1e-6);
    }
}

TEST_P(Vectors, CountsAndStatistics)
{
    for (unsigned i = 0; i < 30; ++i)
        store(numbered("d", i), some_vector(i), numbered(R"({"n": )", i) + "}");
    create("more", 2);
    run(vectors->store_document("more", "x", "y", some_vector(1, 2)));
    EXPECT_EQ(count(), 30U);
    EXPECT_EQ(count(filter::lt("n", 10)), 10U);
    EXPECT_EQ(run(vectors->get_total_documents()), 31U);
    const CollectionStats stats = run(vectors->get_collection_stats("docs"));
    EXPECT_EQ(stats.name, "docs");
    EXPECT_EQ(stats.document_count, 30U);
    EXPECT_EQ(stats.embedding_dimension, 4U);
    EXPECT_EQ(stats.distance_metric, "cosine");
    EXPECT_EQ(stats.to_json().at("document_count").as_int64(), 30);
    EXPECT_EQ(run(vectors->get_cache_hit_rate()), 0.0);
    search(some_vector(1));
    EXPECT_GT(run(vectors->get_avg_search_time()), 0.0);
    EXPECT_EQ(vectors->vector_database_type(), GetParam().type);
    EXPECT_FALSE(vectors->endpoints().empty());
}

} // namespace
} // namespace whisperstore::test

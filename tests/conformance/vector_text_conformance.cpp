// Candidates for questions in words, and the model that a collection remembers.

#include "conformance/vector_fixture.hpp"

#include <algorithm>
#include <set>

namespace whisperstore::test {
namespace {

class VectorTexts : public VectorFixture
{
protected:
    SearchCandidates candidates(std::vector<std::string> words, std::size_t dense = 2, std::size_t lexical = 5,
                                const Filter& filter = Filter())
    {
        CandidateQuery query;
        query.embedding = some_vector(7);
        query.words = std::move(words);
        query.dense_limit = dense;
        query.lexical_limit = lexical;
        query.filters = filter;
        return run(vectors->search_candidates("docs", query));
    }
    static std::set<std::string> ids(const SearchCandidates& found)
    {
        std::set<std::string> list;
        for (const SearchCandidate& one : found.candidates)
            EXPECT_TRUE(list.insert(one.document.id).second) << one.document.id << " is there twice";
        return list;
    }
    /// What was found by the words alone.
    std::set<std::string> by_words(std::vector<std::string> words, const Filter& filter = Filter())
    {
        return ids(candidates(std::move(words), 0, 5, filter));
    }
    void reopen()
    {
        run(vectors->cleanup());
        vectors = GetParam().make(directory.path());
        run(vectors->initialize());
    }
    void fill(int count = 40)
    {
        std::vector<VectorDocument> documents;
        for (int i = 0; i < count; ++i)
            documents.push_back(document(numbered("d", static_cast<std::uint64_t>(i)),
                                         some_vector(static_cast<unsigned>(i)),
                                         i % 10 == 0 ? R"({"user_id": "mira"})" : R"({"user_id": "others"})",
                                         numbered("common text number", static_cast<std::uint64_t>(i))));
        store_all(std::move(documents));
    }
    bool lexical() const { return vectors->capabilities().lexical; }
};

INSTANTIATE_TEST_SUITE_P(Backends, VectorTexts, testing::ValuesIn(vector_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(VectorTexts, TheMostSimilarAreCandidates)
{
    fill();
    const SearchCandidates found = candidates({}, 5, 5);
    const std::vector<SearchResult> expected = search(some_vector(7), 5);
    ASSERT_EQ(found.candidates.size(), 5U);
    EXPECT_EQ(found.documents, 40U);
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(found.candidates[i].document.id, expected[i].id);
        EXPECT_NEAR(found.candidates[i].similarity, expected[i].score, 1e-6);
        EXPECT_EQ(found.candidates[i].document.content, expected[i].content);
        EXPECT_EQ(found.candidates[i].document.embedding.size(), 4U);
    }
}

TEST_P(VectorTexts, WithoutAnIndexOfWordsTheAnswerSaysSo)
{
    fill();
    const SearchCandidates found = candidates({"common"}, 5, 5);
    EXPECT_FALSE(found.lexical);
    EXPECT_TRUE(found.word_documents.empty());
    EXPECT_EQ(found.candidates.size(), 5U);
}

TEST_P(VectorTexts, WordsAreFoundInWhateverFormTheyStand)
{
    if (!lexical())
        return; // what such a backend answers is above
    run(vectors->prepare_for_texts("docs", ""));
    fill();
    store("fence", some_vector(100), R"({"username": "Noor", "timestamp": "2023-05-08T10:00:00Z"})",
          "I painted the old fence");
    EXPECT_EQ(by_words({"painting"}), std::set<std::string>{"fence"});
    EXPECT_EQ(by_words({"FENCES"}), std::set<std::string>{"fence"});
    EXPECT_EQ(by_words({"noor"}), std::set<std::string>{"fence"});
    EXPECT_EQ(by_words({"may"}), std::set<std::string>{"fence"});
    EXPECT_TRUE(by_words({"absent"}).empty());
    const SearchCandidates found = candidates({"common", "fence", "absent"}, 2, 3);
    EXPECT_TRUE(found.lexical);
    EXPECT_EQ(found.documents, 41U);
    EXPECT_EQ(found.word_documents, (std::vector<std::uint64_t>{40, 1, 0}));
    EXPECT_TRUE(ids(found).contains("fence"));
    EXPECT_LE(found.candidates.size(), 5U);
    for (const SearchCandidate& one : found.candidates)
        EXPECT_NEAR(one.similarity, cosine(one.document.embedding, some_vector(7)), 1e-6);
}

TEST_P(VectorTexts, FiltersHoldInsideTheSearchForWords)
{
    if (!lexical())
        return;
    run(vectors->prepare_for_texts("docs", ""));
    fill();
    EXPECT_EQ(by_words({"common"}, filter::eq("user_id", "mira")), (std::set<std::string>{"d0", "d10", "d20", "d30"}));
    EXPECT_TRUE(by_words({"common"}, filter::eq("user_id", "nobody")).empty());
    for (const SearchCandidate& one : candidates({"common"}, 5, 5, filter::eq("user_id", "mira")).candidates)
        EXPECT_EQ(one.document.metadata.at("user_id"), "mira");
}

TEST_P(VectorTexts, WordsFollowTheirDocuments)
{
    if (!lexical())
        return;
    run(vectors->prepare_for_texts("docs", ""));
    store("a", some_vector(1), "{}", "first words");
    EXPECT_EQ(by_words({"first"}), std::set<std::string>{"a"});
    store("a", some_vector(1), "{}", "second words");
    EXPECT_TRUE(by_words({"first"}).empty());
    EXPECT_EQ(by_words({"second"}), std::set<std::string>{"a"});
    EXPECT_EQ(candidates({"words"}).word_documents, std::vector<std::uint64_t>{1});
    EXPECT_TRUE(run(vectors->delete_document("docs", "a")));
    EXPECT_TRUE(by_words({"second"}).empty());
    fill();
    EXPECT_EQ(run(vectors->delete_documents("docs", filter::eq("user_id", "others"))), 36U);
    EXPECT_EQ(candidates({"common"}).word_documents, std::vector<std::uint64_t>{4});
    reopen();
    EXPECT_EQ(candidates({"common"}).word_documents, std::vector<std::uint64_t>{4});
}

TEST_P(VectorTexts, DocumentsThatWereThereBeforeAreFound)
{
    if (!lexical())
        return;
    fill();
    run(vectors->prepare_for_texts("docs", "model-a"));
    run(vectors->prepare_for_texts("docs", "model-a"));
    EXPECT_EQ(by_words({"number7"}), std::set<std::string>{"d7"});
    reopen();
    EXPECT_EQ(by_words({"number7"}), std::set<std::string>{"d7"});
}

TEST_P(VectorTexts, WordsAreNoQueryLanguage)
{
    if (!lexical())
        return;
    run(vectors->prepare_for_texts("docs", ""));
    store("a", some_vector(1), "{}", "cat AND door NEAR content");
    for (const std::string word : {"\"", "*", "ca*", "NEAR(cat door)", "content:cat", "^cat", "a\" OR \"cat", "'; --",
                                   "", " ", "(", "-", "cat\tdoor", "\xF0\x9F\x90\x88"}) {
        SCOPED_TRACE(word);
        const std::set<std::string> found = by_words({word});
        EXPECT_LE(found.size(), 1U);
    }
    EXPECT_EQ(by_words({"near"}), std::set<std::string>{"a"});
    EXPECT_STORAGE_ERROR(candidates({std::string("a\0b", 3)}), invalid_argument);
    EXPECT_STORAGE_ERROR(candidates({"\xFF"}), invalid_argument);
    EXPECT_STORAGE_ERROR(candidates(std::vector<std::string>(65, "word")), invalid_argument);
}

TEST_P(VectorTexts, WrongQueriesAreRefused)
{
    CandidateQuery query;
    query.embedding = some_vector(1, 3);
    EXPECT_STORAGE_ERROR(run(vectors->search_candidates("docs", query)), invalid_argument);
    query.embedding = some_vector(1);
    EXPECT_STORAGE_ERROR(run(vectors->search_candidates("nowhere", query)), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->prepare_for_texts("nowhere", "model")), not_found);
}

TEST_P(VectorTexts, ACollectionRemembersItsModel)
{
    EXPECT_EQ(run(vectors->get_collection("docs")).embedding_model, "");
    run(vectors->prepare_for_texts("docs", "model-a"));
    const StorageError error = error_of([&] { run(vectors->prepare_for_texts("docs", "model-b")); });
    EXPECT_EQ(error.errc(), StorageErrc::version_mismatch);
    EXPECT_NE(error.message().find("model-a"), std::string::npos);
    EXPECT_NE(error.message().find("model-b"), std::string::npos);
    reopen();
    const CollectionConfig config = run(vectors->get_collection("docs"));
    EXPECT_EQ(config.embedding_model, "model-a");
    EXPECT_EQ(config.lexical, lexical());
    EXPECT_FALSE(config.metadata.contains("embedding_model"));
}

TEST_P(VectorTexts, CreatingKnowsModelAndWords)
{
    CollectionConfig config;
    config.embedding_dimension = 4;
    config.embedding_model = "model-a";
    config.lexical = true;
    config.metadata["purpose"] = "texts";
    run(vectors->create_collection("texts", config));
    run(vectors->create_collection("texts", config));
    CollectionConfig unknown = config;
    unknown.embedding_model.clear();
    run(vectors->create_collection("texts", unknown));
    CollectionConfig other = config;
    other.embedding_model = "model-b";
    EXPECT_STORAGE_ERROR(run(vectors->create_collection("texts", other)), version_mismatch);
    const CollectionConfig found = run(vectors->get_collection("texts"));
    EXPECT_EQ(found.embedding_model, "model-a");
    EXPECT_TRUE(found.lexical);
    EXPECT_EQ(found.metadata, config.metadata);
    EXPECT_EQ(CollectionConfig::from_json(found.to_json()).embedding_model, "model-a");
    CollectionConfig later; // one that was made without
    later.embedding_dimension = 4;
    later.embedding_model = "model-c";
    run(vectors->create_collection("docs", later));
    EXPECT_EQ(run(vectors->get_collection("docs")).embedding_model, "model-c");
}

TEST_P(VectorTexts, ModelAndWordsAreInBackupsAndExports)
{
    run(vectors->prepare_for_texts("docs", "model-a"));
    fill();
    EXPECT_EQ(run(vectors->export_collection("docs")).metadata.embedding_model, "model-a");
    TestDirectory elsewhere;
    run(vectors->backup_collections(elsewhere / "backup.db"));
    EXPECT_TRUE(run(vectors->delete_collection("docs")));
    run(vectors->restore_collections(elsewhere / "backup.db"));
    EXPECT_EQ(run(vectors->get_collection("docs")).embedding_model, "model-a");
    if (lexical()) {
        EXPECT_EQ(by_words({"number7"}), std::set<std::string>{"d7"});
    }
}

TEST_P(VectorTexts, SearchesAndWritesAtTheSameTimeAgree)
{
    if (!lexical())
        return;
    run(vectors->prepare_for_texts("docs", ""));
    fill();
    const auto write = [&](int writer) -> awaitable<void> {
        for (int i = 0; i < 60; ++i) {
            VectorDocument one =
                document(numbered("d", static_cast<std::uint64_t>(i % 7)), some_vector(static_cast<unsigned>(i)),
                         R"({"user_id": "mira"})", numbered("common version", static_cast<std::uint64_t>(i + writer)));
            std::vector<VectorDocument> documents;
            documents.push_back(std::move(one));
            co_await vectors->store_documents("docs", std::move(documents));
        }
    };
    const auto ask = [&]() -> awaitable<void> {
        for (int i = 0; i < 60; ++i) {
            CandidateQuery query;
            query.embedding = some_vector(3);
            query.words.emplace_back("common");
            query.lexical_limit = 100;
            query.dense_limit = 0;
            const SearchCandidates found = co_await vectors->search_candidates("docs", std::move(query));
            EXPECT_EQ(found.candidates.size(), 40U);
        }
    };
    std::vector<std::future<void>> work;
    work.push_back(start(write(0)));
    work.push_back(start(write(1000)));
    work.push_back(start(ask()));
    work.push_back(start(ask()));
    for (auto& one : work)
        wait(std::move(one));
    EXPECT_EQ(candidates({"common"}).word_documents, std::vector<std::uint64_t>{40});
}

} // namespace
} // namespace whisperstore::test

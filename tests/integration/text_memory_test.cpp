// Texts in, texts out.

#include "support/hashed_embeddings.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/text_memory.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace whisperstore::test {
namespace {

/// "d7" for "d" and 7.
std::string numbered(std::string text, std::int64_t number) { return text.append(std::to_string(number)); }

class TextMemoryTest : public testing::Test
{
protected:
    void SetUp() override { open(); }
    void TearDown() override { run(storage->close()); }

    void open()
    {
        storage = run(initialize_storage_layer(laptop_configuration(directory / "data")));
        database = std::shared_ptr<AbstractDatabaseAdapter>(storage, &storage->database());
        vectors = std::shared_ptr<VectorDatabaseManager>(storage, &storage->vector_db());
        provider = std::make_shared<HashedEmbeddings>();
        memory.emplace(vectors, provider, database);
    }
    void reopen(bool read_only = false)
    {
        memory.reset();
        database.reset();
        vectors.reset();
        run(storage->close());
        StorageConfiguration configuration = laptop_configuration(directory / "data");
        configuration.database.read_only = read_only;
        configuration.vector_database.read_only = read_only;
        storage = run(initialize_storage_layer(std::move(configuration)));
        database = std::shared_ptr<AbstractDatabaseAdapter>(storage, &storage->database());
        vectors = std::shared_ptr<VectorDatabaseManager>(storage, &storage->vector_db());
        memory.emplace(vectors, provider, database);
    }
    /// A message of a conversation: its row and its document.
    void say(std::int64_t id, const std::string& user, const std::string& text, const std::string& channel = "kitchen",
             std::int64_t minute = -1)
    {
        const Timestamp time = parse_timestamp("2026-03-02T18:00:00Z") + std::chrono::minutes(minute < 0 ? id : minute);
        std::vector<Query> rows =
            queries(query("INSERT INTO users (user_id, username) VALUES (?, ?) ON CONFLICT (user_id) DO NOTHING",
                          params(arg(user), arg(user))),
                    query("INSERT INTO messages (message_id, channel_id, user_id, username, content, timestamp) "
                          "VALUES (?, ?, ?, ?, ?, ?)",
                          params(arg(id), arg(channel), arg(user), arg(user), arg(text), arg(time))));
        run(database->execute_transaction(std::move(rows)));
        json::object metadata;
        metadata["channel_id"] = channel;
        metadata["user_id"] = user;
        metadata["username"] = user;
        metadata["timestamp"] = format_timestamp(time);
        run(memory->store_text("user_memories", std::to_string(id), text, std::move(metadata)));
    }
    std::vector<std::string> ids(const std::string& question, const Filter& filter = Filter(), std::size_t limit = 10,
                                 const TextSearchOptions& options = TextSearchOptions())
    {
        std::vector<std::string> found;
        for (const TextResult& one : run(memory->search_text("user_memories", question, limit, filter, options)))
            found.push_back(one.id);
        return found;
    }
    CollectionConfig collection() { return run(vectors->get_collection("user_memories")); }

    TestDirectory directory;
    std::shared_ptr<StorageLayer> storage;
    std::shared_ptr<AbstractDatabaseAdapter> database;
    std::shared_ptr<VectorDatabaseManager> vectors;
    std::shared_ptr<HashedEmbeddings> provider;
    std::optional<TextMemory> memory;
};

TEST_F(TextMemoryTest, TheFirstTextMakesTheCollectionReady)
{
    EXPECT_EQ(collection().embedding_model, "");
    EXPECT_FALSE(collection().lexical);
    run(memory->store_text("user_memories", "a", "bread needs time"));
    EXPECT_EQ(collection().embedding_model, "hashed-pairs");
    EXPECT_TRUE(collection().lexical);
    reopen();
    EXPECT_EQ(collection().embedding_model, "hashed-pairs");
    EXPECT_TRUE(collection().lexical);
    EXPECT_EQ(ids("time for bread?"), std::vector<std::string>{"a"});
}

TEST_F(TextMemoryTest, TextsAreEmbeddedTogether)
{
    std::vector<TextDocument> documents;
    for (int i = 0; i < 20; ++i)
        documents.push_back(TextDocument{numbered("d", i), numbered("text number ", i)});
    run(memory->store_texts("user_memories", std::move(documents)));
    EXPECT_EQ(provider->calls, 1U);
    EXPECT_EQ(run(vectors->count_documents("user_memories")), 20U);
    const auto document = run(vectors->get_document("user_memories", "d7"));
    ASSERT_TRUE(document);
    EXPECT_EQ(document->content, "text number 7");
    run(memory->store_texts("user_memories", {}));
    EXPECT_EQ(provider->calls, 1U);
}

TEST_F(TextMemoryTest, TheVectorsOfAnotherModelAreRefused)
{
    run(memory->store_text("user_memories", "a", "bread"));
    TextMemory other(vectors, std::make_shared<HashedEmbeddings>(384, "another-model"), database);
    for (const StorageError& error : {error_of([&] { run(other.store_text("user_memories", "b", "salt")); }),
                                      error_of([&] { run(other.search_text("user_memories", "salt")); })}) {
        EXPECT_EQ(error.errc(), StorageErrc::version_mismatch);
        EXPECT_NE(error.message().find("hashed-pairs"), std::string::npos);
        EXPECT_NE(error.message().find("another-model"), std::string::npos);
    }
    EXPECT_EQ(run(vectors->count_documents("user_memories")), 1U);
}

TEST_F(TextMemoryTest, AnotherDimensionIsRefusedBeforeTheModelIsRemembered)
{
    TextMemory other(vectors, std::make_shared<HashedEmbeddings>(16, "small"), database);
    EXPECT_STORAGE_ERROR(run(other.store_text("user_memories", "b", "salt")), invalid_argument);
    EXPECT_EQ(collection().embedding_model, "");
}

TEST_F(TextMemoryTest, WhatCannotBeAskedIsRefused)
{
    EXPECT_STORAGE_ERROR(run(memory->search_text("user_memories", "")), invalid_argument);
    EXPECT_STORAGE_ERROR(run(memory->search_text("user_memories", std::string("a\0b", 3))), invalid_argument);
    EXPECT_STORAGE_ERROR(run(memory->search_text("nowhere", "bread")), not_found);
    EXPECT_STORAGE_ERROR(run(memory->store_text("user_memories", "a", "")), invalid_argument);
    EXPECT_STORAGE_ERROR(run(memory->store_text("user_memories", "", "bread")), invalid_argument);
    TextSearchOptions options;
    options.weights.lexical = 1.5;
    EXPECT_STORAGE_ERROR(run(memory->search_text("user_memories", "bread", 10, Filter(), options)), invalid_argument);
    options.weights = HybridWeights();
    options.weights.neighbour = std::nan("");
    EXPECT_STORAGE_ERROR(run(memory->search_text("user_memories", "bread", 10, Filter(), options)), invalid_argument);
    EXPECT_TRUE(run(memory->search_text("user_memories", "bread", 0)).empty());
}

TEST_F(TextMemoryTest, QuestionsAreNoQueryLanguage)
{
    run(memory->store_text("user_memories", "a", "the cat NEAR the (door) AND \"quoted\" OR not"));
    for (const std::string question :
         {"\"", "'", "cat* OR", "NEAR(cat door)", "words_1 : cat", "{content} : cat", "^cat", "cat AND", "NOT", "-cat",
          "a\" OR \"b", "'; DROP TABLE documents; --", "()", "*", "%", "content:cat", "\xF0\x9F\x90\x88"}) {
        SCOPED_TRACE(question);
        EXPECT_EQ(ids(question), std::vector<std::string>{"a"});
    }
}

TEST_F(TextMemoryTest, NamesDaysAndFormsOfWordsAreFound)
{
    for (int i = 0; i < 60; ++i)
        say(100 + i, "ada", numbered("small talk of no interest ", i), "kitchen", 10'000 + i * 100);
    say(1, "mira", "I painted the old fence", "kitchen", 0);
    say(2, "noor", "Café visits are nice", "kitchen", 5'000);
    EXPECT_EQ(ids("Who was painting fences?").front(), "1");
    EXPECT_EQ(ids("cafe").front(), "2");
    EXPECT_EQ(ids("What did Mira say?").front(), "1");
    EXPECT_EQ(ids("What happened on March 2nd, 2026?").front(), "1");
}

TEST_F(TextMemoryTest, AnAnswerIsFoundByItsQuestion)
{
    for (int i = 0; i < 100; ++i)
        say(1000 + i, "ada", numbered("weather report ", i), "lounge", 10'000 + i * 100);
    say(1, "ada", "Which instrument did you buy in Lisbon?", "kitchen", 0);
    say(2, "mira", "An old one.", "kitchen", 1);
    say(3, "ada", "So kind of them.", "kitchen", 500);
    TextSearchOptions options;
    options.explain = true;
    const auto found = run(memory->search_text("user_memories", "instrument bought in Lisbon", 2, Filter(), options));
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].id, "1");
    EXPECT_EQ(found[1].id, "2");
    ASSERT_TRUE(found[1].parts);
    const ScoreParts& parts = *found[1].parts;
    EXPECT_GT(parts.neighbour, 0);
    EXPECT_GT(parts.words, 0);
    EXPECT_NEAR(found[1].score, parts.similarity + parts.words + parts.neighbour + parts.recency + parts.importance,
                1e-9);
    EXPECT_NE(std::ranges::find(parts.matched_words, "lisbon"), parts.matched_words.end());

    TextSearchOptions without;
    without.neighbours = false;
    const std::vector<std::string> alone = ids("instrument bought in Lisbon", Filter(), 2, without);
    EXPECT_NE(alone[1], "2");
    // It counts for the one who answered, too, who is all that is asked for.
    EXPECT_EQ(ids("instrument bought in Lisbon", filter::eq("user_id", "mira"), 5), std::vector<std::string>{"2"});
}

TEST_F(TextMemoryTest, NeighboursEndWithTheConversation)
{
    say(1, "ada", "Which instrument did you buy in Lisbon?", "kitchen", 0);
    say(2, "mira", "Two hours later.", "kitchen", 120);
    say(3, "mira", "Elsewhere.", "lounge", 1);
    TextSearchOptions options;
    options.explain = true;
    for (const TextResult& one :
         run(memory->search_text("user_memories", "instrument Lisbon", 10, Filter(), options))) {
        ASSERT_TRUE(one.parts);
        EXPECT_EQ(one.parts->neighbour, 0) << one.id;
        if (one.id != "1") {
            EXPECT_EQ(one.parts->words, 0) << one.id;
        }
    }
}

TEST_F(TextMemoryTest, AUsersQuestionIsAnsweredByThatUsersDocumentsHoweverManyOthersMatch)
{
    std::vector<TextDocument> documents;
    for (int i = 0; i < 500; ++i) {
        json::object metadata;
        metadata["user_id"] = i % 100 == 0 ? "mira" : "others";
        documents.push_back(TextDocument{numbered("d", i), numbered("sourdough bread ", i), metadata});
    }
    run(memory->store_texts("user_memories", std::move(documents)));
    const auto found = ids("sourdough", filter::eq("user_id", "mira"));
    EXPECT_EQ(std::set<std::string>(found.begin(), found.end()),
              (std::set<std::string>{"d0", "d100", "d200", "d300", "d400"}));
}

TEST_F(TextMemoryTest, RecencyAndImportanceCountWhenAskedTo)
{
    const auto store = [&](const std::string& id, const std::string& time, double importance) {
        json::object metadata;
        metadata["timestamp"] = time;
        metadata["importance"] = importance;
        run(memory->store_text("user_memories", id, "the same words", std::move(metadata)));
    };
    store("a-old", "2024-01-01T00:00:00Z", 0.1);
    store("b-new", "2026-01-01T00:00:00Z", 0.2);
    store("c-important", "2024-01-01T00:00:00Z", 0.9);
    TextSearchOptions options;
    options.now = parse_timestamp("2026-01-02T00:00:00Z");
    EXPECT_EQ(ids("same words", Filter(), 10, options), (std::vector<std::string>{"a-old", "b-new", "c-important"}));
    options.weights.recency = 0.5;
    EXPECT_EQ(ids("same words", Filter(), 1, options), std::vector<std::string>{"b-new"});
    options.weights.recency = 0;
    options.weights.importance = 0.5;
    EXPECT_EQ(ids("same words", Filter(), 1, options), std::vector<std::string>{"c-important"});
}

TEST_F(TextMemoryTest, ADenseSearchIsThatOfTheVector)
{
    for (int i = 0; i < 30; ++i)
        run(memory->store_text("user_memories", numbered("d", i), numbered("words ", i * 7919)));
    TextSearchOptions options;
    options.mode = TextSearchOptions::Mode::dense;
    options.explain = true;
    const auto found = run(memory->search_text("user_memories", "words 7919", 5, Filter(), options));
    const auto expected =
        run(vectors->search_similar("user_memories", HashedEmbeddings::vector_of("words 7919", 384), 5));
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].id, expected[i].id);
        EXPECT_EQ(found[i].score, expected[i].score);
        EXPECT_EQ(found[i].parts->cosine, expected[i].score);
    }
}

TEST_F(TextMemoryTest, ReadOnlyItFindsWithoutAnIndexOfWords)
{
    for (int i = 0; i < 40; ++i) {
        const std::string text = i == 17 ? "lighthouse" : numbered("plain text ", i);
        const std::vector<float> vector = HashedEmbeddings::vector_of(text, 384);
        run(vectors->store_document("user_memories", numbered("d", i), text, vector));
    }
    reopen(true);
    EXPECT_EQ(ids("the lighthouse").front(), "d17");
    EXPECT_FALSE(collection().lexical);
    EXPECT_STORAGE_ERROR(run(memory->store_text("user_memories", "x", "text")), permission);
    reopen();
    EXPECT_EQ(ids("the lighthouse").front(), "d17");
    EXPECT_TRUE(collection().lexical); // the first search that may makes it
    EXPECT_EQ(collection().embedding_model, "");
}

TEST(TextCalls, ALayerWithoutEmbeddingsSaysWhatToDo)
{
    TestDirectory directory;
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.embedding.type = "none";
    const auto storage = run(initialize_storage_layer(std::move(configuration)));
    EXPECT_FALSE(storage->has_embeddings());
    const StorageError error = error_of([&] { run(storage->store_text("user_memories", "a", "text")); });
    EXPECT_EQ(error.errc(), StorageErrc::unsupported);
    EXPECT_NE(error.message().find("WHISPERENGINE_EMBEDDING_TYPE"), std::string::npos);
    EXPECT_STORAGE_ERROR(run(storage->search_text("user_memories", "text")), unsupported);
    const std::vector<float> vector = sample_embedding(1);
    run(storage->vector_db().store_document("user_memories", "a", "text", vector));
    run(storage->close());
    EXPECT_STORAGE_ERROR(run(storage->search_text("user_memories", "text")), closed);
}

} // namespace
} // namespace whisperstore::test

// Recall of texts on recorded conversations (LoCoMo), which are not part of this repository.

#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/database/schema.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>
#include <whisperstore/storage/text_memory.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>
#if defined(WHISPERSTORE_TEST_QDRANT)
#include "servers/qdrant_managers.hpp"

#include <whisperstore/vector/http_qdrant_manager.hpp>
#endif

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <iostream>
#include <set>
#include <sstream>
#include <unordered_map>

namespace whisperstore::test {
namespace {

constexpr std::size_t dimension = 384;
constexpr std::array<std::string_view, 4> held_out{"locomo-42", "locomo-43", "locomo-44", "locomo-47"};

/// Knows the vectors of the recorded texts.
class RecordedEmbeddings final : public EmbeddingProvider
{
public:
    awaitable<std::vector<std::vector<float>>> embed(std::vector<std::string> texts, OperationContext) override
    {
        check_texts(texts);
        std::vector<std::vector<float>> vectors;
        for (const std::string& text : texts)
            vectors.push_back(known.at(text));
        co_return vectors;
    }
    std::size_t dimension() const noexcept override { return test::dimension; }
    std::string_view model_name() const noexcept override { return "sentence-transformers/all-MiniLM-L6-v2"; }
    std::string_view provider_type() const noexcept override { return "recorded"; }

    std::unordered_map<std::string, std::vector<float>> known;
};

std::vector<json::object> read_lines(const std::filesystem::path& path)
{
    std::vector<json::object> lines;
    std::istringstream text(read_file(path));
    for (std::string line; std::getline(text, line);)
        lines.push_back(parse_json_object(line, path.filename().string()));
    return lines;
}

std::vector<std::vector<float>> read_vectors(const std::filesystem::path& path)
{
    const std::string bytes = read_file(path);
    std::vector<std::vector<float>> vectors(bytes.size() / (dimension * sizeof(float)), std::vector<float>(dimension));
    for (std::size_t i = 0; i < vectors.size(); ++i)
        std::memcpy(vectors[i].data(), bytes.data() + i * dimension * sizeof(float), dimension * sizeof(float));
    return vectors;
}

std::vector<std::string> backends()
{
    std::vector<std::string> names{"local_qdrant"};
#if defined(WHISPERSTORE_TEST_QDRANT)
    names.emplace_back("http_qdrant");
#endif
    return names;
}

class LocomoTexts : public testing::TestWithParam<std::string>
{
protected:
    struct Recall
    {
        double all = 0;
        double tuned = 0;
        double held_out = 0;
        double microseconds = 0; ///< a question
    };

    void SetUp() override
    {
        const std::filesystem::path folder = shared_data() / "data" / "locomo";
        messages_ = read_lines(folder / "messages.jsonl");
        questions_ = read_lines(folder / "questions.jsonl");
        const std::vector<std::vector<float>> of_messages = read_vectors(folder / "messages.f32");
        const std::vector<std::vector<float>> of_questions = read_vectors(folder / "questions.f32");
        ASSERT_EQ(messages_.size(), 4124U);
        ASSERT_EQ(questions_.size(), 1345U);
        auto provider = std::make_shared<RecordedEmbeddings>();
        for (std::size_t i = 0; i < messages_.size(); ++i)
            provider->known.emplace(text_of(messages_[i], "content"), of_messages[i]);
        for (std::size_t i = 0; i < questions_.size(); ++i)
            provider->known.emplace(text_of(questions_[i], "question"), of_questions[i]);
        provider_ = provider;
        open(provider_, GetParam());
        run(store());
    }

    void open(std::shared_ptr<EmbeddingProvider> provider, const std::string& type)
    {
        DatabaseConfig database;
        database.connection_string = "sqlite:///" + (directory_.path() / "database.db").string();
        database_ = std::make_shared<SQLiteAdapter>(database);
        open_vectors(type);
        run(database_->initialize());
        run(database_->setup_schema(WhisperEngineSchema::get_core_schema()));
        run(vectors_->initialize());
        run(vectors_->create_collection("user_memories", CollectionConfig()));
        texts_ = std::make_unique<TextMemory>(vectors_, std::move(provider), database_);
    }
    void open_vectors([[maybe_unused]] const std::string& type)
    {
#if defined(WHISPERSTORE_TEST_QDRANT)
        if (type == "http_qdrant") {
            place_ = QdrantPlace::make();
            vectors_ = std::make_shared<HTTPQdrantManager>(place_.config);
            return;
        }
#endif
        VectorDatabaseConfig vectors;
        vectors.persist_directory = directory_.path() / "vectors";
        vectors_ = std::make_shared<LocalQdrantManager>(vectors);
    }
    void TearDown() override { close(); }
    void close()
    {
        if (vectors_)
            run(vectors_->cleanup());
        if (database_)
            run(database_->disconnect());
    }

    static std::string text_of(const json::object& object, std::string_view key)
    {
        return std::string(object.at(key).as_string());
    }

    awaitable<void> store()
    {
        std::vector<Query> rows;
        std::vector<TextDocument> documents;
        for (const json::object& message : messages_) {
            const std::string user = text_of(message, "user_id");
            rows.push_back(query("INSERT INTO users (user_id, username) VALUES (?, ?) ON CONFLICT (user_id) DO NOTHING",
                                 params(arg(user), arg(text_of(message, "username")))));
            rows.push_back(
                query("INSERT INTO messages (message_id, channel_id, user_id, content, timestamp) "
                      "VALUES (?, ?, ?, ?, ?)",
                      params(arg(message.at("message_id").as_int64()), arg(text_of(message, "channel_id")), arg(user),
                             arg(text_of(message, "content")), arg(parse_timestamp(text_of(message, "timestamp"))))));
            TextDocument document;
            document.id = std::to_string(message.at("message_id").as_int64());
            document.text = text_of(message, "content");
            document.metadata = message;
            document.metadata.erase("content");
            document.metadata.erase("message_id");
            documents.push_back(std::move(document));
        }
        co_await database_->execute_transaction(std::move(rows));
        co_await texts_->store_texts("user_memories", std::move(documents));
    }

    /// \param step of the questions every so many'th is asked.
    Recall recall(const TextSearchOptions& options, std::size_t step = 1)
    {
        Recall recall;
        std::size_t count_held_out = 0;
        std::size_t asked = 0;
        const auto begun = std::chrono::steady_clock::now();
        const auto ask = [&]() -> awaitable<void> {
            for (std::size_t i = 0; i < questions_.size(); i += step, ++asked) {
                const json::object& question = questions_[i];
                const Filter channel = filter::eq("channel_id", question.at("channel_id"));
                const std::vector<TextResult> found =
                    co_await texts_->search_text("user_memories", text_of(question, "question"), 10, channel, options);
                const double share = share_found(found, question);
                recall.all += share;
                if (std::ranges::find(held_out, text_of(question, "channel_id")) != held_out.end()) {
                    recall.held_out += share;
                    ++count_held_out;
                } else {
                    recall.tuned += share;
                }
            }
        };
        wait(start(ask()), std::chrono::seconds(600));
        const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - begun;
        const auto count = static_cast<double>(asked);
        recall.microseconds = taken.count() / count;
        recall.all /= count;
        recall.tuned /= count - static_cast<double>(count_held_out);
        recall.held_out /= static_cast<double>(count_held_out);
        return recall;
    }

    static double share_found(const std::vector<TextResult>& found, const json::object& question)
    {
        EXPECT_EQ(found.size(), 10U);
        std::set<std::string> ids;
        for (const TextResult& result : found) {
            EXPECT_EQ(result.metadata.at("channel_id"), question.at("channel_id"));
            ids.insert(text_of(result.metadata, "dia_id"));
        }
        const json::array& evidence = question.at("evidence").as_array();
        double hits = 0;
        for (const json::value& one : evidence)
            hits += ids.contains(std::string(one.as_string())) ? 1 : 0;
        return hits / static_cast<double>(evidence.size());
    }

    static void print(std::string_view what, const Recall& recall)
    {
        std::cout << what << ": evidence recall@10 " << recall.all << ", tuned on " << recall.tuned << ", held out "
                  << recall.held_out << ", " << recall.microseconds << " microseconds a question\n";
    }

    TestDirectory directory_;
    std::vector<json::object> messages_;
    std::vector<json::object> questions_;
    std::shared_ptr<SQLiteAdapter> database_;
#if defined(WHISPERSTORE_TEST_QDRANT)
    QdrantPlace place_; // outlives the manager
#endif
    std::shared_ptr<VectorDatabaseManager> vectors_;
    std::unique_ptr<TextMemory> texts_;
    std::shared_ptr<EmbeddingProvider> provider_;
};

INSTANTIATE_TEST_SUITE_P(Backends, LocomoTexts, testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param; });

TEST_P(LocomoTexts, EvidenceIsRecalledByVectorsAlone)
{
    TextSearchOptions options;
    options.mode = TextSearchOptions::Mode::dense;
    const Recall found = recall(options);
    print("dense", found);
    EXPECT_NEAR(found.all, 0.342, 0.002);
}

TEST_P(LocomoTexts, WordsAndNeighboursRecallTwiceAsMuch)
{
    const bool local = GetParam() == "local_qdrant";
    // The stand-in for a server takes a tenth of a second for a question; WHISPERSTORE_ALL_QUESTIONS asks them all.
    const std::size_t step = local || std::getenv("WHISPERSTORE_ALL_QUESTIONS") ? 1 : 8;
    const Recall found = recall(TextSearchOptions(), step);
    print("hybrid", found);
    EXPECT_GE(found.held_out, 0.72);
    if (!local) {
        close();
        std::filesystem::remove_all(directory_.path() / "database.db");
        open(provider_, "local_qdrant");
        run(store());
        const Recall locally = recall(TextSearchOptions(), step);
        print("the same questions on local_qdrant", locally);
        EXPECT_NEAR(found.all, locally.all, 0.02);
        return;
    }

    TextSearchOptions without;
    without.neighbours = false;
    const Recall alone = recall(without, 4);
    print("hybrid without neighbours", alone);
    EXPECT_GE(alone.held_out, 0.60);
}

} // namespace
} // namespace whisperstore::test

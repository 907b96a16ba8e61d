// Recall on recorded conversations (LoCoMo), which are not part of this repository.

#include "conformance/vector_fixture.hpp"

#include <chrono>
#include <cstring>
#include <iostream>
#include <set>
#include <sstream>

namespace whisperstore::test {
namespace {

class LocomoVectors : public VectorFixture
{
protected:
    static constexpr std::size_t dimension = 384;

    static std::vector<json::object> read_lines(const std::filesystem::path& path)
    {
        std::vector<json::object> lines;
        std::istringstream text(read_file(path));
        for (std::string line; std::getline(text, line);)
            lines.push_back(parse_json_object(line, path.filename().string()));
        return lines;
    }
    static std::vector<std::vector<float>> read_vectors(const std::filesystem::path& path)
    {
        const std::string bytes = read_file(path);
        std::vector<std::vector<float>> vectors(bytes.size() / (dimension * sizeof(float)),
                                                std::vector<float>(dimension));
        for (std::size_t i = 0; i < vectors.size(); ++i)
            std::memcpy(vectors[i].data(), bytes.data() + i * dimension * sizeof(float), dimension * sizeof(float));
        return vectors;
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, LocomoVectors, testing::ValuesIn(vector_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(LocomoVectors, EvidenceIsRecalled)
{
    const std::filesystem::path folder = shared_data() / "data" / "locomo";
    if (!std::filesystem::exists(folder))
        GTEST_SKIP() << folder << " is not there";
    const std::vector<json::object> messages = read_lines(folder / "messages.jsonl");
    const std::vector<std::vector<float>> embeddings = read_vectors(folder / "messages.f32");
    ASSERT_EQ(messages.size(), 4124U);
    ASSERT_EQ(embeddings.size(), 4124U);
    create("user_memories", dimension);
    std::vector<VectorDocument> documents;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        VectorDocument one{std::to_string(messages[i].at("message_id").as_int64()),
                           std::string(messages[i].at("content").as_string()), embeddings[i], messages[i]};
        one.metadata.erase("content");
        documents.push_back(std::move(one));
    }
    run(vectors->store_documents("user_memories", documents));

    const std::vector<json::object> questions = read_lines(folder / "questions.jsonl");
    const std::vector<std::vector<float>> queries = read_vectors(folder / "questions.f32");
    ASSERT_EQ(questions.size(), 1345U);
    std::vector<std::vector<SearchResult>> answers;
    const auto ask = [&]() -> awaitable<void> {
        for (std::size_t i = 0; i < questions.size(); ++i) {
            Filter channel = filter::eq("channel_id", questions[i].at("channel_id"));
            answers.push_back(co_await vectors->search_similar("user_memories", queries[i], 10, channel));
        }
    };
    const auto begun = std::chrono::steady_clock::now();
    run(ask());
    const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - begun;

    double recall = 0;
    for (std::size_t i = 0; i < questions.size(); ++i) {
        ASSERT_EQ(answers[i].size(), 10U);
        std::set<std::string> found;
        for (const SearchResult& result : answers[i]) {
            EXPECT_EQ(result.metadata.at("channel_id"), questions[i].at("channel_id"));
            found.emplace(result.metadata.at("dia_id").as_string());
        }
        const json::array& evidence = questions[i].at("evidence").as_array();
        ASSERT_FALSE(evidence.empty());
        double hits = 0;
        for (const json::value& one : evidence)
            hits += found.contains(std::string(one.as_string())) ? 1 : 0;
        recall += hits / static_cast<double>(evidence.size());
    }
    recall /= static_cast<double>(questions.size());
    EXPECT_NEAR(recall, 0.342, GetParam().recall_tolerance);
    std::cout << "evidence recall@10 " << recall << ", " << taken.count() / static_cast<double>(questions.size())
              << " microseconds a question\n";
}

} // namespace
} // namespace whisperstore::test
